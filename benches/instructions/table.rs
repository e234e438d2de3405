//! The tables in docs/performance.md: the one place where the counts stand, read for a check and written for an update.

use anyhow::Context as _;

/// A table in Markdown, found by the first cell of its head.
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table in `document` whose head begins with a cell that `begins`.
    pub fn find(document: &str, begins: &str) -> anyhow::Result<Table> {
        let (start, end) = range(document, begins)?;
        let mut lines = document[start..end].lines().map(cells);
        let head = lines.next().unwrap_or_default();
        Ok(Table { head, rows: lines.skip(1).collect() })
    }

    /// `document` with this table in the place of the one whose head begins with a cell that `begins`.
    pub fn replace(&self, document: &str, begins: &str) -> anyhow::Result<String> {
        let (start, end) = range(document, begins)?;
        Ok(format!("{}{}{}", &document[..start], self.to_markdown(), &document[end..]))
    }

    pub fn to_markdown(&self) -> String {
        let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.head.len()));
        line(&self.head) + &rule + &self.rows.iter().map(line).collect::<String>()
    }
}

/// Where the table stands, in bytes.
fn range(document: &str, begins: &str) -> anyhow::Result<(usize, usize)> {
    let start = document
        .find(&format!("\n| {begins}"))
        .with_context(|| format!("no table begins with '{begins}'"))?
        + 1;
    let length =
        document[start..].split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len);
    Ok((start, start + length.sum::<usize>()))
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// A number as it stands in the tables: `12,345`.
pub fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// The number that [`with_commas`] wrote.
pub fn number(cell: &str) -> anyhow::Result<u64> {
    cell.replace(',', "").parse().with_context(|| format!("'{cell}' is not a number"))
}
