//! What the gatekeeper is told of the client's connection inside of the stream, and what a client says in its place.

use std::fs;
use std::sync::Arc;

use vestibule::relay::{EditKind, Failure, Outcome, Side};

use crate::files::{content_rules, content_types, shipped};
use crate::stage::{AUTH, BIND, BOUND, CLIENT_HEADER, SIGNALS, SUCCESS, Setting, Stage};

const TOLD: &str = "<signals xmlns='urn:x-vestibule:signals:0'><client-address source='observed'>192.0.2.7</client-address>\
    </signals>";
const FORGED: &str = "<s:signals xmlns:s='urn:x-vestibule:signals:0'><s:client-address>198.51.100.1</s:client-address>\
    </s:signals>";

fn telling() -> Setting {
    Setting { signals: Some(TOLD), ..Setting::default() }
}

/// The client sends `sent`, and the gatekeeper gets `received`.
async fn becomes(stage: &mut Stage, sent: &str, received: &str) {
    stage.client.send(sent).await;
    stage.gatekeeper.expect(received).await;
}

fn edits(kind: EditKind, summary: &vestibule::session::Summary) -> u64 {
    let place = EditKind::ALL.iter().position(|other| *other == kind).unwrap();
    summary.counters.edits[place]
}

#[tokio::test(start_paused = true)]
async fn they_stand_in_the_request_for_a_resource() {
    let mut stage = Stage::authenticated(telling()).await;
    let bind = "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'";
    becomes(&mut stage, BIND, &format!("{bind}>{TOLD}</bind></iq>")).await;
    let sent = format!("{bind}><resource>phone</resource></bind></iq>");
    becomes(&mut stage, &sent, &format!("{bind}><resource>phone</resource>{TOLD}</bind></iq>")).await;
    stage.passes_down(BOUND).await;
    stage.passes_up("<message to='bob@gatekeeper.example'><body>Hello</body></message>").await;
    stage.client.vanish().await;
    assert_eq!(edits(EditKind::Signals, &stage.ended().await), 2);
}

