//! `vestibule demo`: the whole system on this machine, without any set-up. What is played and told is the sandbox's.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use vestibule::sandbox::demo::{
    self, Depth, Graphics, Latency, LoadOptions, LoadReport, Mix, Options, Policies, Progress, ProxyReport,
    Step,
};
use vestibule::sandbox::stop;

use super::output::print_json;

/// Between two lines of a progress that is not shown on a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Clone, clap::Args)]
pub struct Arguments {
    /// Print one JSON document instead of the story.
    #[arg(long)]
    json: bool,
    /// Leave everything up afterwards, and print the addresses and a client's command.
    #[arg(long, conflicts_with_all = ["load", "json"])]
    keep: bool,
    /// Instead of the story: this many users enlist, connect through a Vestibule of its own process, and chat in pairs and
    /// groups; 4,000 at most, as the gatekeeper serves not many more.
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
    let program = std::env::current_exe().context("the program cannot tell where it is")?;
    let options = LoadOptions { sessions, program, mix: Mix::default() };
    let report = demo::load(&options, &mut progress_display())?;
    if json {
        print_json(&report)?
    } else {
        tell(&report)?
    }
    Ok(report.all_well())
}

/// One line on standard error that is written over and over, or, where that is no terminal, lines with some seconds
/// between them.
fn progress_display() -> impl FnMut(Progress) {
    let terminal = io::stderr().is_terminal();
    let mut told = Instant::now();
    move |progress| {
        let ended = progress.done + progress.failed == progress.of;
        let line = progress_line(&progress);
        // That progress cannot be shown stops nothing.
        let _ = match (terminal, ended) {
            (true, false) => write!(io::stderr(), "\r{line}\x1b[K"),
            (true, true) => writeln!(io::stderr(), "\r{line}\x1b[K"),
            (false, false) if told.elapsed() < PLAIN_INTERVAL => return,
            (false, _) => writeln!(io::stderr(), "{line}"),
        };
        told = Instant::now();
    }
}

/// Short enough for a terminal of 80 columns, where a longer one could not be written over.
fn progress_line(progress: &Progress) -> String {
    let Progress { step, done, failed, of, sessions, messages, expected, per_second, latency } = progress;
    let name = format!("{step:?}");
    let mut line = if *step == Step::Writing {
        let Latency { median_ms, p99_ms, .. } = latency;
        format!(
            "{name:<11} {messages:>6} of {expected}, {per_second:.0}/s, {sessions} open, half {median_ms:.0} ms, \
             99 % {p99_ms:.0} ms"
        )
    } else {
        format!("{name:<11} {done:>6} of {of}, {sessions} open")
    };
    if *failed > 0 {
        line += &format!(", {failed} failed");
    }
    line
}

fn tell(report: &LoadReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let LoadReport { sessions, held, written, messages, resumed, cut, latency, proxy, .. } = report;
    writeln!(out, "{sessions} users, {held} sessions at the same time, {written} messages written")?;
    for step in &report.steps {
        let rate = f64::from(u32::try_from(step.done).unwrap_or(u32::MAX)) / step.seconds.max(0.001);
        let name = format!("{:?}", step.step);
        writeln!(out, "  {name:<11} {:>7.2} s {rate:>9.0} a second", step.seconds)?;
    }
    let demo::Account { expected, received, lost, doubled } = messages;
    writeln!(out, "  received    {received} of {expected}, {lost} lost, {doubled} doubled")?;
    writeln!(out, "  resumed     {resumed} of {cut} sessions whose connection was cut in the middle")?;
    let Latency { median_ms, p90_ms, p99_ms, max_ms } = latency;
    writeln!(
        out,
        "  a message   {median_ms:.1} ms (half of them), {p90_ms:.1} ms (90 of 100), {p99_ms:.1} ms (99 of 100), \
         {max_ms:.1} ms (all)"
    )?;
    tell_proxy(&mut out, proxy)?;
    writeln!(out, "  Vestibule counted {} connections", report.sessions_counted)?;
    for failure in &report.failures {
        super::output::write_line(&mut out, format!("  failed: {failure}"))?;
    }
    let verdict = if report.all_well() { "All of them did well." } else { "Not all of them did well." };
    writeln!(out, "{verdict}")
}

/// What the process with Vestibule in it took, which was one of its own.
fn tell_proxy(out: &mut impl Write, proxy: &ProxyReport) -> io::Result<()> {
    writeln!(
        out,
        "Vestibule, a process of its own: {:.0} \u{b5}s of CPU to set a session up, {:.1} \u{b5}s for each passage of a \
         message, {:.1} KiB for each session",
        proxy.setup_cpu_us_per_session, proxy.cpu_us_per_passage, proxy.memory_kib_per_session
    )?;
    for (when, usage) in [
        ("before", proxy.before),
        ("all there", proxy.height),
        ("all said", proxy.busy),
        ("after", proxy.after),
    ] {
        writeln!(
            out,
            "  {when:<11} {:>7.2} s of CPU, {:>7} KiB resident, {:>7} KiB at most",
            usage.cpu.as_secs_f64(),
            usage.resident_kib,
            usage.peak_kib
        )?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_fits_a_terminal_and_says_what_failed() {
        let latency = Latency { median_ms: 12.4, p99_ms: 8765.4, ..Latency::default() };
        let largest = Progress {
            step: Step::Writing,
            done: 0,
            failed: 0,
            of: 4000,
            sessions: 4000,
            messages: 87_999,
            expected: 88_000,
            per_second: 12_345.6,
            latency,
        };
        let line = progress_line(&largest);
        assert_eq!(line, "Writing      87999 of 88000, 12346/s, 4000 open, half 12 ms, 99 % 8765 ms");
        assert!(line.chars().count() < 80);
        let gathering =
            Progress { step: Step::Gathering, done: 3, failed: 2, of: 7, sessions: 50, ..largest };
        assert_eq!(progress_line(&gathering), "Gathering        3 of 7, 50 open, 2 failed");
    }
}
