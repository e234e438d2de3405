//! docs/gate.md says of refusals and productions what the code says.

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
fn every_production_is_named_where_the_page_says_that_it_stands() {
    let listed = rows("The grammar, and where it stands", "production");
    assert!(listed.len() > 10, "the table is read: {listed:?}");
    for row in listed {
        let [productions, files] = row.as_slice() else { panic!("{row:?}") };
        let sources: String = quoted(files).map(source).collect();
        for number in quoted(productions) {
            assert!(sources.contains(number), "{number} is not named in {files}");
        }
    }
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn source(file: &str) -> String {
    fs::read_to_string(format!("src/framing/{file}")).unwrap()
}
