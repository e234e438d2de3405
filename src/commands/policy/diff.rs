//! `vestibule policy diff`: what a metadata policy lets out more and less than the one before it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use vestibule::config;
use vestibule::disclosure::{Change, Comparison, compare, may_replace};

use crate::commands::check;
use crate::commands::output::print_json;

#[derive(clap::Args)]
pub struct Arguments {
    /// The metadata policy before.
    old: PathBuf,
    /// The metadata policy that is to take its place.
    new: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Difference {
    /// The new policy lets out more.
    widens: bool,
    /// The new policy names the old one as the one that it widens.
    announced: bool,
    /// The digest of the old policy, for `widens`.
    before: String,
    #[serde(flatten)]
    comparison: Comparison,
}

/// Prints the differences. Fails if the new policy lets out more, announced or not.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let old = config::load_metadata(&arguments.old)?;
    let new = config::load_metadata(&arguments.new)?;
    check::warn(&old.warnings, &mut io::stderr())?;
    check::warn(&new.warnings, &mut io::stderr())?;
    let (old, new) = (old.value.policy, new.value.policy);
    let comparison = compare(&old.statement(), &new.statement());
    let difference = Difference {
        widens: comparison.widens(),
        announced: comparison.widens() && may_replace(&old.statement(), &new).is_ok(),
        before: old.digest.to_string(),
        comparison,
    };
    if arguments.json {
        print_json(&difference)?;
    } else {
        difference.write(&mut io::stdout().lock())?;
    }
    Ok(if difference.widens { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Difference {
    /// For people.
    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        write_changes("More", &self.comparison.more, output)?;
        write_changes("Less", &self.comparison.less, output)?;
        match (self.widens, self.announced) {
            (false, _) => writeln!(output, "The new policy lets out no more than the old one"),
            (true, true) => writeln!(output, "The new policy lets out more than the old one, and says so"),
            (true, false) => writeln!(
                output,
                "The new policy lets out more than the old one, and does not say so; for that it should have the line\n\
                 widens: {}",
                self.before
            ),
        }
    }
}

fn write_changes(title: &str, changes: &[Change], output: &mut impl Write) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(output, "{title}")?;
    changes.iter().try_for_each(|change| writeln!(output, "  {change}"))?;
    writeln!(output)
}
