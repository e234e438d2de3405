//! How many documents of each class there are, and what became of them, in Markdown.

use std::fmt::Write;

use vestibule::framing::{Refusal, RefusalFamily, RefusalKind};

use super::Judged;

type Verdict = Result<(), Refusal>;
type Counts = fn(Verdict) -> bool;

/// Each with what it counts.
const COLUMNS: [(&str, Counts); 6] = [
    ("documents", |_| true),
    ("accepted", |verdict| verdict.is_ok()),
    ("not well-formed", |verdict| is_refused_as(RefusalFamily::NotWellFormed, verdict)),
    ("restricted XML", |verdict| is_refused_as(RefusalFamily::RestrictedXml, verdict)),
    ("unsupported encoding", |verdict| is_refused_as(RefusalFamily::UnsupportedEncoding, verdict)),
    ("truncated", |verdict| is_refused_as(RefusalFamily::Truncated, verdict)),
];

/// What RFC 6120 does not restrict; a class for each thing that it does has the name of the refusal.
const UNRESTRICTED: [&str; 4] = ["well-formed", "ill-formed", "against namespaces", "error"];

/// The documents as they are, then those that are judged once more without their comments.
pub(super) fn of(suite: &[Judged]) -> String {
    let mut table = String::new();
    append_line(&mut table, "class", COLUMNS.map(|(head, _)| head.to_owned()));
    append_line(&mut table, "---", COLUMNS.map(|_| "---:".to_owned()));
    for (changed, title) in [(false, "*as they are*"), (true, "*without comments*")] {
        let part = || suite.iter().filter(move |judged| judged.changed == changed);
        append_row(&mut table, title, part());
        for class in UNRESTRICTED.into_iter().chain(RefusalKind::ALL.iter().map(|kind| kind.name())) {
            append_row(&mut table, class, part().filter(|judged| judged.class.name() == class));
        }
    }
    table
}

/// Appends the counts of some documents, if there are any.
fn append_row<'j>(table: &mut String, title: &str, documents: impl Iterator<Item = &'j Judged>) {
    let verdicts: Vec<_> = documents.map(|judged| judged.verdict).collect();
    if !verdicts.is_empty() {
        let count = |counts: Counts| verdicts.iter().filter(|verdict| counts(**verdict)).count();
        append_line(table, title, COLUMNS.map(|(_, counts)| count(counts).to_string()));
    }
}

fn append_line(table: &mut String, title: &str, cells: [String; COLUMNS.len()]) {
    let _ = write!(table, "| {title:<22} |"); // Writing to a String cannot fail.
    for (cell, (head, _)) in cells.iter().zip(COLUMNS) {
        let _ = write!(table, " {cell:>width$} |", width = head.len());
    }
    table.push('\n');
}

fn is_refused_as(family: RefusalFamily, verdict: Verdict) -> bool {
    verdict.is_err_and(|refusal| refusal.kind.family() == family)
}
