//! What the encryption holds against: messages that are late, lost, doubled or changed, a device that is new, and one that
//! is not who it was.

use super::Pair;
use crate::sandbox::client::Request;
use crate::sandbox::client::encryption::{self, EncryptionError};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Heard, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Listing, Scene};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::encryption::{Device, OpenError, Payload, SealError};

/// The order in which four messages come to Bob: one is late, one comes twice, one never.
const ORDER: [usize; 4] = [2, 0, 0, 3];
/// What becomes of each.
const READ: [Result<(), OpenError>; 4] = [Ok(()), Ok(()), Err(OpenError::Spent), Ok(())];
const TELEPHONE: &str = "telephone";
const TO_ALL_DEVICES: &str = "To all of your devices, Bob";
const FROM_TELEPHONE: &str = "I write this on my telephone";

pub async fn play(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    let late = out_of_order(pair).await?;
    let changed = changed(pair).await?;
    let new_device = new_device(stage, pair).await?;
    let swapped = swapped(stage, pair).await?;
    let lines = [("late, doubled and lost", &late), ("changed", &changed)];
    let lines = lines.into_iter().flat_map(|(what, heard)| {
        heard.iter().map(move |heard| {
            format!("{what}: {}", heard.as_ref().map_or_else(ToString::to_string, |()| "read".to_owned()))
        })
    });
    Ok(Scene {
        title: "What the encryption holds against",
        explanation: "Each message has a key of its own, so that one can be lost, and one that comes twice is read once. \
                      Whoever changes a ciphertext only makes it unreadable. Bob then takes a telephone, too: its keys \
                      are published, and from the next message on Alice's client writes to both of his devices, while \
                      what he writes on one is told to the other. At last somebody with power over what the \
                      gatekeeper gives out puts other keys in the place of his notebook's: Alice's client has seen \
                      the right ones before, and writes nothing.",
        listings: vec![
            Listing {
                caption: "What Bob's client made of messages that came".to_owned(),
                lines: lines.collect(),
            },
            Listing {
                caption: "By which both can see that they have each other's keys".to_owned(),
                lines: [&pair.alice, &pair.bob]
                    .map(|one| format!("{}: {}", one.name, one.device.fingerprint()))
                    .into(),
            },
        ],
        findings: vec![
            Finding::new(
                Claim::EachReadOnce,
                late == READ,
                format!("{} came, {} were read", late.len(), late.iter().filter(|read| read.is_ok()).count()),
            ),
            Finding::new(
                Claim::ChangedRefused,
                changed == [Err(OpenError::Damaged), Ok(())],
                "one character of it was changed; as it was written, it was read",
            ),
            new_device,
            Finding::new(
                Claim::SwapRefused,
                swapped == Some(SealError::IdentityChanged),
                swapped.map_or_else(|| "it was written".to_owned(), |error| error.to_string()),
            ),
        ],
        ..Scene::default()
    })
}

async fn out_of_order(pair: &mut Pair) -> Result<Vec<Result<(), OpenError>>, ActError> {
    let mut sealed = Vec::new();
    for number in 0..ORDER.len() {
        let said = Payload::text(&format!("This is message number {number}"));
        sealed.push(pair.alice.seal(&BOB.bare_jid(), &format!("n-{number}"), said).await?);
    }
    let mut heard = Vec::new();
    for number in ORDER {
        let Some(content) = sealed.get(number) else { continue };
        let message = encryption::message(&BOB.bare_jid(), &format!("n-{number}"), content);
        pair.alice.say(message.as_bytes()).await?;
        heard.push(outcome(&pair.bob.read().await?));
    }
    Ok(heard)
}

/// What was changed comes first, and then what was written.
async fn changed(pair: &mut Pair) -> Result<Vec<Result<(), OpenError>>, ActError> {
    let said = Payload::text("Do not believe everything");
    let content = pair.alice.seal(&BOB.bare_jid(), "changed-1", said).await?;
    let mut heard = Vec::new();
    for content in [with_one_changed(&content), content] {
        let message = encryption::message(&BOB.bare_jid(), "changed-1", &content);
        pair.alice.say(message.as_bytes()).await?;
        heard.push(outcome(&pair.bob.read().await?));
    }
    Ok(heard)
}

