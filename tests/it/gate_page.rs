//! docs/gate.md says of refusals and productions what the code says.

use std::collections::BTreeSet;
use std::fs;

use vestibule::framing::RefusalKind;
use vestibule::stanza::StreamError;

const PAGE: &str = "docs/gate.md";

fn page() -> String {
    fs::read_to_string(PAGE).unwrap()
}

/// The cells of each row of the table under `heading` that has `first` as its first column.
fn rows(heading: &str, first: &str) -> Vec<Vec<String>> {
    let page = page();
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let table = section.split(&format!("| {first} |")).nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    table.lines().skip(2).map(cells).collect()
}

#[test]
fn every_kind_of_refusal_is_listed_with_its_rule_and_its_stream_error() {
    let listed = rows("Refusals", "kind");
    let expected: Vec<_> = RefusalKind::ALL.iter().map(|kind| row(*kind)).collect();
    let lines: Vec<String> = expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(listed, expected, "the table should be:\n{}", lines.join("\n"));
}

fn row(kind: RefusalKind) -> Vec<String> {
    let error = StreamError::from(kind);
    let application =
        error.application.map(|condition| format!(", `{}`", condition.name())).unwrap_or_default();
    vec![format!("`{kind}`"), kind.rule().to_owned(), format!("`{}`{application}", error.condition.name())]
}

#[test]
fn every_production_is_named_where_the_page_says_that_it_stands_and_the_other_way_round() {
    let mut listed = BTreeSet::new();
    for row in rows("The grammar, and where it stands", "production") {
        let [productions, files] = row.as_slice() else { panic!("{row:?}") };
        let numbers: BTreeSet<&str> = quoted(productions).collect();
        let found: BTreeSet<String> = quoted(files).flat_map(productions_in).collect();
        let missing: Vec<_> = numbers.iter().filter(|number| !found.contains(**number)).collect();
        assert!(missing.is_empty(), "{missing:?} stand in none of {files}");
        for file in quoted(files) {
            let is_right = productions_in(file).iter().any(|number| numbers.contains(number.as_str()));
            assert!(is_right, "{file} has none of {productions}");
        }
        listed.extend(numbers.into_iter().map(str::to_owned));
    }
    let sources = [
        "characters",
        "names",
        "reference",
        "scan/content",
        "scan/element",
        "scan/mod",
        "scan/prolog",
        "scan/tag",
    ];
    let named: BTreeSet<String> =
        sources.iter().flat_map(|file| productions_in(&format!("{file}.rs"))).collect();
    let unlisted: Vec<_> = named.iter().filter(|number| !listed.contains(*number)).collect();
    assert!(unlisted.is_empty(), "the page does not name {unlisted:?}");
}

/// The numbers of productions in a file's comments, as `[10]`.
fn productions_in(file: &str) -> BTreeSet<String> {
    let source = fs::read_to_string(format!("src/framing/{file}")).unwrap();
    let comments = source.lines().filter(|line| line.trim_start().starts_with("//"));
    let is_number = |text: &&str| {
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit()))
    };
    comments.flat_map(|line| quoted(line).filter(is_number).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_page_quotes_what_became_of_the_w3c_suite() {
    assert!(
        page().contains(include_str!("../conformance/table.md").trim()),
        "tests/conformance/table.md is not in {PAGE}"
    );
}
