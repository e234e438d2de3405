//! What all sessions of an account are held to together, however they were bound or resumed.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;
use vestibule::limit::{AccountLimits, Limits, RateLimit};
use vestibule::relay::{Failure, Outcome, Side};

use super::limits::{BIND_RESULT, MESSAGE, arrivals, rate, session_of};
use crate::stage::*;

/// One more connection to the same hosts, addresses and accounts.
fn once_more(setting: &Setting) -> Setting {
    let host = host(Limits::clone(&setting.host.limits), None);
    let (addresses, accounts) = (setting.addresses.clone(), setting.accounts.clone());
    Setting { host, addresses, accounts, ..Setting::default() }
}

/// Authenticates by SASL2 with what else is asked for in one, and is told of success with what else is told.
async fn authenticated_at_once(setting: &Setting, asked: &str, told: &str) -> Stage {
    let mut stage = Stage::greeted(once_more(setting)).await;
    let request = format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>{asked}</authenticate>");
    stage.passes_up(&request).await;
    stage.passes_down(&format!("<success xmlns='urn:xmpp:sasl:2'>{told}</success>")).await;
    stage
}

const RESUME: &str = "<resume xmlns='urn:xmpp:sm:3' h='0' previd='some-id'/>";
const RESUMED: &str = "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='some-id'/>";
const ALICE: &str = "<authorization-identifier>alice@gatekeeper.example/desktop</authorization-identifier>";
const BIND2: &str = "<bind xmlns='urn:xmpp:bind:0'/>";

