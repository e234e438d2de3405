//! Alice and Bob talk, in stanzas that any re-writing would change, and see that the other one writes and has read.

use super::{Pair, Wire, contains};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Exchange, Scene};
use crate::sandbox::demo::stage::Stage;
use crate::stanza::namespace::CHAT_STATES;

/// Message Receipts (XEP-0184): a word of dialects, which is in no list of Vestibule's own.
const RECEIPTS: &str = "urn:xmpp:receipts";

pub async fn play(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    let Replies { composing, receipt } = talk(pair).await?;
    let wire = Wire::between(&pair.alice, stage)?;
    let (asked, asked_at_gatekeeper) = wire.from_client.first_with("<message").unwrap_or_default();
    let (told, told_to_alice) = wire.from_gatekeeper.first_with("<body").unwrap_or_default();
    Ok(Scene {
        title: "They talk",
        explanation: "What is not edited passes as the bytes it came as. Messages of real clients are encrypted end \
                      to end and their form is the clients' own, so Vestibule never writes them anew. These are in \
                      the clear to be read, and spelled oddly on purpose: a proxy that parses and prints would \
                      straighten them.",
        exchanges: vec![
            Exchange::new(
                "Alice's question, at her socket and at the gatekeeper's",
                asked,
                asked_at_gatekeeper,
            ),
            Exchange::new("Bob's answer, at the gatekeeper's socket and at hers", told, told_to_alice),
        ],
        findings: vec![untouched(&wire), answered(&composing, &receipt)],
        ..Scene::default()
    })
}

/// What came to Alice before Bob's answer.
struct Replies {
    composing: Vec<u8>,
    receipt: Vec<u8>,
}

async fn talk(pair: &mut Pair) -> Result<Replies, ActError> {
    let (alice, bob) = (pair.alice.jid.clone(), BOB.bare_jid());
    // Both quotes, spaces in odd places, a reference that needs none, CDATA, a prefix of its own.
    let question = format!(
        "<message  to=\"{bob}\" type='chat' id=\"q-7\"><body >Fish &amp; chips at &#x38;? <![CDATA[I <3 \
         vinegar]]></body><r:request xmlns:r='{RECEIPTS}'   /></message>"
    );
    pair.alice_to_bob(question.as_bytes()).await?;
    let receipt = format!("<message to='{alice}' id='r-7'><received xmlns='{RECEIPTS}' id='q-7'/></message>");
    let receipt = pair.bob_to_alice(receipt.as_bytes()).await?;
    let composing =
        format!("<message to='{alice}' type='chat' id='c-8'><composing xmlns='{CHAT_STATES}'/></message>");
    let composing = pair.bob_to_alice(composing.as_bytes()).await?;
    let answer = format!(
        "<message to='{alice}' type='chat' id='a-8'><body>Half past, \u{1F41F} &gt; \u{1F354}</body ></message>"
    );
    pair.bob_to_alice(answer.as_bytes()).await?;
    Ok(Replies { composing, receipt })
}

fn untouched(wire: &Wire) -> Finding {
    let checked = [&wire.from_client, &wire.from_gatekeeper].map(|passage| passage.untouched("<message"));
    let messages: usize = checked.iter().map(|(_, messages)| messages).sum();
    let observed = checked.iter().all(|(untouched, _)| *untouched);
    Finding::new(Claim::MessagesUntouched, observed, format!("{messages} messages compared on both sides"))
}

fn answered(composing: &[u8], receipt: &[u8]) -> Finding {
    let (typing, read) = (contains(composing, CHAT_STATES), contains(receipt, "id='q-7'"));
    let detail = format!("typing: {typing}, receipt for her question: {read}");
    Finding::new(Claim::ReceiptsPassed, typing && read, detail)
}
