//! Tokens of FAST (XEP-0484) of a provider's user: each opens what the provider's token would, and no more.

use serde_json::json;
use vestibule::sandbox::client::Client;

use super::connecting::{connect, front};
use super::provider::{Answer, INTROSPECTION};
use super::{CALM, HASTE, World, key};
use crate::sandbox::sasl2::fast::{REQUEST, returning, token_of};
use crate::sandbox::sasl2::{FAST, Granted, authenticate, condition};
use crate::sandbox::stage::exchange;
use crate::sandbox::system::Front;

/// Ann with a token of FAST for her telephone.
struct Ann {
    internal_id: String,
    /// Of her provider.
    bearer: String,
    token: String,
    front: Front,
}

impl Ann {
    async fn of(world: &World) -> Self {
        let client = key();
        let internal_id = world.enlisted("ann", &client).await;
        let (front, bearer) = (front(world), world.token("ann", &client));
        let message = format!("n,,\u{1}auth=Bearer {bearer}\u{1}\u{1}");
        let request = authenticate("OAUTHBEARER", message, REQUEST);
        let token = token_of(&Granted::by(&mut connect(&front).await, &request).await).unwrap();
        Self { internal_id, bearer, token, front }
    }

    fn request(&self) -> String {
        returning(&self.internal_id, &self.token, "", "")
    }

    async fn comes_back(&self) {
        Granted::by(&mut self.connect().await, &self.request()).await;
    }

    async fn is_refused(&self) -> String {
        condition(&exchange(&mut self.connect().await, &self.request()).await).to_owned()
    }

    async fn connect(&self) -> Client {
        connect(&self.front).await
    }
}

fn answer_introspection(world: &World, answer: Answer) {
    world.provider.misbehave(move |path, _| (path == INTROSPECTION).then(|| answer.clone()));
}

#[tokio::test]
async fn the_provider_is_asked_each_time() {
    let world = World::start(CALM).await;
    let ann = Ann::of(&world).await;
    for _ in 0..2 {
        let asked = world.provider.calls(INTROSPECTION).len();
        ann.comes_back().await;
        assert_eq!(world.provider.calls(INTROSPECTION).len(), asked + 1);
    }
}

#[tokio::test]
async fn it_expires_with_the_providers_token() {
    let world = World::start(CALM).await;
    let client = key();
    world.enlisted("ann", &client).await;
    let mut claims = world.claims("ann", &client);
    claims.exp = claims.iat + 3600;
    let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", world.key.sign(&claims).unwrap());
    let front = front(&world);
    let request = authenticate("OAUTHBEARER", message, REQUEST);
    let granted = Granted::by(&mut connect(&front).await, &request).await;
    let expiry = granted.child(FAST, "token").unwrap().attribute("expiry").unwrap().to_owned();
    let expiry =
        time::OffsetDateTime::parse(&expiry, &time::format_description::well_known::Rfc3339).unwrap();
    // Clocks may differ by half a minute.
    assert_eq!(u64::try_from(expiry.unix_timestamp()), Ok(claims.exp + 30));
}

#[tokio::test]
async fn a_revoked_token_takes_it_along_for_good() {
    let world = World::start(CALM).await;
    let ann = Ann::of(&world).await;
    answer_introspection(&world, Answer::Json(json!({ "active": false })));
    assert_eq!(ann.is_refused().await, "credentials-expired");
    world.provider.misbehave(|_, _| None);
    assert_eq!(ann.is_refused().await, "not-authorized");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_takes_nothing_along() {
    let world = World::start(HASTE).await;
    let ann = Ann::of(&world).await;
    for answer in [Answer::Status(500), Answer::Cut] {
        answer_introspection(&world, answer);
        assert_eq!(ann.is_refused().await, "temporary-auth-failure");
    }
    world.provider.misbehave(|_, _| None);
    ann.comes_back().await;
}

#[tokio::test]
async fn who_opts_out_has_no_tokens_and_who_comes_back_has_new_ones() {
    let world = World::start(CALM).await;
    let ann = Ann::of(&world).await;
    let opted_out = world.delete(&ann.internal_id).bearer_auth(&ann.bearer).send().await.unwrap();
    assert_eq!(opted_out.status(), 204);
    assert_eq!(ann.is_refused().await, "not-authorized");
    let again = Ann::of(&world).await;
    assert_eq!(ann.is_refused().await, "not-authorized");
    again.comes_back().await;
}
