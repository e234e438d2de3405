//! The whole demonstration as one page: HTML that needs nothing from outside and runs nothing, to be read, printed and
//! sent to somebody.
//!
//! What stands on it was observed: the page is written from the report alone. A value cannot become markup
//! ([`Html`]), whoever said it.

mod content;
mod exchange;
mod file;
mod record;
mod sequence;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use file::{Destination, FileError};

use super::scene::{Listing, Scene};
use super::witness::Fate;
use super::{Finding, Report};
use crate::html::Html;

const STYLE: &str = include_str!("page.css");
const INTRODUCTION: &str = "A provider, a gatekeeper, their users' clients, and Vestibule between them, all on one \
                            machine, over real TLS connections. What you see was on these connections; line breaks \
                            inside stanzas are for reading. The people are made up. docs/interop.md says which of \
                            this is public and which the sandbox's own choice.";

/// The page, in HTML.
pub fn page(report: &Report) -> String {
    let mut html = Html::new();
    head(&mut html);
    header(&mut html, report);
    html.markup("<main>\n");
    cards(&mut html, report);
    if let Some(reason) = &report.stopped_by {
        html.element("<p class=\"ended bad\">The demonstration ended early: ", reason, "</p>\n");
    }
    contents(&mut html, report);
    claims(&mut html, report);
    for (number, scene) in (1..).zip(&report.scenes) {
        act(&mut html, number, scene);
    }
    record::logs(&mut html, &report.logs);
    record::moved(&mut html, &report.moved);
    html.markup(
        "</main>\n<footer class=\"faint\"><p>Written by <code>vestibule demo --report</code>, version ",
    );
    html.element(
        "",
        env!("CARGO_PKG_VERSION"),
        ". Nothing on this page comes from outside of it.</p></footer>\n",
    );
    html.markup("</body>\n</html>\n");
    html.finish()
}

/// The policy comes before all that it holds for. A page in a file has no header fields, so that it stands in the page.
fn head(html: &mut Html) {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; ")
        .element("media-src data:; style-src 'sha256-", hash, "'; base-uri 'none'; form-action 'none'\">\n")
        .markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .markup("<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n")
        .markup("<title>Vestibule: the demonstration</title>\n<style>")
        .markup(STYLE)
        .markup("</style>\n</head>\n<body>\n");
}

fn header(html: &mut Html, report: &Report) {
    html.markup("<header>\n<h1>Vestibule</h1>\n");
    html.markup(if report.all_observed {
        "<span class=\"state good\">✓ all observed</span>\n"
    } else {
        "<span class=\"state bad\">✗ not all observed</span>\n"
    });
    html.markup("<span class=\"faint\">between a provider's clients and a gatekeeper</span>\n");
    html.element("<span class=\"faint\">played at <time>", &report.played_at, "</time></span>\n</header>\n");
    html.element("<p class=\"lead\">", INTRODUCTION, "</p>\n");
}

/// How much of everything there is.
fn cards(html: &mut Html, report: &Report) {
    let observed = report.claims.iter().filter(|finding| finding.observed).count();
    let arrows = || report.scenes.iter().flat_map(|scene| &scene.sequence);
    let frames = arrows().filter(|arrow| !matches!(arrow.fate, Fate::Answered(_))).count();
    let edited = arrows().filter(|arrow| arrow.fate == Fate::Edited).count();
    let exchanges: usize = report.scenes.iter().map(|scene| scene.exchanges.len()).sum();
    let lines: usize = report.logs.iter().map(|log| log.lines.len()).sum();
    html.element("<dl class=\"cards\">\n<div><dt>Claims observed</dt><dd id=\"observed\">", observed, "");
    html.element(" <small>of ", report.claims.len(), "</small></dd></div>\n");
    for (name, count) in [
        ("Acts", report.scenes.len()),
        ("Stanzas side by side", exchanges),
        ("Frames on the wire", frames),
        ("Edited by Vestibule", edited),
        ("Calls over HTTP", arrows().count() - frames),
        ("Lines logged", lines),
        ("Metrics that moved", report.moved.len()),
    ] {
        html.element("<div><dt>", name, "</dt><dd>").element("", count, "</dd></div>\n");
    }
    html.markup("</dl>\n");
}

fn contents(html: &mut Html, report: &Report) {
    html.markup("<nav aria-label=\"Acts\"><ol>\n");
    for (number, scene) in (1..).zip(&report.scenes) {
        html.element("<li><a href=\"#act-", number, "\">").element("", scene.title, "</a></li>\n");
    }
    html.markup(
        "</ol>\n<p><a href=\"#claims\">What was claimed</a> · <a href=\"#logs\">What was logged</a> · ",
    )
    .markup("<a href=\"#metrics\">Metrics that moved</a></p></nav>\n");
}

fn claims(html: &mut Html, report: &Report) {
    html.markup(
        "<section id=\"claims\">\n<h2>What was claimed and what was observed</h2>\n<ul class=\"findings\">\n",
    );
    for finding in &report.claims {
        let of = |scene: &Scene| scene.findings.iter().any(|other| other.claim == finding.claim);
        let act = report.scenes.iter().position(of).map(|at| at + 1);
        claim(html, finding, act);
    }
    html.markup("</ul>\n");
    sequence::legend(html);
    html.markup("</section>\n");
}

/// With the number of the act that it is from, where that is not plain.
fn claim(html: &mut Html, finding: &Finding, act: Option<usize>) {
    html.markup(if finding.observed {
        "<li class=\"finding\"><span class=\"good\">✓ observed</span><div><p>"
    } else {
        "<li class=\"finding missed\"><span class=\"bad\">✗ not seen</span><div><p>"
    });
    html.value(finding.claim.text());
    if let Some(act) = act {
        html.element(" <a class=\"faint\" href=\"#act-", act, "\">").element("act ", act, "</a>");
    }
    html.element("</p><p class=\"faint\">", &finding.detail, "</p></div></li>\n");
}

fn act(html: &mut Html, number: usize, scene: &Scene) {
    html.element("<section class=\"act\" id=\"act-", number, "\">\n<h2>");
    html.element("<span class=\"number\">", number, "</span> ").element("", scene.title, "</h2>\n");
    html.element("<p class=\"lead\">", scene.explanation, "</p>\n");
    for exchange in &scene.exchanges {
        exchange::compare(html, exchange);
    }
    for listing in &scene.listings {
        list(html, listing);
    }
    content::screens(html, &scene.contents);
    record::figures(html, &scene.metrics);
    html.markup("<ul class=\"findings\">\n");
    for finding in &scene.findings {
        claim(html, finding, None);
    }
    html.markup("</ul>\n");
    sequence::draw(html, &scene.sequence);
    html.markup("</section>\n");
}

fn list(html: &mut Html, Listing { caption, lines }: &Listing) {
    html.element("<div class=\"listing\">\n<h3>", caption, "</h3>\n");
    record::lines(html, lines);
    html.markup("</div>\n");
}
