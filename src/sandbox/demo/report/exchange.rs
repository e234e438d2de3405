//! One stanza as it was sent and as it was received, side by side, line by line, with the edit marked: by a sign, by the
//! element that says it to a screen reader, and by colour.

use std::collections::VecDeque;

use crate::html::Html;
use crate::sandbox::demo::difference::{self, Line, Mark};
use crate::sandbox::demo::scene::Exchange;

/// A line of both sides, or of one.
struct Row<'l> {
    sent: Option<&'l Line>,
    received: Option<&'l Line>,
}

pub fn compare(html: &mut Html, Exchange { caption, sent, received }: &Exchange) {
    let lines = difference::between(sent, received).unwrap_or_else(|| whole(sent, received));
    let edited = lines.iter().any(|line| line.mark != Mark::Kept);
    html.element("<figure class=\"exchange\">\n<figcaption>", caption, "</figcaption>\n");
    html.markup("<table>\n<thead><tr><th scope=\"col\">as sent <small>");
    html.element("", sent.len(), " bytes</small></th><th scope=\"col\">as received <small>");
    html.element("", received.len(), " bytes</small></th></tr></thead>\n<tbody>\n");
    for row in rows(&lines) {
        html.markup(match (row.sent, row.received) {
            (Some(_), Some(received)) if received.mark == Mark::Kept => "<tr class=\"kept\">",
            _ => "<tr class=\"edited\">",
        });
        cell(html, row.sent, "<td class=\"sent\">", "<td class=\"sent nothing\">");
        cell(html, row.received, "<td class=\"received\">", "<td class=\"received nothing\">");
        html.markup("</tr>\n");
    }
    html.markup("</tbody>\n</table>\n<p class=\"faint verdict\">");
    if received.is_empty() {
        html.markup("✗ Nothing of it arrived.");
    } else if edited {
        html.markup("± Edited: − was taken out, + was added.");
    } else {
        html.element("= The same ", sent.len(), " bytes on both sides.");
    }
    html.markup("</p>\n</figure>\n");
}

/// What cannot be compared element by element is there as a whole, on each side.
fn whole(sent: &str, received: &str) -> Vec<Line> {
    let line = |mark, text: &str| Line { mark, depth: 0, text: text.to_owned() };
    if sent == received {
        return vec![line(Mark::Kept, sent)];
    }
    let sides = [line(Mark::Removed, sent), line(Mark::Added, received)];
    sides.into_iter().filter(|line| !line.text.is_empty()).collect()
}

/// What was added stands beside what was taken out before it, so far as that goes.
fn rows(lines: &[Line]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let (mut removed, mut added) = (VecDeque::new(), VecDeque::new());
    for line in lines {
        match line.mark {
            Mark::Removed => removed.push_back(line),
            Mark::Added => added.push_back(line),
            Mark::Kept => {
                settle(&mut removed, &mut added, &mut rows);
                rows.push(Row { sent: Some(line), received: Some(line) });
            }
        }
    }
    settle(&mut removed, &mut added, &mut rows);
    rows
}

fn settle<'l>(removed: &mut VecDeque<&'l Line>, added: &mut VecDeque<&'l Line>, rows: &mut Vec<Row<'l>>) {
    while !removed.is_empty() || !added.is_empty() {
        rows.push(Row { sent: removed.pop_front(), received: added.pop_front() });
    }
}

fn cell(html: &mut Html, line: Option<&Line>, open: &'static str, nothing: &'static str) {
    let Some(Line { mark, depth, text }) = line else {
        html.markup(nothing).markup("</td>");
        return;
    };
    let (before, behind) = match mark {
        Mark::Kept => ("<span class=\"sign\"> </span>", ""),
        Mark::Removed => ("<span class=\"sign\">−</span><del>", "</del>"),
        Mark::Added => ("<span class=\"sign\">+</span><ins>", "</ins>"),
    };
    html.markup(open).markup(indented(*depth)).markup(before);
    html.element("<code>", text, "</code>").markup(behind).markup("</div></td>");
}

/// The policy lets no element have a style of its own.
fn indented(depth: usize) -> &'static str {
    match depth {
        0 => "<div class=\"line\">",
        1 => "<div class=\"line d1\">",
        2 => "<div class=\"line d2\">",
        3 => "<div class=\"line d3\">",
        4 => "<div class=\"line d4\">",
        _ => "<div class=\"line d5\">",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sent: &str, received: &str) -> String {
        let lines = difference::between(sent, received).unwrap_or_else(|| whole(sent, received));
        let text = |line: Option<&Line>| line.map_or("", |line| line.text.as_str()).to_owned();
        rows(&lines).iter().map(|row| format!("{} | {}\n", text(row.sent), text(row.received))).collect()
    }

    #[test]
    fn what_was_added_stands_beside_what_was_taken_out() {
        assert_eq!(
            shown("<m><a/><b/></m>", "<m><x/><b/><y/></m>"),
            "<m> | <m>\n<a/> | <x/>\n<b/> | <b/>\n | <y/>\n</m> | </m>\n"
        );
    }

    #[test]
    fn what_is_no_element_is_there_as_a_whole() {
        assert_eq!(shown("<a>", ""), "<a> | \n");
        assert_eq!(shown("<a>", "<b>"), "<a> | <b>\n");
        assert_eq!(shown("<a>", "<a>"), "<a> | <a>\n");
    }
}
