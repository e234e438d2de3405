//! `vestibule sandbox gatekeeper`: serves streams and the Enlistment API.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use std::time::Duration;

use vestibule::sandbox::config::{GatekeeperSetup, load_gatekeeper};
use vestibule::sandbox::gatekeeper::{Milestone, SessionRecord, Watch};
use vestibule::sandbox::stop::Stop;

use super::tell_end;
use crate::commands::check::warn;
use crate::commands::output::write_line;

/// For what is being written when the command ends: nobody may be reading.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; `vestibule schema sandbox-gatekeeper` says what may stand in it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load_gatekeeper(&arguments.config)
        .map_err(|error| anyhow::anyhow!("the configuration is refused\n{error}"))?;
    warn(&loaded.warnings, &mut io::stderr())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(loaded.value))?;
    runtime.shutdown_timeout(LAST_WORDS);
    Ok(ExitCode::SUCCESS)
}

async fn serve(setup: GatekeeperSetup) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let gatekeeper = setup.start().await?;
    let mut output = io::stdout();
    writeln!(output, "streams on {}", gatekeeper.address())?;
    writeln!(output, "the Enlistment API on https://{}", gatekeeper.api())?;
    output.flush()?;
    let signal = tokio::select! {
        signal = stop.wait() => signal,
        () = show(gatekeeper.watch()) => stop.wait().await,
    };
    tell_end(signal);
    gatekeeper.shut_down().await;
    Ok(())
}

/// Writes a line for each step of a session, until nobody takes them any more. A reader that is slow stops no session.
async fn show(mut watch: Watch) {
    loop {
        let news = watch.next().await;
        let write = move || news.iter().try_for_each(|(number, session)| tell(*number, session));
        if !matches!(tokio::task::spawn_blocking(write).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn tell(number: u64, session: &SessionRecord) -> io::Result<()> {
    let account = session.account.as_deref().unwrap_or("nobody");
    let what = match session.milestone() {
        Milestone::Opened => format!("a stream from {}", session.peer),
        Milestone::Authenticated => format!("is {account}"),
        Milestone::Bound => bound(session),
        Milestone::Ended => "has ended".to_owned(),
    };
    write_line(&mut io::stdout(), format!("session {number}: {what}"))
}

/// What was told of the client and of its connection, besides its name.
fn bound(session: &SessionRecord) -> String {
    let jid = session.full_jid.as_deref().unwrap_or_default();
    let kinds: usize = session.content_types.iter().map(|told| told.accepts.len()).sum();
    let json = |told: serde_json::Result<String>| told.unwrap_or_default();
    let proxy = session
        .proxy
        .as_ref()
        .map(|header| format!(", PROXY header {}", json(serde_json::to_string(header))));
    let signals =
        session.signals.as_ref().map(|told| format!(", signals {}", json(serde_json::to_string(told))));
    let (proxy, signals) = (proxy.unwrap_or_default(), signals.unwrap_or_default());
    format!("bound as {jid}, {kinds} kinds of content{proxy}{signals}")
}
