//! Alice and Bob talk, in stanzas that any re-writing would change, and see that the other one writes and has read.

use super::{Pair, Wire, contains};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::Heard;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::BOB;
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::encryption::{Payload, ReceiptState};
use crate::stanza::namespace::CHAT_STATES;

pub const QUESTION_ID: &str = "question-7";
const ANSWER_ID: &str = "answer-8";
const QUESTION: &str = "Fish & chips at eight? I <3 vinegar";
const ANSWER: &str = "Half past, \u{1F41F} > \u{1F354}";
const REACTION: &str = "\u{1F44D}";

pub async fn play(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    let talk = talk(pair).await?;
    let wire = Wire::between(&pair.alice, stage)?;
    let (asked, asked_at_gatekeeper) = wire.from_client.first_with(QUESTION_ID).unwrap_or_default();
    let (told, told_to_alice) = wire.from_gatekeeper.first_with(ANSWER_ID).unwrap_or_default();
    let same = !asked.is_empty() && asked == asked_at_gatekeeper && told == told_to_alice;
    Ok(Scene {
        title: "They talk",
        explanation: "Their clients encrypt what they say, each for the other one's devices, with keys that came \
                      through the gatekeeper; an answer, a reaction and a receipt are inside of the encryption, too. All \
                      that can be seen of it is its class, the name of the element, and that somebody is typing. What is \
                      not edited passes as the bytes it came as. Alice's question is spelled oddly on purpose: a proxy \
                      that parses and prints would straighten it.",
        exchanges: vec![
            Exchange::new(
                "Alice's question, at her socket and at the gatekeeper's",
                asked,
                asked_at_gatekeeper,
            ),
            Exchange::new("Bob's answer, at the gatekeeper's socket and at hers", told, told_to_alice),
        ],
        listings: vec![Listing {
            caption: "What their clients read".to_owned(),
            lines: [(BOB.name, &talk.question), (pair.alice.name, &talk.answer), (BOB.name, &talk.reaction)]
                .map(|(who, heard)| format!("{who}: {}", read(heard)))
                .into(),
        }],
        findings: vec![untouched(&wire), encrypted(&talk, same), answered(&talk)],
        ..Scene::default()
    })
}

/// What came to both of them.
struct Talk {
    question: Heard,
    composing: Vec<u8>,
    receipt: Heard,
    answer: Heard,
    reaction: Heard,
}

async fn talk(pair: &mut Pair) -> Result<Talk, ActError> {
    let content = pair.alice.seal(&BOB.bare_jid(), QUESTION_ID, Payload::text(QUESTION)).await?;
    pair.alice.say(odd(&content).as_bytes()).await?;
    let question = pair.bob.read().await?;
    let receipt = Payload::Receipt { state: ReceiptState::Delivered, of: vec![QUESTION_ID.to_owned()] };
    let (_, receipt) = pair.bob_writes("receipt-7", receipt).await?;
    let composing = format!(
        "<message to='{}' type='chat' id='c-8'><composing xmlns='{CHAT_STATES}'/></message>",
        pair.alice.jid
    );
    let composing = pair.bob_to_alice(composing.as_bytes()).await?;
    let answer = Payload::Reply { to: QUESTION_ID.to_owned(), text: ANSWER.to_owned() };
    let (_, answer) = pair.bob_writes(ANSWER_ID, answer).await?;
    let reaction = Payload::Reaction { to: ANSWER_ID.to_owned(), emoji: REACTION.to_owned() };
    let (_, reaction) = pair.alice_writes("reaction-8", reaction).await?;
    Ok(Talk { question, composing, receipt, answer, reaction })
}

/// Both quotes, spaces in odd places, a reference that needs none, CDATA, a prefix of its own.
fn odd(content: &str) -> String {
    let content = content
        .replacen("'>A", "' >&#x41;", 1)
        .replace("</copy>", "<![CDATA[]]></copy >")
        .replace("</text>", "<o:odd xmlns:o='urn:x-odd'   /></text>");
    format!("<message  to=\"{}\" type='chat' id=\"{QUESTION_ID}\">{content}</message>", BOB.bare_jid())
}

/// What a client read, as it is shown.
fn read(heard: &Heard) -> String {
    match &heard.opened {
        Ok(opened) => {
            let to = match &opened.document.payload {
                Payload::Reply { to, .. } => format!(" (in answer to {to})"),
                Payload::Reaction { to, .. } => format!(" (to {to})"),
                _ => String::new(),
            };
            format!("{}{}", readable(heard.words().unwrap_or_default().as_bytes()), readable(to.as_bytes()))
        }
        Err(error) => error.to_string(),
    }
}

fn untouched(wire: &Wire) -> Finding {
    let checked = [&wire.from_client, &wire.from_gatekeeper].map(|passage| passage.untouched("<message"));
    let messages: usize = checked.iter().map(|(_, messages)| messages).sum();
    let observed = checked.iter().all(|(untouched, _)| *untouched);
    Finding::new(Claim::MessagesUntouched, observed, format!("{messages} messages compared on both sides"))
}

/// The same ciphertext on both sides, and the words at both ends, to the message that they were meant for.
fn encrypted(Talk { question, answer, reaction, .. }: &Talk, same: bool) -> Finding {
    let read = [(question, QUESTION), (answer, ANSWER), (reaction, REACTION)];
    let read = read.iter().filter(|(heard, words)| heard.words() == Some(words)).count();
    let to = |heard: &Heard| match &heard.opened.as_ref().ok()?.document.payload {
        Payload::Reply { to, .. } | Payload::Reaction { to, .. } => Some(to.clone()),
        _ => None,
    };
    let meant = to(answer).as_deref() == Some(QUESTION_ID) && to(reaction).as_deref() == Some(ANSWER_ID);
    let detail =
        format!("{read} of 3 messages decrypted; their ciphertext was the same on both sides: {same}");
    Finding::new(Claim::Encrypted, same && meant && read == 3, detail)
}

fn answered(Talk { composing, receipt, .. }: &Talk) -> Finding {
    let typing = contains(composing, CHAT_STATES);
    let read = match receipt.opened.as_ref().map(|opened| &opened.document.payload) {
        Ok(Payload::Receipt { of, .. }) => of.iter().any(|id| id == QUESTION_ID),
        _ => false,
    };
    let detail = format!("typing: {typing}, receipt for her question: {read}");
    Finding::new(Claim::ReceiptsPassed, typing && read, detail)
}
