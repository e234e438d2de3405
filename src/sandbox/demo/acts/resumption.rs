//! Alice's connection is cut in the middle. Her session goes on over the next one.

use super::{Pair, contains, frames};
use crate::sandbox::client::Client;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::Front;
use crate::stanza::namespace::STREAM_MANAGEMENT;

/// Messages that Bob writes while she has no connection.
const WHILE_AWAY: usize = 3;

pub async fn play(front: &Front, alice: &Enlisted, pair: Pair) -> Result<(Scene, Pair), ActError> {
    let Pair { alice: online, mut bob } = pair;
    let Online { name, jid, client } = online;
    let Some(resumption) = client.cut() else { return Err(ActError::NotResumable) };
    for number in 0..WHILE_AWAY {
        let message = format!("<message to='{jid}' id='u-{number}'><body>Are you there?</body></message>");
        bob.say(message.as_bytes()).await?;
    }
    let client = Client::resume(front.server(), &alice.credentials(), &resumption).await;
    let client = client.map_err(|error| alice.user.failed(error))?;
    let mut pair = Pair { alice: Online { name, jid, client }, bob };
    for _ in 0..WHILE_AWAY {
        pair.alice.hear().await?;
    }
    // What comes next is what is sent next, if nothing comes twice.
    let next = format!("<message to='{}' id='u-next'><body>There you are</body></message>", pair.alice.jid);
    let next = pair.bob_to_alice(next.as_bytes()).await?;
    let scene = told(&pair, &next);
    Ok((scene, pair))
}

fn told(pair: &Pair, next: &[u8]) -> Scene {
    let transcripts = pair.alice.client.transcripts();
    let received = frames(&transcripts.received());
    let of_management = |frame: &&Vec<u8>| contains(frame, STREAM_MANAGEMENT) && !contains(frame, "features");
    let answers = received.iter().filter(of_management).map(|frame| readable(frame)).collect();
    let each_once = (0..WHILE_AWAY).all(|number| {
        let id = format!("id='u-{number}'");
        received.iter().filter(|frame| contains(frame, &id)).count() == 1
    });
    let seen_leaving = frames(&pair.bob.client.transcripts().received())
        .iter()
        .rev()
        .take_while(|frame| !contains(frame, "type='error'"))
        .any(|frame| contains(frame, "unavailable") && contains(frame, &pair.alice.jid));
    let detail = format!("{WHILE_AWAY} messages were written meanwhile, and came once each, before the next");
    Scene {
        title: "Alice goes through a tunnel",
        explanation: "Her connection is cut without a word. Vestibule does not tell the gatekeeper that she left, so \
                      that the gatekeeper keeps her session (XEP-0198). Her client comes back through Vestibule, \
                      names the session, and both sides tell how many stanzas they have had: what was missed is \
                      sent, and nothing twice. That works because Vestibule never adds a stanza and never takes one \
                      out.",
        listings: vec![Listing { caption: "What the gatekeeper answered".to_owned(), lines: answers }],
        findings: vec![Finding::new(
            Claim::Resumed,
            each_once && contains(next, "u-next") && !seen_leaving,
            detail,
        )],
        ..Scene::default()
    }
}
