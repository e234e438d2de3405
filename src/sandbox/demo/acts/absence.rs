//! Alice is away when Bob writes. The gatekeeper keeps the message and has her woken by her provider.

use super::{PATIENCE, Pair, contains};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::Enlisted;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::encryption::Payload;
use crate::sandbox::provider::Push;
use crate::stanza::namespace::DELAY;

const SAID: &str = "The kitchen closes at nine";

pub async fn play(
    stage: &Stage,
    front: &Front,
    alice: &Enlisted,
    pair: Pair,
) -> Result<(Scene, Pair), ActError> {
    let Pair { alice: online, mut bob } = pair;
    online.close().await?;
    bob.write(&alice.bare_jid(), "w-11", Payload::text(SAID)).await?;
    let push = stage.provider.push_for(alice.user.visible_id);
    let push = tokio::time::timeout(PATIENCE, push).await.map_err(|_| ActError::Late("the push"))?;
    let mut online = alice.arrive(front, "").await?;
    let heard = online.read().await?;
    let (is_read, waited) = (heard.words() == Some(SAID), heard.bytes);
    let (key, body) = (format!("Idempotency-Key: \"{}\"", push.key), readable(&push.body));
    let detail = format!("{} bytes searched", key.len() + push.body.len());
    let delayed = is_read && contains(&waited, DELAY);
    let scene = Scene {
        title: "Alice is away",
        explanation: "Bob writes while Alice has no connection. Nothing is kept in Vestibule: the message waits at \
                      the gatekeeper, which asks her provider over HTTP to wake her. The push says that something \
                      waits, and neither what nor from whom. When she comes, the message is there, with the time at \
                      which it was sent.",
        listings: vec![
            Listing {
                caption: "The push, as the provider got it: a header field and the body".to_owned(),
                lines: vec![key, body],
            },
            Listing { caption: "What Alice got when she came".to_owned(), lines: vec![readable(&waited)] },
        ],
        findings: vec![
            Finding::new(Claim::Woken, delayed, format!("{} bytes, with the time", waited.len())),
            Finding::new(Claim::PushSaysNothing, says_nothing(&push), detail),
        ],
        ..Scene::default()
    };
    Ok((scene, Pair { alice: online, bob }))
}

/// Whether a push tells neither what was written nor by whom. One of which nothing came shows nothing.
fn says_nothing(push: &Push) -> bool {
    let tells = |word: &str| push.key.contains(word) || contains(&push.body, word);
    !push.body.is_empty() && ![SAID, BOB.account, BOB.name].into_iter().any(tells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::demo::people::ALICE;

    fn push(key: &str, body: &str) -> Push {
        Push {
            visible_id: ALICE.visible_id.to_owned(),
            gatekeeper: "gatekeeper.example".to_owned(),
            received_at: 0,
            key: key.to_owned(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_push_that_betrays_what_was_written_or_by_whom_is_found() {
        let body = format!(r#"{{"visible_id":"{}"}}"#, ALICE.visible_id);
        assert!(says_nothing(&push("0af3", &body)));
        let from = |sender: &str| format!(r#"{{"visible_id":"{}","from":"{sender}"}}"#, ALICE.visible_id);
        let bodies = [from("bob@gatekeeper.example"), from("Bob"), format!("{body} {SAID}."), String::new()];
        for betrayal in bodies {
            assert!(!says_nothing(&push("0af3", &betrayal)), "{betrayal}");
        }
        assert!(!says_nothing(&push("bob-1", &body)));
    }
}
