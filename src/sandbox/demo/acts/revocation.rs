//! The provider revokes Carol's tokens. The one that she has opens no stream any more.

use super::{Wire, contains};
use crate::sandbox::client::{Client, ClientError};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Online};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::stanza::namespace::SASL;

pub async fn play(stage: &Stage, front: &Front, carol: &Enlisted, online: Online) -> Result<Scene, ActError> {
    online.close().await?;
    let revoked = stage.provider.revoke_tokens_of(carol.user.visible_id);
    let mut client = Client::connect(front.server()).await.map_err(|error| carol.user.failed(error))?;
    front.witness().watch(carol.user.name, &client);
    let refusal = client.authenticate(&carol.credentials()).await;
    let transcripts = client.transcripts();
    // She may try again with another token, and leaves instead.
    client.close().await.map_err(|error| carol.user.failed(error))?;
    let record = stage.gatekeeper.sessions().pop().ok_or(ActError::Unseen(carol.user.name))?;
    let wire = Wire::of(&transcripts, &record.transcripts);
    let answers = wire.from_gatekeeper.received.iter().filter(|frame| contains(frame, SASL));
    let failures: Vec<String> =
        answers.filter(|frame| contains(frame, "<failure")).map(|frame| readable(frame)).collect();
    let (untouched, frames) = wire.from_gatekeeper.untouched(SASL);
    let refused = matches!(refusal, Err(ClientError::NotAuthenticated));
    let detail = format!("{revoked} revoked; {frames} elements of the gatekeeper compared on both sides");
    Ok(Scene {
        title: "Carol's token is revoked",
        explanation: "Carol has lost her tablet, and her provider revokes what it had signed for her. The token's \
                      signature is as good as before, and its time is not over: the gatekeeper learns from the \
                      provider, which it asks whenever a stream is opened. Vestibule passes the refusal as it is.",
        listings: vec![Listing { caption: "What Carol got".to_owned(), lines: failures.clone() }],
        findings: vec![Finding::new(
            Claim::RevokedRefused,
            refused && revoked > 0 && untouched && !failures.is_empty(),
            detail,
        )],
        ..Scene::default()
    })
}
