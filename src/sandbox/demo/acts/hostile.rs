//! Mallory sends a stanza that two parsers would read differently. The gate lets nothing of it through.

use super::{PATIENCE, Pair, Wire, frames};
use crate::sandbox::client::ClientError;
use crate::sandbox::connection::Transcripts;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::encryption::Payload;
use crate::sandbox::gatekeeper::SessionRecord;
use crate::stanza::namespace::STREAM_ERRORS;

/// 0xEB announces a character of three bytes; what follows is no part of one.
const HOSTILE: &[u8] = b"<message to='alice@gatekeeper.example' id='forged'><body>\xEB<></body></message>";
const STILL_THERE: &str = "Are you still there?";

pub async fn play(
    stage: &Stage,
    front: &Front,
    mallory: &Enlisted,
    pair: &mut Pair,
) -> Result<Scene, ActError> {
    let mut mallory = mallory.arrive(front, "").await?;
    let transcripts = mallory.client.transcripts();
    let refusal = provoke(&mut mallory).await?;
    let ended = stage.gatekeeper.ended_session(&mallory.jid);
    let session = tokio::time::timeout(PATIENCE, ended).await.map_err(|_| ActError::Late("Mallory's end"))?;
    let (_, heard) = pair.alice_writes("s-12", Payload::text(STILL_THERE)).await?;
    let received = frames(&transcripts.received());
    let answers = received.iter().skip_while(|frame| !super::contains(frame, STREAM_ERRORS));
    Ok(Scene {
        title: "Mallory tries to smuggle a stanza",
        explanation: "0xEB announces a character of three bytes. A parser that believes it swallows the two that \
                      follow, `<` and `>`; another sees a tag. Such differences have let attackers forge messages \
                      (Zoom, 2022). Vestibule's gate admits only what every parser reads the same way, and forwards \
                      nothing of a stanza before all of it is checked.",
        exchanges: vec![Exchange::new("Mallory's stanza; the gatekeeper got nothing of it", HOSTILE, b"")],
        listings: vec![Listing {
            caption: "What Mallory got instead".to_owned(),
            lines: answers.map(|frame| readable(frame)).collect(),
        }],
        findings: vec![
            refused(&refusal),
            kept_out(&transcripts, &session),
            Finding::new(Claim::OthersUndisturbed, heard.words() == Some(STILL_THERE), "Bob heard Alice"),
        ],
        ..Scene::default()
    })
}

/// Sends the hostile stanza and waits for what ends the stream.
async fn provoke(mallory: &mut Online) -> Result<ClientError, ActError> {
    mallory.say(HOSTILE).await?;
    match mallory.client.receive_where(|_| false).await {
        Err(ClientError::TimedOut) | Ok(_) => Err(mallory.failed(ClientError::TimedOut)),
        Err(error) => Ok(error),
    }
}

/// Ill-formed UTF-8 is one of the two, depending on how it is seen (RFC 6120, sections 4.9.3.13 and 4.9.3.22).
fn refused(refusal: &ClientError) -> Finding {
    let observed = matches!(
        refusal,
        ClientError::StreamError(condition) if matches!(condition.as_str(), "not-well-formed" | "unsupported-encoding")
    );
    Finding::new(Claim::HostileRefused, observed, readable(refusal.to_string().as_bytes()))
}

/// The gatekeeper has to have the frames before the hostile one, the closing tag, and no byte that is in none of them.
fn kept_out(client: &Transcripts, session: &SessionRecord) -> Finding {
    let passage = Wire::of(client, &session.transcripts).from_client;
    let legitimate = passage.sent.iter().take_while(|frame| *frame != HOSTILE).count();
    let closed = passage.received.last().is_some_and(|frame| frame.starts_with(b"</"));
    let whole: usize = passage.received.iter().map(Vec::len).sum();
    let stray = session.transcripts.received().bytes().len() - whole;
    let observed = passage.received.len() == legitimate + 1 && closed && stray == 0;
    let detail = format!("{legitimate} elements before it, the closing tag after them, {stray} other bytes");
    Finding::new(Claim::HostileKeptOut, observed, detail)
}