/// Another character of Base64 in the midst of the ciphertext.
fn with_one_changed(content: &str) -> String {
    let end = content.find("</copy>").unwrap_or_default();
    let (before, rest) = content.split_at(end.saturating_sub(40));
    let mut rest = rest.chars();
    let other = if rest.next() == Some('B') { 'C' } else { 'B' };
    format!("{before}{other}{}", rest.as_str())
}

fn outcome(heard: &Heard) -> Result<(), OpenError> {
    match &heard.opened {
        Ok(_) => Ok(()),
        Err(EncryptionError::Open(error)) => Err(*error),
        Err(_) => Err(OpenError::Malformed),
    }
}

/// Both of Bob's devices have to read what Alice writes, and his notebook what he writes on the telephone.
async fn new_device(stage: &Stage, pair: &mut Pair) -> Result<Finding, ActError> {
    let mut telephone = Online::bob_at(stage, TELEPHONE).await?;
    let (_, notebook_heard) = pair.alice_writes("d-1", Payload::text(TO_ALL_DEVICES)).await?;
    let telephone_heard = telephone.read().await?;
    telephone.write(&pair.alice.jid, "d-2", Payload::text(FROM_TELEPHONE)).await?;
    let alice_heard = pair.alice.read().await?;
    let told = pair.bob.read().await?;
    // The telephone has its copy of what was sent to all of his clients, which is for none but the notebook.
    let own = telephone.read().await?;
    telephone.withdraw().await?;
    let both = [&notebook_heard, &telephone_heard].iter().all(|heard| heard.words() == Some(TO_ALL_DEVICES));
    let is_own = told.opened.as_ref().is_ok_and(|opened| opened.is_own);
    let told = is_own && told.words() == Some(FROM_TELEPHONE) && own.opened.is_err();
    let answered = alice_heard.words() == Some(FROM_TELEPHONE);
    let detail = format!("both read hers: {both}; she read his: {answered}; his notebook was told: {told}");
    Ok(Finding::new(Claim::NewDevice, both && answered && told, detail))
}

/// Keys under the name of Bob's notebook that are not its own. Returns why Alice's client did not write, if it did not.
async fn swapped(stage: &Stage, pair: &mut Pair) -> Result<Option<SealError>, ActError> {
    let mut other = Device::named(&BOB.bare_jid(), pair.bob.device.id().clone());
    publish(&mut pair.bob, &mut other).await?;
    stage.ledger.note_keys(&other);
    let secret = Payload::text("For the eyes of Bob alone");
    let written =
        encryption::seal(&mut pair.alice.client, &mut pair.alice.device, &BOB.bare_jid(), "s-1", secret)
            .await;
    // When it looks, the notebook finds that the keys under its name are not its own.
    let restored = encryption::publish(&mut pair.bob.client, &mut pair.bob.device).await;
    restored.map_err(|source| ActError::Encryption { who: BOB.name, source })?;
    Ok(match written {
        Err(EncryptionError::Seal(error)) => Some(error),
        _ => None,
    })
}

/// Publishes another device's keys, as if there were none yet.
async fn publish(bob: &mut Online, other: &mut Device) -> Result<(), ActError> {
    let Some(publication) = other.publication(0) else { return Ok(()) };
    let answer = bob.client.ask(&BOB.bare_jid(), Request::Set, &publication.write()).await;
    let answer = answer.map_err(|error| bob.failed(error))?;
    answer.map(drop).map_err(|refused| ActError::Encryption { who: BOB.name, source: refused.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_character_is_changed() {
        let content = format!("<copy device='a'>{}</copy>", "B".repeat(99));
        let changed = with_one_changed(&content);
        let differences = content.chars().zip(changed.chars()).filter(|(before, after)| before != after);
        assert_eq!((differences.count(), changed.len()), (1, content.len()));
        assert!(changed.ends_with("</copy>") && with_one_changed(&content.replace('B', "x")) != content);
    }
}
