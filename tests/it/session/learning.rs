//! What a session learns of its streams: what it was asked for and nothing else, and not before it was asked.

use vestibule::relay::{Learn, PassedStanza, Side};

use super::passing::refuses_from_client;
use crate::stage::*;

const MESSAGE: &str = "<message to='bob@gatekeeper.example' from='alice@gatekeeper.example/phone' type='chat' \
     id='m1'><body>secret</body></message>";
const STANZAS: Learn =
    Learn { account: false, stanzas: true, stanza_type: true, stanza_id: false, from: false, to: false };

#[tokio::test(start_paused = true)]
async fn nothing_is_learnt_of_stanzas_unless_it_is_asked_for() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up(MESSAGE).await;
    assert!(stage.passed.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stanza_that_passed_is_told_with_side_kind_type_and_size() {
    let mut stage = Stage::bound(Setting { learn: STANZAS, ..Setting::default() }).await;
    stage.passed.lock().unwrap().clear();
    stage.passes_up(MESSAGE).await;
    stage.passes_down("<presence type='unavailable'/>").await;
    stage.passes_down("<iq id='1' type='no type that there is'/>").await;
    stage.passes_up("<r xmlns='urn:xmpp:sm:3'/>").await;
    let told: Vec<_> =
        take(&stage).iter().map(|told| (told.side, told.kind, told.type_, told.bytes)).collect();
    assert_eq!(
        told,
        [
            (Side::Downstream, "message", Some("chat"), MESSAGE.len() as u64),
            (Side::Upstream, "presence", Some("unavailable"), 30),
            (Side::Upstream, "iq", Some("other"), 41),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn addresses_and_ids_are_learnt_one_by_one() {
    for learn in [
        STANZAS,
        Learn { stanza_id: true, ..STANZAS },
        Learn { from: true, ..STANZAS },
        Learn { to: true, ..STANZAS },
    ] {
        let mut stage = Stage::bound(Setting { learn, ..Setting::default() }).await;
        stage.passed.lock().unwrap().clear();
        stage.passes_up(MESSAGE).await;
        let told = take(&stage);
        assert_eq!(told[0].id.as_deref(), learn.stanza_id.then_some("m1"));
        assert_eq!(told[0].from.as_deref(), learn.from.then_some("alice@gatekeeper.example/phone"));
        assert_eq!(told[0].to.as_deref(), learn.to.then_some("bob@gatekeeper.example"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_learnt_as_it_is_meant() {
    let learn = Learn { to: true, ..STANZAS };
    let mut stage = Stage::bound(Setting { learn, ..Setting::default() }).await;
    stage.passed.lock().unwrap().clear();
    stage.passes_up("<message to='b&#x6f;b@gatekeeper.example/&lt;x&gt;'/>").await;
    assert_eq!(take(&stage)[0].to.as_deref(), Some("bob@gatekeeper.example/<x>"));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_for_an_address_is_not_learnt() {
    let learn = Learn { to: true, ..STANZAS };
    let mut stage = Stage::bound(Setting { learn, ..Setting::default() }).await;
    for (length, learnt) in [(3_071, true), (3_072, false)] {
        stage.passed.lock().unwrap().clear();
        stage.passes_up(&format!("<message to='{}'/>", "a".repeat(length))).await;
        assert_eq!(take(&stage)[0].to.is_some(), learnt);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_learnt_can_change_while_the_session_runs() {
    let mut stage = Stage::bound(Setting::default()).await;
    for (learn, told) in [(STANZAS, 1), (Learn::default(), 0), (STANZAS, 1)] {
        *stage.learn.lock().unwrap() = learn;
        stage.passes_up(MESSAGE).await;
        assert_eq!(take(&stage).len(), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_stanza_did_not_pass() {
    let mut stage = Stage::greeted(Setting { learn: STANZAS, ..Setting::default() }).await;
    refuses_from_client(&mut stage, MESSAGE, "not-authorized").await;
    assert!(take(&stage).is_empty());
}

fn take(stage: &Stage) -> Vec<PassedStanza> {
    std::mem::take(&mut stage.passed.lock().unwrap())
}
