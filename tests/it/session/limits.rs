//! Times, sizes and rates, each with what the side that exceeds it is told.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;
use vestibule::limit::{AddressRefusal, Limits, Rate, RateLimit};
use vestibule::relay::{Failure, Outcome, Side};

use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn a_client_without_a_header_is_timed_out_after_ten_seconds() {
    let mut stage = Stage::open(Setting::default());
    let began = Instant::now();
    assert!(stage.client.rest().await.ends_with(&stream_error("connection-timeout")));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_header_has_no_more_time_than_authentication() {
    let setting = Setting::with_limits(|limits| limits.timeouts.authentication = Duration::from_secs(4));
    let mut stage = Stage::open(setting);
    let began = Instant::now();
    assert!(stage.client.rest().await.ends_with(&stream_error("connection-timeout")));
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn white_space_does_not_put_off_the_headers_time() {
    let mut stage = Stage::open(Setting::default());
    let began = Instant::now();
    for _ in 0..9 {
        stage.client.send(" ").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(stage.client.rest().await.ends_with(&stream_error("connection-timeout")));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn authentication_has_sixty_seconds_in_all() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.client.expect_silence(Duration::from_secs(59)).await;
    stage.client.expect_last(&stream_error("connection-timeout")).await;
    stage.gatekeeper.expect_last("</stream:stream>").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::AuthenticationTimeout));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_binds_has_no_more_time_whatever_it_sends() {
    let began = Instant::now();
    let mut stage = Stage::authenticated(Setting::default()).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        stage.passes_up("<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    }
    stage.client.expect_last(&stream_error("connection-timeout")).await;
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::AuthenticationTimeout));
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_ends_after_fifteen_minutes_and_stays_resumable() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.expect_silence(Duration::from_secs(14 * 60)).await;
    // White space is a sign of life too.
    stage.passes_up(" ").await;
    stage.client.expect_silence(Duration::from_secs(14 * 60)).await;
    stage.client.expect_last(&stream_error("connection-timeout")).await;
    stage.gatekeeper.expect_last("").await;
    assert_eq!(stage.outcome().await, Outcome::Failed(Side::Downstream, Failure::Idle));
}

#[tokio::test(start_paused = true)]
async fn the_gatekeepers_bytes_keep_a_session_alive() {
    let mut stage = Stage::bound(Setting::default()).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(14 * 60)).await;
        stage.passes_down("<presence from='bob@gatekeeper.example'/>").await;
    }
    assert!(!stage.is_over());
}

#[tokio::test(start_paused = true)]
async fn before_authentication_elements_are_small() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.client.send(AUTH.replace("AGFsaWNlAHNlY3JldA==", &"A".repeat(8192))).await;
    let error = stage.client.rest().await;
    assert!(error.contains("<policy-violation ") && error.contains("<stanza-too-big "), "{error}");
    stage.gatekeeper.expect_last("</stream:stream>").await;
}

