//! How many instructions the gate takes, and the relay with it: for stanzas as they come, held against the table in
//! docs/performance.md, for a message with content types, held against the same without, and for the worst input at
//! growing sizes, held against proportion.
//!
//! Time depends on the machine and on what else runs there. Instructions do not, so a change of two in a hundred shows.

#![allow(clippy::print_stdout, reason = "it prints its tables")]
#![allow(clippy::expect_used, reason = "a bench that cannot go on fails there")]

mod callgrind;
mod cases;
mod inputs;
mod relayed;
mod table;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use cases::{Feed, SIZES, STANZAS, Stanza, WORST, Worst};
use table::{Table, number, with_commas};

const UPDATE: &str = "'cargo bench --bench instructions -- --update' writes the new counts to docs/performance.md; the \
    commit should say why they changed";

/// How much the count of a stanza may differ from the table: with the compiler that the table is of, and with others.
const TOLERANCE_PERCENT: (u64, u64) = (2, 15);

/// A stanza is passed as often as this for one count, so that what each run costs once does not weigh.
const TIMES: u64 = 64;

/// How much more a message that needs no edit may take for a host with content types than for one without, and a stanza
/// that the metadata policy has no interest in than without a policy, each in a thousand.
const CONTENT_TYPES_PER_MILLE: u64 = 10;
const METADATA_PER_MILLE: u64 = 5;

/// How much input of twice the size may take; sorting and searching takes the logarithm of the size more.
const GROWTH: f64 = 2.1;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print(),
        ["--check"] => check(),
        ["--update"] => update(),
        ["--test"] => pass_all(),
        ["--stanza", name] => pass_stanza(name),
        ["--worst", name, size] => pass_worst(name, size.parse()?),
        _ => bail!("unknown arguments: give none, --check, --update or --test"),
    }
}

fn print() -> anyhow::Result<()> {
    println!("{}", stanza_table()?.to_markdown());
    println!("{}", worst_table()?.to_markdown());
    Ok(())
}

fn update() -> anyhow::Result<()> {
    let document = std::fs::read_to_string(document_path())?;
    let document = stanza_table()?.replace(&document, "rustc ")?;
    let document = worst_table()?.replace(&document, "input of size n")?;
    Ok(std::fs::write(document_path(), document)?)
}

/// Compares the counts of the stanzas with the table; those of the worst input are checked when they are taken.
fn check() -> anyhow::Result<()> {
    let expected = Table::find(&std::fs::read_to_string(document_path())?, "rustc ")?;
    let counted = stanza_table()?;
    println!("{}", counted.to_markdown());
    let percent = if expected.head[0] == counted.head[0] { TOLERANCE_PERCENT.0 } else { TOLERANCE_PERCENT.1 };
    println!("The table is of {}, this is {}: {percent} % may differ.", expected.head[0], counted.head[0]);
    ensure!(
        expected.head[1..] == counted.head[1..] && expected.rows.len() == counted.rows.len(),
        "other rows or columns than in the table: {UPDATE}"
    );
    for (expected, counted) in expected.rows.iter().zip(&counted.rows) {
        compare(expected, counted, percent)?;
    }
    compare_policies(&counted)?;
    println!("{}", worst_table()?.to_markdown());
    Ok(())
}

fn compare(expected: &[String], counted: &[String], percent: u64) -> anyhow::Result<()> {
    let [name, bytes, before, allocations_before] = expected else {
        bail!("a row of the table has not four cells")
    };
    let [_, _, now, allocations] = counted else { bail!("a count has not four cells") };
    ensure!(expected[..2] == counted[..2], "'{name}' of {bytes} bytes is not what is measured: {UPDATE}");
    let (before, now) = (number(before)?, number(now)?);
    ensure!(
        before.abs_diff(now) * 100 <= before * percent,
        "{name}: {now} instructions, and {before} in the table, more than {percent} % off: {UPDATE}"
    );
    ensure!(
        allocations == allocations_before,
        "{name}: {allocations} allocations, and {allocations_before} in the table: {UPDATE}"
    );
    Ok(())
}

