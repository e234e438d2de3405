//! `vestibule check`: validates a configuration and every file it names.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::config::{self, Config, FileProblem};
use vestibule::disclosure::{self, visible, visible_lines};
use vestibule::telemetry::AuditLog;

use super::output::write_line;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Prints `ok` and what would be served, or every problem.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match config::load(&arguments.config) {
        Ok(loaded) => {
            warn(&loaded.warnings, &mut io::stderr())?;
            if let Err(error) = hold_against_record(&loaded.config) {
                let refusal = format!("{}: {error:#}", visible(&arguments.config.display().to_string()));
                writeln!(io::stderr(), "{}", visible_lines(&refusal))?;
                return Ok(ExitCode::FAILURE);
            }
            summarize(&loaded.config, &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A metadata policy that would not be let in at the start, by the last one in the audit log, is told here already.
fn hold_against_record(config: &Config) -> anyhow::Result<()> {
    let Some(audit_log) = &config.audit_log else { return Ok(()) };
    if let Some(before) = AuditLog::read_last_policy(audit_log)? {
        disclosure::may_replace(&before, &config.metadata)?;
    }
    Ok(())
}

/// Tells what is valid but probably not wanted.
pub fn warn(warnings: &[FileProblem], output: &mut impl Write) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| {
        let FileProblem { file, problem } = warning;
        write_line(output, format_args!("{}:{}: warning: {}", file.display(), problem.at, problem.cause))
    })
}

fn summarize(config: &Config, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "ok")?;
    for listener in &config.listeners {
        writeln!(output, "clients connect to {}", listener.address)?;
    }
    for host in &config.hosts {
        let endpoints: Vec<String> = host
            .upstream
            .endpoints
            .iter()
            .map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port))
            .collect();
        writeln!(
            output,
            "streams to {} (as {}) go to {}",
            host.name,
            host.server_names.join(", "),
            endpoints.join(", ")
        )?;
    }
    match config.admin {
        Some(address) => writeln!(output, "metrics and probes on {address}"),
        None => writeln!(output, "no metrics and probes"),
    }
}
