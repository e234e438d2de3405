//! The suite's own catalogue: which documents there are, and what it says of each.

use std::fs;
use std::path::{Path, PathBuf};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// A TEST of the catalogue, with its document.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) claim: Claim,
    pub(super) document: Vec<u8>,
}

/// What the catalogue says of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// TYPE `valid`, or `invalid`: against its DTD, which the gate does not read.
    WellFormed,
    /// TYPE `not-wf`.
    IllFormed,
    /// XML, but against Namespaces in XML: `not-wf` by a RECOMMENDATION about namespaces, or NAMESPACE `no`.
    AgainstNamespaces,
    /// TYPE `error`: a processor may report it or not.
    Error,
}

/// Reads the suite that lies in `folder`, in the catalogue's order.
pub(super) fn read(folder: &Path) -> Vec<Entry> {
    let file = folder.join("cleaned/xmlconf-flattened.xml");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{error}: {}; `tests/run conformance` fetches the suite", file.display())
    });
    let mut reader = Reader::from_str(&text);
    // The folders that URIs are relative to, the innermost last: an `xml:base` for each open TESTCASES.
    let mut bases = vec![folder.join("xmlconf")];
    let mut entries = Vec::new();
    loop {
        match reader.read_event().expect("the catalogue is well-formed") {
            Event::Start(tag) if matches!(tag.name().as_ref(), "TESTSUITE" | "TESTCASES") => {
                bases.push(innermost(&bases).join(attribute(&tag, "xml:base").unwrap_or_default()));
            }
            Event::End(tag) if matches!(tag.name().as_ref(), "TESTSUITE" | "TESTCASES") => {
                bases.pop();
            }
            Event::Start(tag) if tag.name().as_ref() == "TEST" => {
                entries.push(entry(&tag, innermost(&bases)));
            }
            Event::Eof => return entries,
            _ => {}
        }
    }
}

fn innermost(bases: &[PathBuf]) -> &Path {
    bases.last().expect("tags match")
}

fn entry(tag: &BytesStart<'_>, base: &Path) -> Entry {
    let required = |name| attribute(tag, name).unwrap_or_else(|| panic!("a TEST has no {name}"));
    let path = base.join(required("URI"));
    Entry {
        id: required("ID"),
        claim: claim(&required("TYPE"), attribute(tag, "RECOMMENDATION"), attribute(tag, "NAMESPACE")),
        document: fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display())),
    }
}

/// EDITION and VERSION change nothing: what any edition calls ill-formed must be refused, and a document of another
/// version is known by its declaration.
fn claim(kind: &str, recommendation: Option<String>, namespace: Option<String>) -> Claim {
    let about_namespaces = recommendation.is_some_and(|recommendation| recommendation.starts_with("NS"));
    match (kind, namespace.as_deref().unwrap_or("yes")) {
        ("valid" | "invalid", "yes") => Claim::WellFormed,
        ("valid" | "invalid", "no") => Claim::AgainstNamespaces,
        ("not-wf", _) if about_namespaces => Claim::AgainstNamespaces,
        ("not-wf", _) => Claim::IllFormed,
        ("error", _) => Claim::Error,
        (kind, namespace) => panic!("the catalogue has no TYPE {kind} with NAMESPACE {namespace}"),
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).expect("the catalogue is well-formed")?;
    let value = attribute.normalized_value(XmlVersion::default()).expect("the catalogue is well-formed");
    Some(value.into_owned())
}
