//! Carol's client advertises by itself, and is not believed.

use super::{Wire, arrive, session_of};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{ALICE, CAROL};
use crate::sandbox::demo::scene::{Exchange, Scene};
use crate::sandbox::demo::stage::{CONTENT_TYPES, Front, Stage};
use crate::stanza::namespace::BIND;

/// A type that stands in no profile, so that it can be recognised wherever it turns up.
const OWN_TYPE: &str = "video/x-carols-own";

pub async fn play(stage: &Stage, front: &Front) -> Result<Scene, ActError> {
    let own = format!(
        "<content-types xmlns=\"{CONTENT_TYPES}\"><accept class=\"video\" type=\"{OWN_TYPE}\"/></content-types>"
    );
    let client = arrive(front, &CAROL, &own).await?;
    let transcripts = client.transcripts();
    client.close().await.map_err(|error| CAROL.failed(error))?;
    let record = session_of(stage, &CAROL)?;
    let wire = Wire::of(&transcripts, &record.transcripts);
    let (sent, received) = wire.from_client.first_with(BIND).unwrap_or_default();
    let arrived = super::contains(record.transcripts.received().bytes(), OWN_TYPE);
    let same =
        record.content_types == session_of(stage, &ALICE)?.content_types && !record.content_types.is_empty();
    let detail =
        if arrived { "it reached the gatekeeper" } else { "it is nowhere in what the gatekeeper received" };
    Ok(Scene {
        title: "Carol's client speaks for itself",
        explanation: "Only the provider says what its clients can receive. A client that puts such a list into its \
                      own request could ask for content that the provider does not want it to get, so its list is \
                      taken out, and the provider's stands there instead.",
        exchanges: vec![Exchange::new(
            "Carol's bind request, as sent and as the gatekeeper got it",
            sent,
            received,
        )],
        findings: vec![Finding::new(Claim::OwnWordsRemoved, same && !arrived, detail)],
        ..Scene::default()
    })
}
