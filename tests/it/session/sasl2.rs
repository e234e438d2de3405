//! SASL2 and Bind 2 (XEP-0388, XEP-0386): one exchange in the place of authentication, a new stream and binding.

use std::time::Duration;

use vestibule::relay::{Failure, Outcome, Side};

use super::passing::refuses_from_client;
use crate::stage::{CLIENT_HEADER, Setting, Stage};

const OFFER: &str = "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
    <inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication></stream:features>";
const AUTHENTICATE: &str = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
    <initial-response>AGFsaWNlAHNlY3JldA==</initial-response><bind xmlns='urn:xmpp:bind:0'/></authenticate>";
const BOUND: &str = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@gatekeeper.example/phone\
    </authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>";
const FEATURES: &str = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>";

async fn offered() -> Stage {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_features(OFFER).await;
    stage
}

#[tokio::test(start_paused = true)]
async fn one_exchange_binds_and_the_stream_goes_on_without_a_new_header() {
    let mut stage = offered().await;
    stage.passes_up(AUTHENTICATE).await;
    stage.passes_down(BOUND).await;
    stage.passes_features(FEATURES).await;
    stage.passes_up("<message to='bob@gatekeeper.example'/>").await;
    stage.passes_down("<message from='bob@gatekeeper.example'/>").await;
    stage.client.send("</stream:stream>").await;
    stage.gatekeeper.expect_last("</stream:stream>").await;
    stage.gatekeeper.send("</stream:stream>").await;
    let summary = stage.ended().await;
    assert_eq!(summary.account.as_deref(), Some("alice@gatekeeper.example/phone"));
}

