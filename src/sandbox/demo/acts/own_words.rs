//! Carol's client advertises by itself, and is not believed.

use super::{Wire, contains, session_of};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Exchange, Scene};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::gatekeeper::Words;
use crate::stanza::namespace::BIND;

/// A type that stands in no profile, so that it can be recognised wherever it turns up.
const OWN_TYPE: &str = "video/x-carols-own";

/// The same of addresses (RFC 5737).
const OWN_ADDRESS: &str = "203.0.113.9";

/// Carol stays online.
pub async fn play(stage: &Stage, front: &Front, carol: &Enlisted) -> Result<(Scene, Online), ActError> {
    let Words { content_types, signals, .. } = Words::default();
    let own = format!(
        "<content-types xmlns=\"{content_types}\"><accept class=\"video\" type=\"{OWN_TYPE}\"/></content-types>\
         <signals xmlns=\"{signals}\"><client-address>{OWN_ADDRESS}</client-address></signals>"
    );
    let carol = carol.arrive(front, &own).await?;
    let record = session_of(stage, &carol)?;
    let wire = Wire::between(&carol, stage)?;
    let (sent, received) = wire.from_client.first_with(BIND).unwrap_or_default();
    let arrives = |own| contains(record.transcripts.received().bytes(), own);
    let arrived = arrives(OWN_TYPE) || arrives(OWN_ADDRESS);
    let told = record.content_types.iter().flat_map(|told| &told.accepts).count();
    let detail = if arrived {
        "it reached the gatekeeper".to_owned()
    } else {
        format!("it is nowhere in what the gatekeeper received, which was told of {told} kinds of content")
    };
    let scene = Scene {
        title: "Carol's client speaks for itself",
        explanation: "Only the provider says what its clients can receive. A client that puts such a list into its \
                      own request could ask for content that the provider does not want it to get, so its list is \
                      taken out, and the provider's stands there instead. So is the address that it claims to \
                      connect from. Carol's build is newer than Alice's, and \
                      its list longer.",
        exchanges: vec![Exchange::new(
            "Carol's bind request, as sent and as the gatekeeper got it",
            sent,
            received,
        )],
        findings: vec![Finding::new(Claim::OwnWordsRemoved, told > 0 && !arrived, detail)],
        ..Scene::default()
    };
    Ok((scene, carol))
}
