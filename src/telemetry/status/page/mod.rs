//! The status as a page for people: one document without scripts and outside resources, for wide and narrow screens,
//! light and dark.

mod table;
mod tables;
mod words;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Fullness, Level, State, Status, Unit};
use crate::html::Html;
use words::{bytes, grouped, span};

const STYLE: &str = include_str!("page.css");

/// The Content-Security-Policy of the page: its own style, and nothing else from anywhere.
pub fn policy_of_content() -> String {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page, in HTML. Its size is bounded: long tables end with how much more there is.
pub fn page(status: &Status) -> String {
    let mut html = Html::new();
    html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .markup("<meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n")
        .markup("<title>Vestibule: status</title>\n<style>")
        .markup(STYLE)
        .markup("</style>\n</head>\n<body>\n");
    header(&mut html, status);
    html.markup("<main>\n");
    cards(&mut html, status);
    tables::hosts(&mut html, status);
    tables::troubles(&mut html, &status.troubles);
    tables::upstreams(&mut html, &status.upstreams);
    tables::addresses(&mut html, &status.upstreams);
    tables::certificates(&mut html, &status.certificates);
    tables::content_types(&mut html, &status.hosts);
    tables::content(&mut html, &status.hosts);
    tables::limits(&mut html, &status.hosts);
    tables::metadata(&mut html, &status.metadata);
    html.markup("</main>\n<footer class=\"faint\"><p>Counts are since the start. The same as JSON: ")
        .markup("<a href=\"status.json\">status.json</a>; all metrics: <a href=\"metrics\">metrics</a>.</p></footer>\n")
        .markup("</body>\n</html>\n");
    html.finish()
}

fn header(html: &mut Html, status: &Status) {
    html.markup("<header>\n<h1>Vestibule</h1>\n");
    let (open, word) = match status.state {
        State::Ready => ("<span class=\"state good\">", "ready"),
        State::Starting => ("<span class=\"state warn\">", "starting: takes no clients yet"),
        State::Draining => ("<span class=\"state warn\">", "draining: takes no new clients"),
    };
    html.element(open, word, "</span>\n");
    html.element("<span class=\"faint\">version ", status.version, "</span>\n");
    html.element("<span class=\"faint\">up for ", span(status.uptime_seconds), "</span>\n");
    html.element("<span class=\"faint\">configuration of <time>", &status.loaded, "</time></span>\n");
    if !status.last_reload_successful {
        html.markup("<span class=\"bad\">the last reload was refused</span>\n");
    }
    html.element("<span class=\"faint\">as of <time>", &status.now, "</time></span>\n</header>\n");
}

/// What can become full, after how many sessions there are.
fn cards(html: &mut Html, status: &Status) {
    html.markup("<dl class=\"cards\">\n");
    html.element("<div><dt>Sessions</dt><dd>", grouped(status.sessions_open.unsigned_abs()), "</dd></div>\n");
    for fullness in &status.fullness {
        card(html, fullness);
    }
    html.element("<div><dt>Workers</dt><dd>", status.workers, "</dd></div>\n</dl>\n");
}

fn card(html: &mut Html, fullness: &Fullness) {
    let Fullness { of, used, most, unit } = fullness;
    let said = |amount: u64| match unit {
        Unit::Count => grouped(amount),
        Unit::Bytes => bytes(amount),
    };
    html.element("<div><dt>", of, "</dt><dd>").value(said(*used));
    html.element(" <small>of ", said(*most), "</small>");
    html.markup(match fullness.level() {
        Level::Fine => "",
        Level::Near => " <span class=\"warn\">nearly full</span>",
        Level::Full => " <span class=\"bad\">full</span>",
    });
    html.element("<meter min=\"0\" optimum=\"0\" max=\"", (*most).max(1), "\"");
    html.element(" low=\"", most.saturating_mul(8) / 10, "\"");
    html.element(" high=\"", most.saturating_mul(95) / 100, "\"");
    html.element(" value=\"", used, "\" aria-label=\"").value(of).markup("\"></meter></dd></div>\n");
}
