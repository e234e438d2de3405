//! Bob sends Alice a video, which her client cannot play.

use super::{Pair, Wire, contains};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::ALICE;
use crate::sandbox::demo::scene::{Exchange, Scene};
use crate::sandbox::demo::stage::Stage;

/// In the words of `policies/dialects/vestibule.yaml`. What is encrypted is noise here.
const VIDEO: &str = "<message to='alice@gatekeeper.example/telephone' id='v-9' type='chat'>\
                     <video xmlns='urn:x-vestibule:content:0' type='video/mp4' size='734003'>\
                     8J+OrCBub3QgZm9yIGhlciB0ZWxlcGhvbmU=</video><request xmlns='urn:xmpp:receipts'/></message>";
const TEXT: &str = "You have been sent a video that this app cannot play.";

pub async fn play(stage: &Stage, pair: &mut Pair) -> Result<Scene, ActError> {
    let heard = pair.bob_to_alice(VIDEO.as_bytes()).await?;
    let wire = Wire::between(&pair.alice, stage, &ALICE)?;
    let (sent, received) = wire.from_gatekeeper.first_with("<video").unwrap_or_default();
    let replaced = contains(&heard, TEXT) && !contains(&heard, "<video") && !contains(&heard, "<request");
    let one_for_one = heard == received && contains(received, "id='v-9'");
    Ok(Scene {
        title: "Bob sends a video to a telephone that plays none",
        explanation: "This gatekeeper pays no heed to what it was told. The policy says that content which a client \
                      cannot receive becomes a text, so that Alice knows of it. The stanza itself arrives, as the \
                      counters of both sides must agree; what would confirm the video to Bob is taken out with it.",
        exchanges: vec![Exchange::new(
            "The gatekeeper's delivery, at its socket and at Alice's",
            sent,
            received,
        )],
        findings: vec![Finding::new(
            Claim::ContentReplaced,
            replaced && one_for_one,
            format!("{} bytes sent, {} received", sent.len(), received.len()),
        )],
        ..Scene::default()
    })
}
