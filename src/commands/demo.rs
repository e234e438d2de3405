//! `vestibule demo`: the whole system on this machine, without any set-up. What is played and told is the sandbox's.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::sandbox::demo::{self, Depth, Graphics, LoadReport, Options, Policies, Progress};
use vestibule::sandbox::stop;

use super::output::print_json;

#[derive(Clone, clap::Args)]
pub struct Arguments {
    /// Print one JSON document instead of the story.
    #[arg(long)]
    json: bool,
    /// Leave everything up afterwards, and print the addresses and a client's command.
    #[arg(long, conflicts_with_all = ["load", "json"])]
    keep: bool,
    /// Instead of the story: this many users enlist, connect through Vestibule and write to each other; 4,000 at most, as
    /// the gatekeeper serves not many more.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4_000))]
    load: Option<u16>,
    /// Write the story as one page, too: with the stanzas side by side, sequence diagrams, images, logs and metrics.
    #[arg(long, value_name = "FILE", conflicts_with = "load")]
    report: Option<PathBuf>,
    /// Write images and voice messages of the story into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "load")]
    pictures: Option<PathBuf>,
    /// How images are shown in the terminal.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    graphics: Way,
}

/// A way to show images in a terminal.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Way {
    /// What the environment says that the terminal can, and what colours allow.
    Auto,
    Kitty,
    Iterm2,
    Sixel,
    /// Two pixels in each character.
    Blocks,
    /// A sentence.
    None,
}

/// Fails if anything that the demonstration claims was not observed, or not all sessions of a load did well.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let arguments = arguments.clone();
    let outcome = stop::insist(move || match arguments.load {
        Some(sessions) => load(sessions.into(), arguments.json),
        None => tell_story(&arguments),
    });
    match outcome? {
        Err(signal) => Ok(ExitCode::from(signal.exit_code())),
        Ok(Ok(true)) => Ok(ExitCode::SUCCESS),
        Ok(Ok(false)) => Ok(ExitCode::FAILURE),
        Ok(Err(error)) => match error.downcast_ref() {
            Some(demo::Error::Stopped(signal)) => Ok(ExitCode::from(signal.exit_code())),
            _ => Err(error),
        },
    }
}

/// Whether all was observed.
fn tell_story(arguments: &Arguments) -> anyhow::Result<bool> {
    let program =
        std::env::current_exe().map_or_else(|_| "vestibule".to_owned(), |path| path.display().to_string());
    let colour = wants_colour();
    let options = Options {
        json: arguments.json,
        colour,
        keep: arguments.keep.then_some(program),
        graphics: graphics(arguments.graphics, colour),
        report: arguments.report.clone(),
        pictures: arguments.pictures.clone(),
        policies: Policies::default(),
    };
    Ok(demo::run(&options, &mut io::stdout().lock())?.all_observed)
}

/// Whether all did well.
fn load(sessions: usize, json: bool) -> anyhow::Result<bool> {
    let report = demo::load(sessions, &mut progress_display())?;
    if json {
        print_json(&report)?
    } else {
        tell(&report)?
    }
    Ok(report.all_well())
}

/// One line on standard error that is written over and over, or, where that is no terminal, one for each step's end.
fn progress_display() -> impl FnMut(Progress) {
    let terminal = io::stderr().is_terminal();
    move |Progress { step, done, failed, of }| {
        let ended = done + failed == of;
        let line = format!("{:<11} {done:>6} of {of}, {failed} failed", format!("{step:?}"));
        // That progress cannot be shown stops nothing.
        let _ = match (terminal, ended) {
            (true, false) => write!(io::stderr(), "\r{line}"),
            (true, true) => writeln!(io::stderr(), "\r{line}"),
            (false, true) => writeln!(io::stderr(), "{line}"),
            (false, false) => Ok(()),
        };
    }
}

fn tell(report: &LoadReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} sessions at the same time, {} messages", report.sessions, report.messages)?;
    for step in &report.steps {
        let rate = f64::from(u32::try_from(step.done).unwrap_or(u32::MAX)) / step.seconds.max(0.001);
        writeln!(out, "  {:<11} {:>7.2} s {rate:>9.0} a second", format!("{:?}", step.step), step.seconds)?;
    }
    writeln!(
        out,
        "  a message took {:.1} ms (median), {:.1} ms (99 of 100)",
        report.median_ms, report.p99_ms
    )?;
    writeln!(out, "  Vestibule counted {} sessions", report.sessions_counted)?;
    for failure in &report.failures {
        super::output::write_line(&mut out, format!("  failed: {failure}"))?;
    }
    let verdict = if report.all_well() { "All of them did well." } else { "Not all of them did well." };
    writeln!(out, "{verdict}")
}

/// Where there are no colours, there are no images either, unless they are asked for.
#[allow(clippy::disallowed_methods, reason = "how the story looks is no configuration of the proxy")]
fn graphics(way: Way, colour: bool) -> Graphics {
    match way {
        Way::Auto if colour => Graphics::detect(|name| std::env::var(name).ok()),
        Way::Auto | Way::None => Graphics::None,
        Way::Kitty => Graphics::Kitty,
        Way::Iterm2 => Graphics::Iterm2,
        Way::Sixel => Graphics::Sixel,
        Way::Blocks => Graphics::Blocks(Depth::Full),
    }
}

/// A terminal gets colours, unless NO_COLOR is set to something (no-color.org), or it says that it obeys no codes.
#[allow(clippy::disallowed_methods, reason = "how the story looks is no configuration of the proxy")]
fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !refused && !is_dumb
}