#[tokio::test(start_paused = true)]
async fn before_authentication_elements_are_few() {
    let mut stage = Stage::greeted(Setting::default()).await;
    for _ in 0..32 {
        stage.passes_up("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
    }
    stage.client.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
    stage.client.expect_last(&stream_error("policy-violation")).await;
}

#[tokio::test(start_paused = true)]
async fn an_authenticated_clients_stanza_may_be_as_large_as_the_limit() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = None)).await;
    let frame = |length: usize| {
        let (open, close) = ("<message to='bob@gatekeeper.example'><body>", "</body></message>");
        format!("{open}{}{close}", "x".repeat(length - open.len() - close.len()))
    };
    let largest = frame(256 * 1024);
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(client.send(&largest), gatekeeper.expect(&largest));
    let (sent, error) = tokio::join!(stage.gatekeeper.rest(), async {
        let too_large = frame(256 * 1024 + 1);
        stage.client.send_what_fits(too_large.as_bytes(), Duration::from_secs(1)).await;
        stage.client.rest().await
    });
    assert_eq!(sent, "</stream:stream>");
    assert!(error.contains("<stanza-too-big "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_gatekeeper_may_send_larger_stanzas_than_clients() {
    let mut stage = Stage::bound(Setting::default()).await;
    let roster = format!(
        "<iq type='result' id='r'><query xmlns='jabber:iq:roster'>{}</query></iq>",
        "<item/>".repeat(60_000)
    );
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    tokio::join!(gatekeeper.send(&roster), client.expect(&roster));
}

pub(super) fn rate(stanzas: u32, kib: u32) -> Option<Rate> {
    let count = |value| NonZeroU32::new(value).expect("not zero");
    Some(Rate {
        stanzas_per_second: count(stanzas),
        stanza_burst: count(stanzas),
        kib_per_second: count(kib),
        kib_burst: count(kib.max(256)),
    })
}

/// Nobody can say that it is silent while it is not read.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_slowed_for_longer_than_it_may_be_silent_stays() {
    let setting = Setting::with_limits(|limits| {
        limits.client_rate = rate(1000, 1);
        limits.timeouts.idle = Duration::from_secs(3);
    });
    let mut stage = Stage::bound(setting).await;
    let large = format!("<message><body>{}</body></message>", "x".repeat(200 * 1024));
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let began = Instant::now();
    tokio::join!(client.send(&large), gatekeeper.expect(&large));
    tokio::join!(client.send(&large), gatekeeper.expect(&large));
    stage.passes_up(MESSAGE).await;
    assert!(began.elapsed() > Duration::from_secs(100));
    stage.client.expect_silence(Duration::from_secs(2)).await;
    stage.client.expect_last(&stream_error("connection-timeout")).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_stanza_rate_is_slowed_and_loses_nothing() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 1000))).await;
    let began = Instant::now();
    let message = "<message to='bob@gatekeeper.example'><body>x</body></message>";
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let flood = message.repeat(200);
    tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
    let seconds = began.elapsed().as_secs();
    assert!((18..=20).contains(&seconds), "200 stanzas at 10 a second took {seconds} s");
    stage.client.vanish().await;
    assert!(stage.ended().await.counters.client_throttled() >= Duration::from_secs(18));
}

#[tokio::test(start_paused = true)]
async fn a_client_over_its_byte_rate_is_slowed() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10_000, 10))).await;
    let began = Instant::now();
    let message =
        format!("<message to='bob@gatekeeper.example'><body>{}</body></message>", "x".repeat(10_180));
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let flood = message.repeat(50);
    tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
    let seconds = began.elapsed().as_secs();
    // 500 KiB, of which the burst lets 256 pass at once.
    assert!((22..=27).contains(&seconds), "500 KiB at 10 KiB a second took {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_are_not_charged() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 1000))).await;
    let began = Instant::now();
    let answers = "<a xmlns='urn:xmpp:sm:3' h='1'/>".repeat(100);
    stage.passes_up(&answers).await;
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn white_space_and_acknowledgements_cost_their_bytes() {
    let padded = format!("<r xmlns='urn:xmpp:sm:3'><x>{}</x></r>", "x".repeat(10_000));
    for piece in [" ".repeat(10_000), padded] {
        let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(10, 10))).await;
        let began = Instant::now();
        let flood = piece.repeat(50);
        let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
        tokio::join!(client.send(&flood), gatekeeper.expect(&flood));
        // About 490 KiB, of which the burst lets 256 pass at once.
        assert!((20..=27).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slowed_client_still_gets_what_the_gatekeeper_sends() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(1, 1000))).await;
    stage.client.send("<presence/>".repeat(50)).await;
    let began = Instant::now();
    stage.passes_down("<message from='bob@gatekeeper.example'/>").await;
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slowed_client_that_vanishes_ends_its_session() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(1, 1000))).await;
    stage.client.send("<presence/>".repeat(4)).await;
    stage.client.vanish().await;
    let began = Instant::now();
    assert_eq!(stage.outcome().await, Outcome::Lost(Side::Downstream));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn the_time_for_which_a_session_was_slowed_when_it_ended_is_counted() {
    let mut stage = Stage::bound(Setting::with_limits(|limits| limits.client_rate = rate(1, 1000))).await;
    stage.client.send("<presence/>".repeat(9)).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    stage.gatekeeper.vanish().await;
    assert_eq!(stage.ended().await.counters.client_throttled(), Duration::from_millis(2500));
}

