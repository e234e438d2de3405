//! Bob sends a video to Carol, whose client plays it, and to Alice, whose client does not: the gatekeeper first keeps to
//! what it was told, and then is told not to.

use super::{Pair, Wire, contains, frames};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::Online;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::picture::Content;
use crate::sandbox::demo::scene::{Exchange, Listing, Scene, readable};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::Behaviour;
use crate::stanza::namespace::{CHAT_STATES, CLIENT};

const TEXT: &str = "You have been sent a video that this app cannot play.";

/// In the words of `policies/dialects/vestibule.yaml`. What is encrypted is noise here.
fn video(to: &str, id: &str) -> String {
    format!(
        "<message to='{to}' id='{id}' type='chat'><video xmlns='urn:x-vestibule:content:0' type='video/mp4' \
         size='734003'>8J+OrCBub3QgZm9yIGhlciB0ZWxlcGhvbmU=</video><request xmlns='urn:xmpp:receipts'/></message>"
    )
}

/// Bob sends a video. Returns what came of it to the receiver's socket, if anything.
async fn delivered(bob: &mut Online, to: &mut Online, id: &str) -> Result<Vec<u8>, ActError> {
    bob.say(video(&to.jid, id).as_bytes()).await?;
    // When what is sent afterwards has come, which holds no content, nothing else is on its way.
    let after = format!(
        "<message to='{}' type='chat' id='after-{id}'><active xmlns='{CHAT_STATES}'/></message>",
        to.jid
    );
    bob.say(after.as_bytes()).await?;
    to.receive(|stanza| stanza.attribute("id") == Some(&format!("after-{id}"))).await?;
    let wanted = format!("id='{id}'");
    let received = frames(&to.client.transcripts().received());
    Ok(received.into_iter().find(|frame| contains(frame, &wanted)).unwrap_or_default())
}

/// The gatekeeper keeps to what it was told.
pub async fn honoured(pair: &mut Pair, carol: &mut Online) -> Result<Scene, ActError> {
    let carols = delivered(&mut pair.bob, carol, "v-8").await?;
    let alices = delivered(&mut pair.bob, &mut pair.alice, "v-9").await?;
    pair.bob.catch_up().await?;
    let answers = frames(&pair.bob.client.transcripts().received());
    let refusal = answers.into_iter().find(|frame| contains(frame, "v-9") && contains(frame, "type='error'"));
    let refusal = refusal.unwrap_or_default();
    let observed = contains(&carols, "<video") && contains(&refusal, "not-acceptable") && alices.is_empty();
    Ok(Scene {
        title: "Bob sends a video to both",
        explanation: "The gatekeeper was told at binding that Carol's build plays videos and that Alice's does not. \
                      So it sends Carol hers, sends Alice nothing, and tells Bob.",
        listings: vec![Listing {
            caption: "What Bob was told of the video for Alice".to_owned(),
            lines: vec![readable(&refusal)],
        }],
        findings: vec![Finding::new(
            Claim::NotSent,
            observed,
            format!("{} bytes reached Carol, a refusal of {} reached Bob", carols.len(), refusal.len()),
        )],
        ..Scene::default()
    })
}

/// The gatekeeper does not.
pub async fn ignored(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    stage.gatekeeper.behave(Behaviour { ignore_content_types: true });
    let heard = pair.bob_to_alice(video(&pair.alice.jid, "v-10").as_bytes()).await;
    stage.gatekeeper.behave(Behaviour::default());
    let heard = heard?;
    let wire = Wire::between(&pair.alice, stage)?;
    let (sent, received) = wire.from_gatekeeper.first_with("id='v-10'").unwrap_or_default();
    let replaced = contains(&heard, TEXT) && !contains(&heard, "<video") && !contains(&heard, "<request");
    let one_for_one = heard == received && contains(received, "id='v-10'");
    Ok(Scene {
        title: "The gatekeeper no longer cares",
        explanation: "Now the gatekeeper pays no heed to what it was told. Vestibule's policy says that content which \
                      a client cannot receive becomes a text, so that Alice knows of it. The stanza itself arrives, \
                      as the counters of both sides must agree; what would confirm the video to Bob is taken out \
                      with it.",
        exchanges: vec![Exchange::new(
            "The gatekeeper's delivery, at its socket and at Alice's",
            sent,
            received,
        )],
        contents: vec![Content::instead(
            "What Alice's client shows",
            "a video (video/mp4, 734,003 bytes)",
            shown(received),
        )],
        findings: vec![Finding::new(
            Claim::ContentReplaced,
            replaced && one_for_one,
            format!("{} bytes sent, {} received", sent.len(), received.len()),
        )],
        ..Scene::default()
    })
}

/// The text of a message, as a client shows it that knows nothing else in it.
fn shown(message: &[u8]) -> String {
    let message = Element::of_stanza(message);
    let body = message.as_ref().and_then(|message| message.child(CLIENT, "body"));
    body.map(|body| readable(body.text.as_bytes())).unwrap_or_default()
}
