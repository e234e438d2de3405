//! `vestibule audit verify`: checks an audit log.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Subcommand;
use vestibule::telemetry::ShownPath;
use vestibule::telemetry::audit_log::{Anchors, Head, Verdict, verify};

#[derive(Subcommand)]
pub enum Command {
    /// Check that no record was changed, removed or reordered. The log may be in use.
    Verify(Arguments),
}

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the audit log, or its files in their order.
    #[arg(required = true, value_name = "FOLDER|FILE")]
    paths: Vec<PathBuf>,
    /// A record that was anchored outside of the log.
    #[arg(long = "head", value_name = "SEQUENCE:HEX")]
    heads: Vec<Head>,
    /// A file with anchored records: lines as with --head, or those of the process's own log.
    #[arg(long = "heads", value_name = "FILE")]
    heads_file: Option<PathBuf>,
}

impl Command {
    pub fn execute(&self) -> anyhow::Result<ExitCode> {
        let Self::Verify(arguments) = self;
        let mut anchors = Anchors::default();
        arguments.heads.iter().for_each(|head| anchors.add(*head));
        if let Some(file) = &arguments.heads_file {
            let file = ShownPath(file);
            let heads = anchors.add_file(file.0).with_context(|| format!("cannot read {file}"))?;
            ensure!(heads > 0, "there is no head in {file}");
        }
        let verdict = verify(&arguments.paths, &anchors).context("cannot read the audit log")?;
        tell(&verdict)?;
        let nothing_to_check = !anchors.is_empty() && verdict.checked == 0;
        if nothing_to_check {
            writeln!(io::stderr(), "none of the anchored records is left to be checked")?;
        }
        if verdict.records == 0 {
            writeln!(io::stderr(), "there is no record")?;
        }
        let is_right = verdict.breaks.is_empty() && verdict.records > 0 && !nothing_to_check;
        Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What was found on standard output, what is wrong on standard error.
fn tell(verdict: &Verdict) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "records: {}", verdict.records)?;
    if let (Some(first), Some(last)) = (verdict.first, verdict.last) {
        writeln!(output, "first: {first}\nlast: {last}")?;
    }
    if verdict.unfinished > 0 {
        let bytes = verdict.unfinished;
        writeln!(
            output,
            "the last line is unfinished ({bytes} bytes): it is being written, or a crash cut it"
        )?;
    }
    if verdict.checked > 0 {
        writeln!(output, "anchored records looked at: {}", verdict.checked)?;
    }
    for head in &verdict.too_early {
        writeln!(output, "the anchored record {} cannot be checked: it is not kept any more", head.sequence)?;
    }
    let mut error = io::stderr().lock();
    verdict.breaks.iter().try_for_each(|broken| writeln!(error, "{broken}"))
}