pub(super) const MESSAGE: &str = "<message to='bob@gatekeeper.example'><body>x</body></message>";

pub(super) const BIND_RESULT: &str = "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
     <jid>ACCOUNT</jid></bind></iq>";

/// A session of an account, whose negotiation has left its buckets full again.
pub(super) async fn session_of(account: &str, accounts: &Setting) -> Stage {
    let setting = Setting {
        host: host(Limits::clone(&accounts.host.limits), None),
        addresses: accounts.addresses.clone(),
        accounts: accounts.accounts.clone(),
        ..Setting::default()
    };
    let mut stage = Stage::authenticated(setting).await;
    stage.passes_up(BIND).await;
    stage.passes_down(&BIND_RESULT.replace("ACCOUNT", account)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    stage
}

/// Sends so many stanzas at once, and says when the gatekeeper had each one, in milliseconds from now.
pub(super) async fn arrivals(stage: &mut Stage, count: usize) -> Vec<u128> {
    let began = Instant::now();
    let (client, gatekeeper) = (&mut stage.client, &mut stage.gatekeeper);
    let flood = MESSAGE.repeat(count);
    let (_, arrived) = tokio::join!(client.send(&flood), async {
        let mut arrived = Vec::new();
        for _ in 0..count {
            gatekeeper.expect(MESSAGE).await;
            arrived.push(began.elapsed().as_millis());
        }
        arrived
    });
    arrived
}

#[tokio::test(start_paused = true)]
async fn a_stanza_waits_exactly_as_long_as_its_buckets_demand() {
    let setting = Setting::with_limits(|limits| limits.client_rate = rate(10, 1000));
    let mut stage = session_of("alice@gatekeeper.example/phone", &setting).await;
    let arrived = arrivals(&mut stage, 14).await;
    // Ten are the burst, one goes into debt, each further one waits for a tenth of a second.
    let expected: Vec<u128> = [[0; 11].as_slice(), &[100, 200, 300]].concat();
    assert_eq!(arrived, expected);
    stage.client.vanish().await;
    let counters = stage.ended().await.counters;
    let by = |limit| counters.throttled.downstream[limit as usize].as_millis();
    assert_eq!(RateLimit::ALL.map(by), [300, 0, 0, 0]);
    assert_eq!(counters.throttled.upstream, [Duration::ZERO; 4]);
}

#[tokio::test(start_paused = true)]
async fn the_gatekeeper_is_slowed_only_by_a_rate_of_its_own_and_holds_up_nobody_else() {
    let mut stage =
        Stage::bound(Setting::with_limits(|limits| limits.gatekeeper_rate = rate(1, 10_000))).await;
    stage.gatekeeper.send(MESSAGE.repeat(4)).await;
    let began = Instant::now();
    stage.passes_up(MESSAGE).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    stage.client.expect(&MESSAGE.repeat(4)).await;
    stage.client.vanish().await;
    let throttled = stage.ended().await.counters.throttled;
    assert!(throttled.upstream[RateLimit::SessionStanzas as usize] >= Duration::from_secs(3));
    assert_eq!(throttled.downstream, [Duration::ZERO; 4]);
}

#[tokio::test(start_paused = true)]
async fn too_many_failed_authentications_end_the_session_and_keep_its_address_out() {
    let setting = Setting::with_limits(|limits| {
        limits.connections.failures_per_minute = NonZeroU32::MIN;
        limits.connections.failure_burst = NonZeroU32::MIN;
    });
    let addresses = setting.addresses.clone();
    let address = setting.address;
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    let mut stage = Stage::greeted(setting).await;
    stage.passes_features(MECHANISMS).await;
    for _ in 0..2 {
        stage.passes_up(AUTH).await;
        stage.passes_down(failure).await;
    }
    stage.client.expect_last(&stream_error("policy-violation")).await;
    stage.gatekeeper.expect_last("</stream:stream>").await;
    assert_eq!(
        stage.outcome().await,
        Outcome::Failed(Side::Downstream, Failure::Address(AddressRefusal::FailedAuthentications))
    );
    assert!(addresses.admit(address, Instant::now().into_std()).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_fails_without_a_guess_is_held_against_nobody() {
    let setting = Setting::with_limits(|limits| {
        limits.connections.failures_per_minute = NonZeroU32::MIN;
        limits.connections.failure_burst = NonZeroU32::MIN;
    });
    let mut stage = Stage::greeted(setting).await;
    for condition in ["temporary-auth-failure", "aborted", "invalid-mechanism", "malformed-request"] {
        stage.passes_up(AUTH).await;
        let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><CONDITION/></failure>";
        stage.passes_down(&failure.replace("CONDITION", condition)).await;
    }
    // A client whose token of FAST is not known any more falls back to its password, and may mistype that once.
    for mechanism in ["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "PLAIN"] {
        let authenticate = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='MECHANISM'/>";
        stage.passes_up(&authenticate.replace("MECHANISM", mechanism)).await;
        stage
            .passes_down(
                "<failure xmlns='urn:xmpp:sasl:2'>\
                 <not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
            )
            .await;
    }
    stage.passes_up(AUTH).await;
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><account-disabled/></failure>";
    stage.passes_down(failure).await;
    stage.client.expect_last(&stream_error("policy-violation")).await;
}

/// What a client gets that names a host with `strict` limits, where another host has the default ones.
async fn second_connection_to(strict: Limits) -> String {
    let addresses = addresses(&[Limits::default(), strict.clone()]);
    let setting =
        || Setting { host: host(strict.clone(), None), addresses: addresses.clone(), ..Setting::default() };
    let _first = Stage::greeted(setting()).await;
    let mut second = Stage::open(setting());
    second.client.send(CLIENT_HEADER).await;
    second.client.rest().await
}

#[tokio::test(start_paused = true)]
async fn a_hosts_own_limits_on_addresses_hold_once_it_is_named() {
    let mut few = Limits::default();
    few.connections.at_once = NonZeroU32::MIN;
    let error = second_connection_to(few).await;
    assert!(error.ends_with(&stream_error("resource-constraint")), "{error}");
    let mut slow = Limits::default();
    slow.connections.burst = NonZeroU32::MIN;
    slow.connections.per_second = NonZeroU32::MIN;
    let error = second_connection_to(slow).await;
    assert!(error.ends_with(&stream_error("policy-violation")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_features_say_what_holds_then() {
    let mut stage = Stage::greeted(Setting::default()).await;
    let said = |max_bytes, idle| {
        format!(
            "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>{max_bytes}</max-bytes>\
             <idle-seconds>{idle}</idle-seconds></limits>"
        )
    };
    assert_eq!(stage.passes_features(MECHANISMS).await, said(8192, 60));
    stage.passes_up(AUTH).await;
    stage.passes_down(SUCCESS).await;
    stage.passes_up(CLIENT_HEADER).await;
    stage.passes_down(SERVER_HEADER).await;
    assert_eq!(stage.passes_features(FEATURES).await, said(262_144, 900));
}

/// XEP-0478: room is kept for what Vestibule adds to what the client sends, and for nothing else.
#[tokio::test(start_paused = true)]
async fn what_the_gatekeeper_takes_the_client_may_send_where_nothing_is_added_to_it() {
    let features = "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>8000</max-bytes>\
        <idle-seconds>60</idle-seconds></limits></stream:features>";
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_down(features).await;
    let told = "<signals/>";
    let mut stage = Stage::greeted(Setting { signals: Some(told), ..Setting::default() }).await;
    stage.gatekeeper.send(features).await;
    let got = stage.client.skip_past("</stream:features>").await;
    let max_bytes: usize = got.split(['<', '>']).nth(6).unwrap().parse().unwrap();
    assert!(max_bytes <= 8000 - told.len(), "{got}");
}
