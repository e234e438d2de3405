//! Alice shows the gatekeeper that her visible identifier is hers. Carol and Mallory do as well, and not twice.

use crate::sandbox::client::ApiError;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, enlisting, token_of};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{ALICE, CAROL, MALLORY};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::token::{Algorithm, SigningKey};

/// The provider's users, once they have enlisted.
pub struct Cast {
    pub alice: Enlisted,
    pub carol: Enlisted,
    pub mallory: Enlisted,
}

pub async fn play(stage: &Stage) -> Result<(Scene, Cast), ActError> {
    let alice = Enlisted::enlist(stage, &ALICE).await?;
    let stolen = with_another_key(stage).await?;
    let again = enlisting(stage).enlist(&alice.token, &alice.key).await.err();
    let second_client = Enlisted::enlist(stage, &ALICE).await?;
    let cast = Cast {
        carol: Enlisted::enlist(stage, &CAROL).await?,
        mallory: Enlisted::enlist(stage, &MALLORY).await?,
        alice,
    };
    let scene = Scene {
        title: "Alice enlists",
        explanation: "Alice is known to her provider by a visible identifier. To be reached from the gatekeeper, she \
                      opts in once: her provider signs a token that says who she is and which key her client holds, \
                      and her client signs the gatekeeper's challenge with that key. The gatekeeper fetches the \
                      provider's keys, asks the provider whether the token is still good, and gives her an internal \
                      identifier, which tells nothing of her. All of this is HTTP and passes beside Vestibule.",
        listings: vec![
            Listing {
                caption: "What the provider's token says of Alice".to_owned(),
                lines: claims(&cast.alice),
            },
            Listing {
                caption: "What the gatekeeper knows her by from now on".to_owned(),
                lines: vec![format!("{} is {}", ALICE.visible_id, cast.alice.bare_jid())],
            },
            Listing {
                caption: "What else was tried".to_owned(),
                lines: vec![
                    format!("Her token with another client's key: {}", outcome(stolen.as_ref())),
                    format!("The same token once more: {}", outcome(again.as_ref())),
                ],
            },
        ],
        findings: vec![enlisted(&cast, &second_client), refused(stolen.as_ref(), again.as_ref())],
        ..Scene::default()
    };
    Ok((scene, cast))
}

/// Somebody has got hold of a token of Alice's, and not of her client's key.
async fn with_another_key(stage: &Stage) -> Result<Option<ApiError>, ActError> {
    let failed = |source| ActError::Api { who: ALICE.name, source };
    let key = || SigningKey::generate(Algorithm::Es256).map_err(|error| failed(error.into()));
    let (her_key, another) = (key()?, key()?);
    let token = token_of(stage, &ALICE, &her_key).await.map_err(failed)?;
    Ok(enlisting(stage).enlist(&token, &another).await.err())
}

/// Member by member; the issuer's port and the times are what they were.
fn claims(enlisted: &Enlisted) -> Vec<String> {
    let claims = enlisted.claims().unwrap_or_default();
    let members = claims.as_object().into_iter().flatten();
    members.map(|(name, value)| readable(format!("{name:<4} {value}").as_bytes())).collect()
}

fn outcome(refusal: Option<&ApiError>) -> String {
    refusal.map_or_else(|| "taken".to_owned(), ToString::to_string)
}

/// The users' identifiers differ, and those of one user's clients do not.
fn enlisted(Cast { alice, carol, mallory }: &Cast, second_client: &Enlisted) -> Finding {
    let ids = [alice, carol, mallory].map(|enlisted| enlisted.internal_id.as_str());
    let distinct = ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2];
    let same = second_client.internal_id == alice.internal_id;
    let detail = format!(
        "3 users, 3 internal identifiers of {} characters; Alice's second client got hers again: {same}",
        ids[0].len()
    );
    Finding::new(Claim::Enlisted, distinct && same, detail)
}

fn refused(stolen: Option<&ApiError>, again: Option<&ApiError>) -> Finding {
    let problem = |refusal: Option<&ApiError>| match refusal {
        Some(ApiError::Refused { problem, .. }) => *problem,
        _ => "taken",
    };
    let (stolen, again) = (problem(stolen), problem(again));
    let detail = format!("another key: {stolen}; the same token again: {again}");
    Finding::new(Claim::TokenAloneRefused, stolen == "proof-other-key" && again == "token-replayed", detail)
}
