//! `vestibule check`: validates a configuration and every file it names.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::config::{self, Config, FileProblem};
use vestibule::disclosure::{self, visible, visible_lines};
use vestibule::process;
use vestibule::proxy::Proxy;
use vestibule::telemetry::AuditLog;

use super::connect;
use super::output::write_line;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Also try the upstreams: every address of every endpoint, up to the stream's features.
    #[arg(long)]
    connect: bool,
}

/// Prints `ok` and what would be served, or every problem. With `--connect`, `ok` comes last, if it is so.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match config::load(&arguments.config) {
        Ok(loaded) => {
            warn(&loaded.warnings, &mut io::stderr())?;
            warn_of_descriptors(&loaded.config, &mut io::stderr())?;
            if let Err(error) = hold_against_record(&loaded.config) {
                let refusal = format!("{}: {error:#}", visible(&arguments.config.display().to_string()));
                writeln!(io::stderr(), "{}", visible_lines(&refusal))?;
                return Ok(ExitCode::FAILURE);
            }
            let output = &mut io::stdout().lock();
            if !arguments.connect {
                writeln!(output, "ok")?;
                summarize(&loaded.config, output)?;
                return Ok(ExitCode::SUCCESS);
            }
            summarize(&loaded.config, output)?;
            let reached = connect::execute(&loaded.config, output)?;
            writeln!(output, "{}", if reached { "ok" } else { "failed: not every host is served" })?;
            Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

/// Tells if the limit on open files leaves no room for as many connections as the configuration allows. The limit is that
/// of this process, as high as it can raise it.
pub fn warn_of_descriptors(config: &Config, output: &mut impl Write) -> io::Result<()> {
    let (wanted, allowed) = (Proxy::descriptors_when_full(config), process::allow_descriptors());
    if allowed >= wanted {
        return Ok(());
    }
    writeln!(
        output,
        "warning: the limit on open files is {allowed} here, so that {} connections are taken instead of \
         `max_connections: {}`, which can take {wanted}: raise it (`ulimit -Hn`, or `LimitNOFILE=` of systemd), or allow \
         fewer connections",
        Proxy::most_connections(config, allowed),
        config.max_connections
    )
}

fn summarize(config: &Config, output: &mut impl Write) -> io::Result<()> {
    for listener in &config.listeners {
        writeln!(output, "clients connect to {}", listener.address)?;
    }
    for host in &config.hosts {
        writeln!(
            output,
            "streams to {} (as {}) go to {}",
            host.name,
            host.server_names.join(", "),
            host.upstream.endpoints
        )?;
    }
    match config.admin {
        Some(address) => writeln!(output, "metrics and probes on {address}"),
        None => writeln!(output, "no metrics and probes"),
    }
}