#[tokio::test(start_paused = true)]
async fn they_stand_in_the_request_for_a_resumption() {
    for namespace in ["urn:xmpp:sm:3", "urn:xmpp:sm:2"] {
        let mut stage = Stage::authenticated(telling()).await;
        let resume = format!("<resume xmlns='{namespace}' h='0' previd='x'");
        becomes(&mut stage, &format!("{resume}/>"), &format!("{resume}>{TOLD}</resume>")).await;
        stage.passes_down("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_sasl2_they_stand_in_the_requests_for_a_resource_and_for_a_resumption() {
    let mut stage = Stage::greeted(telling()).await;
    let begin =
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGE=</initial-response>";
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'";
    let bind = "<bind xmlns='urn:xmpp:bind:0'><tag>app</tag>";
    for (sent, received) in [
        (
            "<bind xmlns='urn:xmpp:bind:0'/>".to_owned(),
            format!("<bind xmlns='urn:xmpp:bind:0'>{TOLD}</bind>"),
        ),
        (format!("{bind}</bind>"), format!("{bind}{TOLD}</bind>")),
        (format!("{resume}/>"), format!("{resume}>{TOLD}</resume>")),
        // Which of them the gatekeeper hears, nobody knows yet.
        (format!("{resume}/>{bind}</bind>"), format!("{resume}>{TOLD}</resume>{bind}{TOLD}</bind>")),
        ("<fast xmlns='urn:xmpp:fast:0'/>".to_owned(), "<fast xmlns='urn:xmpp:fast:0'/>".to_owned()),
    ] {
        let sent = format!("{begin}{sent}</authenticate>");
        becomes(&mut stage, &sent, &format!("{begin}{received}</authenticate>")).await;
        stage.passes_down("<failure xmlns='urn:xmpp:sasl:2'/>").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_says_in_their_place_is_taken_out_of_everything() {
    for signals in [None, Some(TOLD)] {
        let mut stage = Stage::authenticated(Setting { signals, ..Setting::default() }).await;
        let bind = "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>";
        let sent = format!("{bind}<resource>a</resource>{FORGED}</bind>{FORGED}</iq>");
        let told = signals.unwrap_or_default();
        becomes(&mut stage, &sent, &format!("{bind}<resource>a</resource>{told}</bind></iq>")).await;
        stage.passes_down(BOUND).await;
        let message = format!(
            "<message xmlns:s='{SIGNALS}' s:client-address='198.51.100.1'><body>Hello</body><x xmlns='urn:x'>{FORGED}</x></message>"
        );
        let clean = format!("<message xmlns:s='{SIGNALS}'><body>Hello</body><x xmlns='urn:x'></x></message>");
        becomes(&mut stage, &message, &clean).await;
        becomes(
            &mut stage,
            "<presence><signals xmlns='urn:x-vestibule:signals:0'/></presence>",
            "<presence></presence>",
        )
        .await;
        stage.client.vanish().await;
        assert_eq!(edits(EditKind::Stripped, &stage.ended().await), 2 + u64::from(signals.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_cannot_say_them_before_it_asks_for_a_resource_nor_as_a_stanza() {
    let mut stage = Stage::greeted(telling()).await;
    let auth = AUTH.replace(
        " mechanism",
        " xmlns:s='urn:x-vestibule:signals:0' s:client-address='198.51.100.1' mechanism",
    );
    let clean = AUTH.replace(" mechanism", " xmlns:s='urn:x-vestibule:signals:0' mechanism");
    becomes(&mut stage, &auth, &clean).await;
    stage.passes_down(SUCCESS).await;
    stage.passes_up(CLIENT_HEADER).await;
    stage.client.send("<signals xmlns='urn:x-vestibule:signals:0'/>").await;
    let outcome = stage.outcome().await;
    assert_eq!(outcome, Outcome::Failed(Side::Downstream, Failure::UnsupportedElement));
}

#[tokio::test(start_paused = true)]
async fn they_stand_beside_the_content_types_in_one_edit() {
    let policy = content_types("policies/content-types/default.yaml");
    let vocabulary = vestibule::stanza::vocabulary(&[policy.dialect.namespace(), SIGNALS], &[]);
    let (rules, _) = content_rules(policy);
    let mut setting = Setting::with_content_types((rules, Arc::new(vocabulary)));
    setting.signals = Some(TOLD);
    let mut stage = Stage::authenticated(setting).await;
    for bind in [BIND.to_owned(), BIND.replace("/></iq>", &format!(">{FORGED}</bind></iq>"))] {
        stage.client.send(&bind).await;
        let got = stage.gatekeeper.skip_past("</iq>").await;
        assert!(
            got.contains("<content-types ") && got.ends_with(&format!("</content-types>{TOLD}</bind></iq>")),
            "{got}"
        );
        assert!(!got.contains("198.51.100.1"), "{got}");
    }
    stage.client.vanish().await;
    let summary = stage.ended().await;
    assert_eq!((edits(EditKind::Signals, &summary), edits(EditKind::Bind, &summary)), (2, 0));
}

/// XEP-0478: an element that is too large for the gatekeeper would end the client's stream.
#[tokio::test(start_paused = true)]
async fn content_types_are_left_out_of_what_would_be_too_large_for_the_gatekeeper() {
    let policy = content_types("policies/content-types/default.yaml");
    let vocabulary = vestibule::stanza::vocabulary(&[policy.dialect.namespace(), SIGNALS], &[]);
    let (rules, _) = content_rules(policy);
    let mut stage = Stage::authenticated(Setting::with_content_types((rules, Arc::new(vocabulary)))).await;
    let limits = "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>LIMIT</max-bytes></limits>\
        </stream:features>";
    let smallest = BIND.len().to_string();
    for (limit, is_told) in [(smallest.as_str(), false), ("10000", true), ("300000", true)] {
        stage.gatekeeper.send(limits.replace("LIMIT", limit)).await;
        stage.client.skip_past("</stream:features>").await;
        stage.client.send(BIND).await;
        let got = stage.gatekeeper.skip_past("</iq>").await;
        assert_eq!(got.contains("<content-types "), is_told, "{limit}: {got}");
    }
    stage.client.vanish().await;
    assert_eq!(stage.ended().await.counters.edits_skipped, 1);
}

/// XEP-0478: a client that keeps to what it was told never ends its stream by what is added on the way.
#[tokio::test(start_paused = true)]
async fn a_request_of_the_advertised_size_is_taken_by_the_gatekeeper_with_all_that_is_added() {
    let files = shipped();
    let path = files.path().join("policies/content-types/default.yaml");
    let text = fs::read_to_string(&path).unwrap();
    // Every client has the longest list.
    assert!(text.contains("default: one-to-one"));
    fs::write(&path, text.replace("default: one-to-one", "default: calls")).unwrap();
    let policy = content_types(path.to_str().unwrap());
    let vocabulary = vestibule::stanza::vocabulary(&[policy.dialect.namespace(), SIGNALS], &[]);
    let rules = (content_rules(policy).0, Arc::new(vocabulary));
    let mut stage =
        Stage::greeted(Setting { signals: Some(TOLD), ..Setting::with_content_types(rules) }).await;
    let takes = 8000;
    let limits = format!("<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>{takes}</max-bytes></limits>");
    stage.gatekeeper.send(format!("<stream:features>{limits}</stream:features>")).await;
    let told = stage.client.skip_past("</max-bytes>").await;
    stage.client.skip_past("</stream:features>").await;
    let (_, told) = told.trim_end_matches("</max-bytes>").rsplit_once('>').unwrap();
    let told: usize = told.parse().unwrap();
    // Both places for signals, both of them empty, and the content types.
    let (begin, end) =
        ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><initial-response>", "</initial-response>");
    let rest =
        "<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>";
    let filling = "x".repeat(told - begin.len() - end.len() - rest.len());
    stage.client.send(format!("{begin}{filling}{end}{rest}")).await;
    let received = stage.gatekeeper.skip_past("</authenticate>").await;
    assert!(received.matches(TOLD).count() == 2 && received.contains("<content-types "), "{received}");
    assert!(received.len() <= takes, "{} of {takes} bytes", received.len());
    // Of what is added, hardly anything is reserved in vain.
    assert!(received.len() > takes - 256, "{} of {takes} bytes", received.len());
    stage.client.vanish().await;
    assert_eq!(stage.ended().await.counters.edits_skipped, 0);
}

/// Whoever fills a request, so that there is no room for more, would be told of by nobody.
#[tokio::test(start_paused = true)]
async fn there_is_always_room_for_them() {
    let mut setting = Setting::with_limits(|limits| limits.from_client.stanza_bytes = 10_000);
    setting.signals = Some(TOLD);
    let mut stage = Stage::authenticated(setting).await;
    let (start, end) =
        ("<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>", "</resource>");
    let rest = "</bind></iq>";
    let resource = "x".repeat(10_000 - start.len() - end.len() - rest.len());
    let received = format!("{start}{resource}{end}{TOLD}{rest}");
    becomes(&mut stage, &format!("{start}{resource}{end}{rest}"), &received).await;
}
