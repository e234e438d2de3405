use std::collections::BTreeMap;

use super::*;
use crate::sandbox::demo::Claim;
use crate::sandbox::demo::picture::Content;
use crate::sandbox::demo::scene::Exchange;
use crate::sandbox::demo::witness::{Arrow, Log, Moved};

const HOSTILE: &str = "</code><script>alert(1)</script>\"' onload='x";

fn arrow(label: &str, fate: Fate) -> Arrow {
    Arrow {
        from: "Alice".to_owned(),
        to: "gatekeeper".to_owned(),
        label: label.to_owned(),
        sent: 1.0,
        received: None,
        sent_bytes: 1,
        received_bytes: 1,
        fate,
    }
}

/// One act in which there is some of everything, and this text wherever text can stand.
fn report(text: &str) -> Report {
    let lines = vec![text.to_owned(), "{\"at\":1}".to_owned()];
    let scene = Scene {
        title: "An act",
        explanation: "What it is for.",
        exchanges: vec![
            Exchange {
                caption: "Edited",
                sent: format!("<m><a x=\"{}\"/></m>", escaped(text)),
                received: format!("<m><b>{}</b></m>", escaped(text)),
            },
            Exchange { caption: "Refused", sent: text.to_owned(), received: String::new() },
            Exchange { caption: "Passed", sent: text.to_owned(), received: text.to_owned() },
        ],
        listings: vec![Listing { caption: text.to_owned(), lines: lines.clone() }],
        metrics: BTreeMap::from([(text.to_owned(), 2.0), ("zero".to_owned(), 0.0)]),
        contents: vec![
            Content::media(text, text, vec![1, 2, 3], text),
            Content::media(text, "image/png", vec![1, 2, 3], text),
            Content::media(text, "audio/ogg", vec![1, 2, 3], text),
            Content::instead(text, text, text),
        ],
        findings: vec![Finding::new(Claim::Enlisted, true, text)],
        sequence: vec![arrow(text, Fate::Edited), arrow(text, Fate::Answered(200))],
    };
    let mut claims = vec![Finding::new(Claim::Enlisted, true, text)];
    claims.push(Finding::new(Claim::Woken, false, "not seen"));
    Report {
        all_observed: false,
        claims,
        stopped_by: Some(text.to_owned()),
        played_at: "2026-03-01T12:00:00Z".to_owned(),
        scenes: vec![scene],
        logs: vec![Log { log: "access", policy: text.to_owned(), lines }],
        moved: vec![Moved { series: text.to_owned(), before: None, after: 3.0 }],
        report: None,
        pictures: Vec::new(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// The tags of a page, in order, without what stands between them.
fn tags(page: &str) -> Vec<String> {
    let starts = page.split('<').skip(1);
    starts.map(|piece| piece.split('>').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn whatever_anybody_said_no_tag_is_added() {
    let names = |page: &str| -> Vec<String> {
        let name = |tag: &String| tag.split([' ', '\n']).next().unwrap_or_default().to_owned();
        tags(page).iter().map(name).collect()
    };
    let (plain, hostile) = (page(&report("plain")), page(&report(HOSTILE)));
    assert_eq!(names(&plain), names(&hostile));
    assert!(!hostile.contains("<script") && !hostile.contains(HOSTILE));
    assert!(hostile.contains("&lt;script&gt;alert(1)"));
    // Nor an attribute: between the tags' quotes everything is escaped.
    let attributes = |page: &str| tags(page).iter().map(|tag| tag.matches('"').count()).sum::<usize>();
    assert_eq!(attributes(&plain), attributes(&hostile));
}

#[test]
fn a_media_type_that_is_none_does_not_become_a_part_of_the_address() {
    let page = page(&report(HOSTILE));
    assert!(page.contains("<a download href=\"data:application/octet-stream;base64,AQID\">"));
    assert!(page.contains("<img src=\"data:image/png;base64,AQID\""));
    assert!(page.contains("<audio controls preload=\"metadata\" src=\"data:audio/ogg;base64,AQID\""));
}

#[test]
fn the_page_needs_nothing_from_outside_and_runs_nothing() {
    let page = page(&report("plain"));
    assert_eq!(page.matches("http-equiv=\"Content-Security-Policy\"").count(), 1);
    assert!(page.contains("default-src 'none'; img-src data:; media-src data:; style-src 'sha256-"));
    for word in ["<script", "<iframe", "<link rel=\"stylesheet", "@import", "url(http", "style=\"", "onclick"]
    {
        assert!(!page.contains(word), "{word}");
    }
    for tag in tags(&page).iter().filter(|tag| tag.contains("src=\"") || tag.contains("href=\"")) {
        let inside = ["src=\"data:", "href=\"data:", "href=\"#"].iter().any(|start| tag.contains(start));
        assert!(inside, "{tag}");
    }
}

#[test]
fn the_page_is_as_it_was_drawn() {
    let page = page(&report("plain"));
    let body = page.split_once("<body>").unwrap().1;
    let version = format!("version {}.", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(body.replace(&version, "version 1.2.3."));
}

#[test]
fn all_that_is_opened_is_closed() {
    let mut open = Vec::new();
    for tag in tags(&page(&report("plain"))) {
        let name = tag.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap_or_default().to_owned();
        let is_void = ["meta", "link", "img", "!doctype"].contains(&name.as_str()) || tag.ends_with('/');
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !is_void {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