#[tokio::test(start_paused = true)]
async fn challenges_and_tasks_pass() {
    let mut stage = offered().await;
    stage.passes_up("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'/>").await;
    stage.passes_down("<challenge xmlns='urn:xmpp:sasl:2'>YQ==</challenge>").await;
    stage.passes_up("<response xmlns='urn:xmpp:sasl:2'>Yg==</response>").await;
    stage.passes_down("<continue xmlns='urn:xmpp:sasl:2'><tasks><task>TOTP</task></tasks></continue>").await;
    stage.passes_up("<next xmlns='urn:xmpp:sasl:2' task='TOTP'/>").await;
    stage.passes_down("<task-data xmlns='urn:xmpp:sasl:2'/>").await;
    stage.passes_up("<task-data xmlns='urn:xmpp:sasl:2'/>").await;
    stage.passes_down("<success xmlns='urn:xmpp:sasl:2'/>").await;
    stage.passes_features(FEATURES).await;
    stage.passes_up(crate::stage::BIND).await;
    stage.passes_down(crate::stage::BOUND).await;
    stage.passes_up("<presence/>").await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_client_may_try_again() {
    let mut stage = offered().await;
    for _ in 0..2 {
        stage.passes_up(AUTHENTICATE).await;
        stage.passes_down("<failure xmlns='urn:xmpp:sasl:2'/>").await;
    }
    stage.passes_up(crate::stage::AUTH).await;
    stage.passes_down(crate::stage::SUCCESS).await;
    stage.passes_up(CLIENT_HEADER).await;
}

#[tokio::test(start_paused = true)]
async fn a_resumed_session_is_bound() {
    let mut stage = offered().await;
    stage
        .passes_up(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
             <resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/></authenticate>",
        )
        .await;
    stage
        .passes_down(
            "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/></success>",
        )
        .await;
    stage.passes_up("<message to='bob@gatekeeper.example'/>").await;
    stage.drain(Duration::ZERO);
    assert_eq!(stage.outcome().await, Outcome::Cut);
}

/// Of a client with everything that it can ask for at once.
const RETURN: &str = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>\
    <initial-response>YWxpY2UAcHJvb2Y=</initial-response><user-agent id='phone'/>\
    <fast xmlns='urn:xmpp:fast:0' count='7'/><resume xmlns='urn:xmpp:sm:3' h='3' previd='x'/>\
    <bind xmlns='urn:xmpp:bind:0'><tag>app</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>";

/// XEP-0388, 2.3: a client that knows what is offered need not wait for it.
#[tokio::test(start_paused = true)]
async fn a_client_may_authenticate_ahead_of_the_features() {
    let mut stage = Stage::open(Setting::default());
    stage.client.send(format!("{CLIENT_HEADER}{RETURN}")).await;
    stage.gatekeeper.expect(CLIENT_HEADER).await;
    stage.gatekeeper.expect(RETURN).await;
    stage.passes_down(crate::stage::SERVER_HEADER).await;
    stage.passes_features(OFFER).await;
    stage.passes_down(BOUND).await;
    stage.passes_features(FEATURES).await;
    stage.passes_up("<presence/>").await;
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_resumed_what_is_bound_instead_holds() {
    for (enabled, outcome) in [
        ("<enabled xmlns='urn:xmpp:sm:3' id='y' resume='true'/>", Outcome::Cut),
        ("", Outcome::Failed(Side::Downstream, Failure::Shutdown)),
    ] {
        let mut stage = offered().await;
        stage.passes_up(RETURN).await;
        let success = format!(
            "<success xmlns='urn:xmpp:sasl:2'><additional-data>cHJvb2Y=</additional-data>\
             <authorization-identifier>alice@gatekeeper.example/app/1</authorization-identifier>\
             <failed xmlns='urn:xmpp:sm:3' h='4'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>\
             <bound xmlns='urn:xmpp:bind:0'>{enabled}</bound>\
             <token xmlns='urn:xmpp:fast:0' token='secret' expiry='2030-01-01T00:00:00Z'/></success>"
        );
        stage.passes_down(&success).await;
        stage.passes_features("<stream:features></stream:features>").await;
        stage.passes_up("<message to='bob@gatekeeper.example'/>").await;
        stage.drain(Duration::ZERO);
        assert_eq!(stage.outcome().await, outcome, "{enabled}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_resumed_or_bound_both_can_follow() {
    let mut stage = offered().await;
    stage.passes_up(RETURN).await;
    stage
        .passes_down(
            "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@gatekeeper.example\
             </authorization-identifier><failed xmlns='urn:xmpp:sm:3'/></success>",
        )
        .await;
    stage.passes_features(FEATURES).await;
    stage.passes_up("<resume xmlns='urn:xmpp:sm:3' h='0' previd='y'/>").await;
    stage.passes_down("<failed xmlns='urn:xmpp:sm:3'/>").await;
    stage.passes_up(crate::stage::BIND).await;
    stage.passes_down(crate::stage::BOUND).await;
    stage.passes_up("<presence/>").await;
}

#[tokio::test(start_paused = true)]
async fn the_account_of_a_resumed_session_is_learnt() {
    let mut stage = offered().await;
    stage.passes_up(RETURN).await;
    stage
        .passes_down(
            "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@gatekeeper.example/phone\
             </authorization-identifier><resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/></success>",
        )
        .await;
    stage.passes_features("<stream:features></stream:features>").await;
    stage.drain(Duration::ZERO);
    assert_eq!(stage.ended().await.account.as_deref(), Some("alice@gatekeeper.example/phone"));
}

/// XEP-0388, 2.4: also a client that hopes to be resumed has to wait for it.
#[tokio::test(start_paused = true)]
async fn no_stanza_is_sent_ahead_of_the_success() {
    for stanza in ["<message to='bob@gatekeeper.example'/>", "<presence/>"] {
        let mut stage = offered().await;
        stage.passes_up(RETURN).await;
        refuses_from_client(&mut stage, stanza, "not-authorized").await;
    }
    for element in ["<r xmlns='urn:xmpp:sm:3'/>", "<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>"] {
        let mut stage = offered().await;
        stage.passes_up(RETURN).await;
        refuses_from_client(&mut stage, element, "unsupported-stanza-type").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_sasl2_enables_can_be_resumed() {
    for (resume, outcome) in
        [("resume='true'", Outcome::Cut), ("", Outcome::Failed(Side::Downstream, Failure::Shutdown))]
    {
        let mut stage = offered().await;
        stage.passes_up(AUTHENTICATE).await;
        stage
            .passes_down(&BOUND.replace(
                "<bound xmlns='urn:xmpp:bind:0'/>",
                &format!(
                    "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='x' {resume}/></bound>"
                ),
            ))
            .await;
        stage.drain(Duration::ZERO);
        assert_eq!(stage.outcome().await, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_place_in_sasl2_is_refused() {
    for (element, condition) in [
        (crate::stage::AUTH, "unsupported-stanza-type"),
        (AUTHENTICATE, "unsupported-stanza-type"),
        ("<message/>", "not-authorized"),
        (crate::stage::BIND, "not-authorized"),
    ] {
        let mut stage = offered().await;
        stage.passes_up(AUTHENTICATE).await;
        refuses_from_client(&mut stage, element, condition).await;
    }
    for element in ["<response xmlns='urn:xmpp:sasl:2'/>", "<next xmlns='urn:xmpp:sasl:2'/>"] {
        let mut stage = offered().await;
        refuses_from_client(&mut stage, element, "unsupported-stanza-type").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_cannot_end_what_did_not_begin() {
    let mut stage = offered().await;
    stage.gatekeeper.send(BOUND).await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Upstream, Failure::UnsupportedElement));
}