/// Compares each message for which a policy of either kind is asked with the one for which none is.
fn compare_policies(counted: &Table) -> anyhow::Result<()> {
    let mut without = None;
    for (stanza, row) in STANZAS.iter().zip(&counted.rows) {
        let Feed::Relay(session) = stanza.feed else { continue };
        let now = number(&row[2])?;
        let per_mille = match (session.dialect, session.metadata) {
            (None, false) => {
                without = Some(now);
                continue;
            }
            (Some(_), _) => CONTENT_TYPES_PER_MILLE,
            (None, true) => METADATA_PER_MILLE,
        };
        let before = without.context("a message without policies stands first")?;
        ensure!(
            now.saturating_sub(before) * 1_000 <= before * per_mille,
            "{}: {now} instructions, and {before} without the policy, more than {per_mille} in a thousand more",
            stanza.name
        );
    }
    Ok(())
}

/// The costs of the stanzas, each as a row: its name, its bytes, instructions and allocations for one.
fn stanza_table() -> anyhow::Result<Table> {
    let head = [compiler()?, "bytes".into(), "instructions".into(), "allocations".into()];
    let rows = STANZAS.iter().map(|stanza| {
        let cost = callgrind::measure(&["--stanza", stanza.name])?;
        let (instructions, allocations) = (cost.own / TIMES, cost.allocations / TIMES);
        // Where all is in one piece nothing is allocated; where it is not, an allocation is seen.
        ensure!(
            (cost.allocations > 0) == (stanza.feed == Feed::ByteByByte),
            "{}: {} allocations",
            stanza.name,
            cost.allocations
        );
        let bytes = (stanza.text)().len() as u64;
        Ok(vec![stanza.name.into(), with_commas(bytes), with_commas(instructions), allocations.to_string()])
    });
    Ok(Table { head: head.into(), rows: rows.collect::<anyhow::Result<_>>()? })
}

/// The costs of the worst input, each as a row: its name, the smallest size, instructions there, and how they grow
/// whenever the size doubles. An error if they grow too fast.
fn worst_table() -> anyhow::Result<Table> {
    let head = ["input of size n", "n", "instructions", "2n", "4n", "8n"].map(str::to_owned);
    Ok(Table { head: head.into(), rows: WORST.iter().map(worst_row).collect::<anyhow::Result<_>>()? })
}

fn worst_row(worst: &Worst) -> anyhow::Result<Vec<String>> {
    let sizes = SIZES.map(|factor| worst.size * factor);
    let costs: Vec<u64> = sizes
        .iter()
        .map(|size| Ok(callgrind::measure(&["--worst", worst.name, &size.to_string()])?.all))
        .collect::<anyhow::Result<_>>()?;
    let mut row = vec![worst.name.into(), with_commas(worst.size as u64), with_commas(costs[0])];
    for (size, pair) in sizes.iter().zip(costs.windows(2)) {
        let growth = pair[1] as f64 / pair[0] as f64;
        let logarithm = |size: usize| if worst.logarithmic { (size as f64).ln() } else { 1.0 };
        let bound = GROWTH * logarithm(size * 2) / logarithm(*size);
        ensure!(
            growth <= bound,
            "{}: from {size} to twice as many, {growth:.2} times the instructions; {bound:.2} are allowed",
            worst.name
        );
        row.push(format!("× {growth:.2}"));
    }
    Ok(row)
}

/// Passes everything once, without counting.
fn pass_all() -> anyhow::Result<()> {
    STANZAS.iter().for_each(|stanza| cases::pass_stanza(stanza, 1));
    WORST.iter().for_each(|worst| cases::pass_worst(worst, worst.size));
    Ok(())
}

fn pass_stanza(name: &str) -> anyhow::Result<()> {
    let is_named = |stanza: &&Stanza| stanza.name == name;
    cases::pass_stanza(STANZAS.iter().find(is_named).context("no such stanza")?, TIMES as usize);
    Ok(())
}

fn pass_worst(name: &str, size: usize) -> anyhow::Result<()> {
    cases::pass_worst(WORST.iter().find(|worst| worst.name == name).context("no such input")?, size);
    Ok(())
}

/// The compiler that is in use here, as `rustc 1.95.0`.
fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("rustc did not start")?;
    let version = String::from_utf8(output.stdout)?;
    Ok(version.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

fn document_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md")
}
