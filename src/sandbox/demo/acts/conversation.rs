//! Alice and Bob talk, in stanzas that any re-writing would change.

use super::{Pair, Wire};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{ALICE, BOB};
use crate::sandbox::demo::scene::{Exchange, Scene};
use crate::sandbox::demo::stage::Stage;

/// Both quotes, spaces in odd places, a reference that needs none, CDATA, a prefix of its own.
const QUESTION: &str = "<message  to=\"bob@gatekeeper.example\" type='chat' id=\"q-7\"><body >Fish &amp; chips \
                        at &#x38;? <![CDATA[I <3 vinegar]]></body><r:ask xmlns:r='urn:example:receipts'   \
                        kind = \"read\"/></message>";
const ANSWER: &str = "<message to='alice@gatekeeper.example/telephone' id='a-8'>\
                      <body>Half past, \u{1F41F} &gt; \u{1F354}</body ></message>";

pub async fn play(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    pair.alice_to_bob(QUESTION.as_bytes()).await?;
    pair.bob_to_alice(ANSWER.as_bytes()).await?;
    let alice = Wire::between(&pair.alice, stage, &ALICE)?;
    let bob = Wire::between(&pair.bob, stage, &BOB)?;
    let (asked, asked_at_gatekeeper) = alice.from_client.first_with("<message").unwrap_or_default();
    let (told, told_to_bob) = bob.from_gatekeeper.first_with("<message").unwrap_or_default();
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
            Exchange::new("The gatekeeper's delivery, at its socket and at Bob's", told, told_to_bob),
        ],
        findings: vec![untouched(&alice, &bob)],
        ..Scene::default()
    })
}

fn untouched(alice: &Wire, bob: &Wire) -> Finding {
    let passages = [&alice.from_client, &bob.from_gatekeeper, &bob.from_client, &alice.from_gatekeeper];
    let checked = passages.map(|passage| passage.untouched("<message"));
    let messages: usize = checked.iter().map(|(_, messages)| messages).sum();
    let observed = checked.iter().all(|(untouched, _)| *untouched);
    Finding::new(
        Claim::MessagesUntouched,
        observed,
        format!("{messages} passages through Vestibule compared"),
    )
}
