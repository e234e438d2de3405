//! What was measured, as a table for people or as JSON: for each measure the medians of the rounds, and the median of
//! each round's ratios to nginx and to the pump.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::machine::Machine;

/// What all proxies are compared to.
const REFERENCES: [&str; 2] = ["nginx", "pump"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// CPU time of the proxy, user and system.
    #[serde(rename = "µs")]
    Microseconds,
    /// Time on the wall.
    #[serde(rename = "ms")]
    Milliseconds,
    KiB,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measure {
    name: String,
    unit: Unit,
}

/// One measure of one proxy in one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    measure: Measure,
    value: f64,
}

/// All values of a run, by measure and proxy, in the order in which they first came.
#[derive(Serialize)]
pub struct Report {
    machine: Machine,
    cipher_suite: &'static str,
    measures: Vec<Comparison>,
}

#[derive(Serialize)]
struct Comparison {
    #[serde(flatten)]
    measure: Measure,
    proxies: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// One value per round.
    values: Vec<f64>,
}

impl Measure {
    pub fn new(name: String, unit: Unit) -> Self {
        Self { name, unit }
    }
}

impl Value {
    pub fn new(measure: Measure, value: f64) -> Self {
        Self { measure, value }
    }
}

impl Report {
    pub fn new(machine: Machine, cipher_suite: &'static str) -> Self {
        Self { machine, cipher_suite, measures: Vec::new() }
    }

    /// Adds a proxy's values of one round.
    pub fn add(&mut self, proxy: &str, values: Vec<Value>) {
        for Value { measure, value } in values {
            let comparison = find_or_push(
                &mut self.measures,
                |known| known.measure == measure,
                || Comparison { measure: measure.clone(), proxies: Vec::new() },
            );
            let row = find_or_push(
                &mut comparison.proxies,
                |row| row.name == proxy,
                || Row { name: proxy.to_owned(), values: Vec::new() },
            );
            row.values.push(value);
        }
    }

    pub fn print_json(&self) -> Result<()> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }

    pub fn print_table(&self) -> Result<()> {
        print!("{}", self.table()?);
        Ok(())
    }

    fn table(&self) -> Result<String> {
        let Machine { processor, cores, kernel } = &self.machine;
        let mut table =
            format!("{processor}, {cores} cores, Linux {kernel}; TLS 1.3, {}\n", self.cipher_suite);
        for comparison in &self.measures {
            comparison.write(&mut table)?;
        }
        Ok(table)
    }
}

impl Comparison {
    fn write(&self, table: &mut String) -> Result<()> {
        let unit = match self.measure.unit {
            Unit::Microseconds => "µs of CPU",
            Unit::Milliseconds => "ms",
            Unit::KiB => "KiB",
        };
        writeln!(
            table,
            "\n{:<52}{unit:>10}{:>10}{:>10}{:>22}",
            self.measure.name, "/ nginx", "/ pump", "range"
        )?;
        for row in &self.proxies {
            write!(table, "  {:<50}{:>10.2}", row.name, median(&row.values))?;
            for reference in REFERENCES {
                let ratio =
                    self.ratio(row, reference).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
                write!(table, "{ratio:>10}")?;
            }
            let least = row.values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = row.values.iter().copied().fold(0.0, f64::max);
            writeln!(table, "{:>22}", format!("{least:.2} to {most:.2}"))?;
        }
        Ok(())
    }

    /// The median of the rounds' ratios. Neighbours in time share the machine's mood, so a ratio within a round is
    /// steadier than a ratio of medians.
    fn ratio(&self, row: &Row, reference: &str) -> Option<f64> {
        let reference = self.proxies.iter().find(|row| row.name == reference)?;
        let ratios: Vec<f64> =
            row.values.iter().zip(&reference.values).map(|(value, reference)| value / reference).collect();
        Some(median(&ratios))
    }
}

/// The middle value; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn find_or_push<T>(items: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let position = items.iter().position(is_it).unwrap_or_else(|| {
        items.push(new());
        items.len() - 1
    });
    &mut items[position]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rounds: &[(&str, f64)]) -> Report {
        let machine = Machine { processor: "Test".to_owned(), cores: 2, kernel: "6".to_owned() };
        let mut report = Report::new(machine, "SUITE");
        for &(proxy, value) in rounds {
            report
                .add(proxy, vec![Value::new(Measure::new("message".to_owned(), Unit::Microseconds), value)]);
        }
        report
    }

    #[test]
    fn the_median_is_the_middle_value() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let report =
            report(&[("nginx", 1.0), ("a", 2.0), ("nginx", 10.0), ("a", 30.0), ("nginx", 2.0), ("a", 8.0)]);
        let comparison = &report.measures[0];
        assert_eq!(comparison.ratio(&comparison.proxies[1], "nginx"), Some(3.0));
        assert_eq!(comparison.ratio(&comparison.proxies[1], "pump"), None);
    }

    #[test]
    fn the_table_shows_median_ratios_and_range() {
        let table = report(&[("nginx", 4.0), ("pump", 2.0), ("a", 3.0)]).table().unwrap();
        let row = table.lines().find(|line| line.starts_with("  a ")).unwrap();
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells, ["a", "3.00", "0.75", "1.50", "3.00", "to", "3.00"]);
    }

    #[test]
    fn the_json_holds_every_round() {
        let json = serde_json::to_value(report(&[("a", 1.0), ("a", 2.0)])).unwrap();
        assert_eq!(json["measures"][0]["proxies"][0]["values"], serde_json::json!([1.0, 2.0]));
        assert_eq!(json["measures"][0]["unit"], "µs");
    }
}
