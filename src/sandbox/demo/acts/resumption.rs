//! Alice's connection is cut in the middle. Her session goes on over the next one.

use super::{Pair, contains, frames};
use crate::sandbox::client::Client;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::Front;
use crate::sandbox::element::Element;
use crate::sandbox::encryption::Payload;
use crate::stanza::namespace::{CLIENT, STREAM_MANAGEMENT};

/// Messages that Bob writes while she has no connection.
const WHILE_AWAY: usize = 3;
const ASKED: &str = "Are you there?";

pub async fn play(front: &Front, alice: &Enlisted, pair: Pair) -> Result<(Scene, Pair), ActError> {
    let Pair { alice: online, mut bob } = pair;
    // What Bob had before is of no concern: Alice has come and gone already.
    bob.catch_up().await?;
    let bob_had = bob.client.transcripts().received().frames().count();
    let Some(resumption) = online.client.cut() else { return Err(ActError::NotResumable) };
    for number in 0..WHILE_AWAY {
        bob.write(&online.jid, &format!("u-{number}"), Payload::text(ASKED)).await?;
    }
    let client = Client::resume(front.server(), &alice.credentials(), &resumption).await;
    let client = client.map_err(|error| alice.user.failed(error))?;
    front.witness().watch(online.name, &client);
    front.ledger.note_connection(client.transcripts());
    let mut pair = Pair { alice: Online { client, ..online }, bob };
    let mut read = 0;
    for _ in 0..WHILE_AWAY {
        read += usize::from(pair.alice.read().await?.words() == Some(ASKED));
    }
    // What comes next is what is sent next, if nothing comes twice.
    let (_, next) = pair.bob_writes("u-next", Payload::text("There you are")).await?;
    pair.bob.catch_up().await?;
    let bobs = frames(&pair.bob.client.transcripts().received());
    let seen_leaving = bobs.iter().skip(bob_had).any(|frame| tells_leaving(frame, &pair.alice.jid));
    let all_read = read == WHILE_AWAY && next.opened.is_ok();
    let scene = told(&pair, &next.bytes, all_read && !seen_leaving);
    Ok((scene, pair))
}

/// Whether this is the unavailable presence of somebody (RFC 6121, section 4.5).
fn tells_leaving(frame: &[u8], full_jid: &str) -> bool {
    let presence = Element::of_stanza(frame).filter(|stanza| stanza.is(CLIENT, "presence"));
    presence.is_some_and(|presence| {
        presence.attribute("type") == Some("unavailable") && presence.attribute("from") == Some(full_jid)
    })
}

fn told(pair: &Pair, next: &[u8], is_unbroken: bool) -> Scene {
    let transcripts = pair.alice.client.transcripts();
    let received = frames(&transcripts.received());
    let of_management = |frame: &&Vec<u8>| contains(frame, STREAM_MANAGEMENT) && !contains(frame, "features");
    let answers = received.iter().filter(of_management).map(|frame| readable(frame)).collect();
    let each_once = (0..WHILE_AWAY).all(|number| {
        let id = format!("id='u-{number}'");
        received.iter().filter(|frame| contains(frame, &id)).count() == 1
    });
    let detail = format!(
        "{WHILE_AWAY} messages were written meanwhile, and came once each, before the next, and were read"
    );
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
            each_once && contains(next, "u-next") && is_unbroken,
            detail,
        )],
        ..Scene::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_unavailable_presence_tells_of_leaving() {
        let tells = |stanza: &str| tells_leaving(stanza.as_bytes(), "ann@h/desk");
        assert!(tells(r#"<presence to='ben@h/desk' type="unavailable" from="ann@h/desk"/>"#));
        for other in [
            "<presence from='ann@h/desk'/>",
            "<presence from='ann@h/phone' type='unavailable'/>",
            "<message from='ann@h/desk' type='unavailable'/>",
        ] {
            assert!(!tells(other), "{other}");
        }
    }
}
