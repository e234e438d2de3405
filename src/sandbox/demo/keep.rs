//! `vestibule demo --keep`: everything stays up to be tried, with a client's command ready to be pasted.

use std::io::Write;
use std::time::Duration;

use super::ActError;
use super::cast::Online;
use super::people::{ALICE, BOB, HOST};
use super::stage::{Front, Policies, SERVER_NAME, Stage};
use crate::sandbox::client::ClientError;
use crate::sandbox::client::encryption::{self, EncryptionError};
use crate::sandbox::element::escape;
use crate::sandbox::encryption::{Document, Payload, ReceiptState};
use crate::sandbox::random;
use crate::sandbox::stop::Stop;
use crate::stanza::namespace::CLIENT;

/// Before Bob comes back when he has lost his connection.
const PAUSE: Duration = Duration::from_secs(1);
/// Characters of a text that he says back: four bytes each still fit.
const LONGEST_ECHO: usize = 1000;

/// Starts Vestibule again, tells where everything is, and then serves until the process is asked to end. Sessions that
/// are open then are waited for, unless it is asked once more.
pub async fn keep(
    stage: &Stage,
    policies: &Policies,
    program: &str,
    out: &mut dyn Write,
    stop: &mut Stop,
) -> Result<(), ActError> {
    let front = stage.open_front("kept", &policies.default_deny)?;
    let told = tell(stage, &front, program, out);
    if told.is_ok() {
        let Err(_) = stop.or(answer_as_bob(stage)).await;
    }
    if let Ok(ended) = stop.or(front.end()).await {
        ended?;
    }
    told
}

fn tell(stage: &Stage, front: &Front, program: &str, out: &mut dyn Write) -> Result<(), ActError> {
    let client = stage.write_client(front.server().address, &ALICE).map_err(ActError::Write)?;
    let lines = format!(
        "
All of it stays up until Ctrl-C:

  Vestibule, for clients   {vestibule}, TLS for {SERVER_NAME}, streams to {HOST}
  Vestibule, for operators http://{admin}/status and /metrics
  gatekeeper, streams      {streams}, TLS for {HOST}
  gatekeeper, HTTP         {api}, described at /openapi.yaml
  provider, HTTP           {issuer}, described at /openapi.yaml
  authorities to trust     {roots}

Alice's client, in another terminal; each line that you write goes to Bob, who answers:

  {program} sandbox client --config {client} --to {bob}

A token for another client (OAUTHBEARER, or the password of PLAIN), once she has enlisted:

  {program} sandbox token --config {client}
",
        vestibule = front.server().address,
        admin = front.admin,
        streams = stage.gatekeeper.address(),
        api = stage.api(),
        issuer = stage.issuer,
        roots = stage.roots().display(),
        client = client.display(),
        bob = BOB.bare_jid(),
    );
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).map_err(ActError::Write)
}

/// Bob says back what he is told, agrees to be seen, and comes back whenever he has lost his connection.
async fn answer_as_bob(stage: &Stage) -> std::convert::Infallible {
    loop {
        if let Ok(mut bob) = Online::bob(stage).await {
            while answer_next(&mut bob).await.is_ok() {}
            drop(bob.leave());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn answer_next(bob: &mut Online) -> Result<(), ClientError> {
    let stanza = match bob.client.receive().await {
        // Nobody has said anything for a while.
        Err(ClientError::TimedOut) => return Ok(()),
        received => received?.root,
    };
    let Some(from) = stanza.attribute("from") else { return Ok(()) };
    if let Some(opened) = encryption::open(&mut bob.client, &mut bob.device, &stanza).await {
        return match opened {
            Ok(opened) => answer_encrypted(bob, from, &opened.document).await,
            Err(EncryptionError::Client(error)) => Err(error),
            // Who has keys that nobody can trust, or changes what is on its way, gets no answer.
            Err(_) => Ok(()),
        };
    }
    let from = escape(from);
    let answer = if stanza.is(CLIENT, "presence") && stanza.attribute("type") == Some("subscribe") {
        format!("<presence to='{from}' type='subscribed'/>")
    } else if stanza.is(CLIENT, "message") && stanza.attribute("type") != Some("error") {
        let Some(body) = stanza.child(CLIENT, "body") else { return Ok(()) };
        let said = escape(&body.text);
        format!("<message to='{from}' type='chat'><body>You say: {said}</body></message>")
    } else {
        return Ok(());
    };
    bob.client.send(answer.as_bytes()).await
}

/// Who writes with encryption is told that it has come, and is answered with it.
async fn answer_encrypted(bob: &mut Online, from: &str, document: &Document) -> Result<(), ClientError> {
    let said = match &document.payload {
        Payload::Text { text } | Payload::Reply { text, .. } => text,
        _ => return Ok(()),
    };
    let (to, id) = (document.id.clone(), random::token()?);
    let receipt = Payload::Receipt { state: ReceiptState::Delivered, of: vec![to.clone()] };
    // A text that is nearly too long has no room for more.
    let said = said.chars().take(LONGEST_ECHO).collect::<String>();
    let answer = Payload::Reply { to, text: format!("You say: {said}") };
    for (id, payload) in [(format!("r-{id}"), receipt), (format!("a-{id}"), answer)] {
        let sent = encryption::send(&mut bob.client, &mut bob.device, from, &id, payload).await;
        if let Err(EncryptionError::Client(error)) = sent {
            return Err(error);
        }
    }
    Ok(())
}
