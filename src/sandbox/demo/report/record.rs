//! What is left when all is over: lines of the logs, and metrics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::html::Html;
use crate::sandbox::demo::witness::{Log, Moved};

/// Lines of one log or listing; of more, only the number is told.
const MOST_LINES: usize = 500;

pub fn logs(html: &mut Html, logs: &[Log]) {
    html.markup("<section id=\"logs\">\n<h2>What was logged</h2>\n<p class=\"lead\">Every line that stood in the folders of ")
        .markup("Vestibule's logs when it had ended. There is nothing else in them but a lock, which holds no ")
        .markup("lines.</p>\n");
    for Log { log, policy, lines: all } in logs {
        html.element("<div class=\"listing log\">\n<h3>The ", log, " log")
            .element(" under ", policy, ".yaml");
        html.element(" <small class=\"faint\">", all.len(), "");
        html.markup(if all.len() == 1 { " line" } else { " lines" }).markup("</small></h3>\n");
        lines(html, all);
        let names = members(all);
        if !names.is_empty() {
            html.element("<p class=\"faint\">What these lines tell: ", names.join(", "), ".</p>\n");
        }
        html.markup("</div>\n");
    }
    html.markup("</section>\n");
}

pub fn lines(html: &mut Html, lines: &[String]) {
    if lines.is_empty() {
        html.markup("<p class=\"none\">(nothing)</p>\n");
        return;
    }
    html.markup("<ol class=\"lines\">\n");
    for line in lines.iter().take(MOST_LINES) {
        html.element("<li><code>", line, "</code></li>\n");
    }
    html.markup("</ol>\n");
    if lines.len() > MOST_LINES {
        html.element("<p class=\"faint\">and ", lines.len() - MOST_LINES, " more</p>\n");
    }
}

/// The names of all that lines of JSON say, each once.
fn members(lines: &[String]) -> Vec<String> {
    let objects = lines.iter().filter_map(|line| serde_json::from_str::<BTreeMap<String, Value>>(line).ok());
    objects.flat_map(BTreeMap::into_keys).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Series with their values, those that count nothing left out.
pub fn figures(html: &mut Html, figures: &BTreeMap<String, f64>) {
    let counted: Vec<_> = figures.iter().filter(|(_, value)| **value != 0.0).collect();
    if counted.is_empty() {
        return;
    }
    html.markup(
        "<h3>From /metrics, over HTTP: what is not zero</h3>\n<table class=\"figures\">\n<thead><tr>",
    )
    .markup(
        "<th scope=\"col\">series</th><th scope=\"col\" class=\"amount\">value</th></tr></thead>\n<tbody>\n",
    );
    for (series, value) in counted {
        html.element("<tr><td data-column=\"series\"><code>", series, "</code></td>");
        html.element("<td class=\"amount\" data-column=\"value\">", value, "</td></tr>\n");
    }
    html.markup("</tbody>\n</table>\n");
}

pub fn moved(html: &mut Html, moved: &[Moved]) {
    html.markup("<section id=\"metrics\">\n<h2>Metrics that moved</h2>\n<p class=\"lead\">From /metrics before the first ")
        .markup("act and after the last one that was played under default-deny.yaml. The buckets of distributions are ")
        .markup("left out.</p>\n<table class=\"figures\">\n<thead><tr><th scope=\"col\">series</th>")
        .markup("<th scope=\"col\" class=\"amount\">before</th><th scope=\"col\" class=\"amount\">after</th></tr></thead>\n")
        .markup("<tbody>\n");
    for Moved { series, before, after } in moved {
        html.element("<tr><td data-column=\"series\"><code>", series, "</code></td>");
        let before = before.map_or("–".to_owned(), amount);
        html.element("<td class=\"amount\" data-column=\"before\">", before, "</td>");
        html.element("<td class=\"amount\" data-column=\"after\">", amount(*after), "</td></tr>\n");
    }
    html.markup("</tbody>\n</table>\n</section>\n");
}

/// Whole numbers as they are, others with four places.
fn amount(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lines_tell_is_named_once() {
        let lines = [r#"{"a":1,"b":{"c":2}}"#, r#"{"a":2}"#, "no JSON"].map(str::to_owned);
        assert_eq!(members(&lines), ["a", "b"]);
    }

    #[test]
    fn amounts_are_as_long_as_they_have_to_be() {
        assert_eq!(amount(3.0), "3");
        assert_eq!(amount(0.123_456), "0.1235");
    }
}