/// Each session may send more than the account.
fn shared_rate() -> Setting {
    Setting::with_limits(|limits| {
        limits.accounts.rate = rate(10, 1000).expect("a rate");
        limits.client_rate = rate(1000, 1000);
    })
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_an_account_share_its_rate_and_others_do_not() {
    let setting = shared_rate();
    let mut phone = session_of("alice@gatekeeper.example/phone", &setting).await;
    let mut desktop = session_of("alice@gatekeeper.example/desktop", &setting).await;
    let mut stranger = session_of("bob@gatekeeper.example/phone", &setting).await;
    assert_eq!(arrivals(&mut phone, 11).await, [0; 11]);
    assert_eq!(arrivals(&mut stranger, 11).await, [0; 11]);
    // Each session may be one stanza ahead, which is paid behind the phone's.
    assert_eq!(arrivals(&mut desktop, 3).await, [0, 200, 300]);
    // What the gatekeeper sends is not held up.
    phone.client.send(MESSAGE).await;
    let began = Instant::now();
    phone.passes_down("<message from='bob@gatekeeper.example'/>").await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    desktop.client.vanish().await;
    let throttled = desktop.ended().await.counters.throttled.downstream;
    assert_eq!(throttled[RateLimit::AccountStanzas as usize], Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_ahead_of_the_bind_result_is_its_accounts() {
    let mut stage = Stage::authenticated(shared_rate()).await;
    stage.passes_up(&format!("{BIND}{}", MESSAGE.repeat(14))).await;
    stage.passes_down(BOUND).await;
    // Of the fifteen the burst pays for ten.
    assert_eq!(arrivals(&mut stage, 2).await, [500, 600]);
}

/// Otherwise it could leave before anybody knows whose it was.
#[tokio::test(start_paused = true)]
async fn a_client_sends_little_before_it_is_known_whose_it_is() {
    let large = format!("<message><body>{}</body></message>", "x".repeat(16 * 1024));
    for (stanza, passes) in [(MESSAGE, 15), (&*large, 1)] {
        let mut stage = Stage::authenticated(Setting::default()).await;
        stage.client.send(&format!("{BIND}{}", stanza.repeat(passes + 1))).await;
        stage.gatekeeper.expect(&format!("{BIND}{}", stanza.repeat(passes))).await;
        stage.gatekeeper.expect_silence(Duration::from_secs(5)).await;
        stage.passes_down(BOUND).await;
        stage.gatekeeper.expect(stanza).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_session_is_charged_to_its_account() {
    let setting = shared_rate();
    let mut first = session_of("alice@gatekeeper.example/phone", &setting).await;
    first.passes_down("<enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true'/>").await;
    first.client.vanish().await;
    first.ended().await;
    let mut resumed = Stage::authenticated(once_more(&setting)).await;
    resumed.passes_up(RESUME).await;
    resumed.passes_down(RESUMED).await;
    // The request to resume is one of the ten.
    let arrived = arrivals(&mut resumed, 12).await;
    assert_eq!(arrived, [[0; 10].as_slice(), &[100, 200]].concat());
}

/// A gatekeeper that names nobody in the success of SASL2 is helped by the id of the session.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_resumed_inline_is_charged_to_its_account_also_without_a_name() {
    let setting = shared_rate();
    let mut first = session_of("alice@gatekeeper.example/phone", &setting).await;
    first.passes_down("<enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true'/>").await;
    first.client.vanish().await;
    first.ended().await;
    let mut resumed = authenticated_at_once(&setting, RESUME, RESUMED).await;
    assert_eq!(arrivals(&mut resumed, 12).await, [[0; 11].as_slice(), &[100]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_resumed_inline_is_charged_to_the_account_that_it_is_named_by() {
    let setting = shared_rate();
    // Nobody has told here of the id: another process has.
    let mut resumed = authenticated_at_once(&setting, RESUME, &format!("{ALICE}{RESUMED}")).await;
    let mut phone = session_of("alice@gatekeeper.example/phone", &setting).await;
    let arrived = arrivals(&mut resumed, 12).await;
    assert_eq!(arrived, [[0; 11].as_slice(), &[100]].concat());
    assert_eq!(arrivals(&mut phone, 2).await, [0, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_bound_by_sasl2_is_charged_to_its_account_and_so_is_what_resumes_it() {
    let setting = shared_rate();
    let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true'/>";
    let bound = format!("{ALICE}<bound xmlns='urn:xmpp:bind:0'>{enabled}</bound>");
    let mut first = authenticated_at_once(&setting, BIND2, &bound).await;
    assert_eq!(arrivals(&mut first, 12).await, [[0; 11].as_slice(), &[100]].concat());
    first.client.vanish().await;
    first.ended().await;
    let mut resumed = authenticated_at_once(&setting, RESUME, RESUMED).await;
    let mut phone = session_of("alice@gatekeeper.example/phone", &setting).await;
    assert_eq!(arrivals(&mut resumed, 12).await, [[0; 11].as_slice(), &[100]].concat());
    assert_eq!(arrivals(&mut phone, 2).await, [0, 200]);
}

fn one_session() -> Setting {
    Setting::with_limits(|limits| {
        limits.accounts = AccountLimits { sessions: NonZeroU32::MIN, ..limits.accounts }
    })
}

#[tokio::test(start_paused = true)]
async fn one_session_more_than_an_account_may_have_is_refused() {
    let setting = one_session();
    let first = session_of("alice@gatekeeper.example/phone", &setting).await;
    let _other = session_of("bob@gatekeeper.example/phone", &setting).await;
    let mut second = Stage::authenticated(once_more(&setting)).await;
    second.passes_up(BIND).await;
    let result = BIND_RESULT.replace("ACCOUNT", "alice@gatekeeper.example/desktop");
    second.passes_down(&result).await;
    second.client.expect_last(&stream_error("resource-constraint")).await;
    // The gatekeeper's session is closed, not left to be resumed.
    second.gatekeeper.expect_last("</stream:stream>").await;
    assert_eq!(second.outcome().await, Outcome::Failed(Side::Downstream, Failure::TooManySessions));
    assert!(!first.is_over());
}

#[tokio::test(start_paused = true)]
async fn one_session_more_is_refused_also_where_sasl2_binds_it() {
    let setting = one_session();
    let mut first = session_of("alice@gatekeeper.example/phone", &setting).await;
    let bound = format!("{ALICE}<bound xmlns='urn:xmpp:bind:0'/>");
    let mut second = authenticated_at_once(&setting, BIND2, &bound).await;
    second.client.expect_last(&stream_error("resource-constraint")).await;
    second.gatekeeper.expect_last("</stream:stream>").await;
    assert_eq!(second.outcome().await, Outcome::Failed(Side::Downstream, Failure::TooManySessions));
    // One that is resumed is none more, whoever has named it.
    let mut resumed = authenticated_at_once(&setting, RESUME, &format!("{ALICE}{RESUMED}")).await;
    resumed.passes_up(MESSAGE).await;
    first.passes_up(MESSAGE).await;
}
