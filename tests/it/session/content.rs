//! Content types in whole sessions: what is advertised, what becomes of what was not, and when it is known.

use std::sync::Arc;

use vestibule::content_types::Rules;
use vestibule::framing::Vocabulary;

use crate::files::{content_rules, content_types};
use crate::stage::{BOUND, CLIENT_HEADER, HOST, MECHANISMS, Setting, Stage};

const VIDEO: &str = "<message from='bob@gatekeeper.example/phone' id='m1'>\
    <video xmlns='urn:x-vestibule:content:0' type='video/mp4' size='1000'>QUJD</video></message>";
const TEXT: &str = "<message from='bob@gatekeeper.example/phone' id='m2'><body>Hello</body></message>";

fn enforcing() -> (Arc<Rules>, Arc<Vocabulary>) {
    content_rules(content_types("policies/content-types/enforcing.yaml"))
}

/// A bound session of a client that asked for this resource.
async fn bound_as(rules: (Arc<Rules>, Arc<Vocabulary>), resource: &str) -> Stage {
    let mut stage = Stage::authenticated(Setting::with_content_types(rules)).await;
    let bind = format!(
        "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
    );
    stage.client.send(bind).await;
    stage.gatekeeper.skip_past("</bind></iq>").await;
    stage.passes_down(BOUND).await;
    stage
}

/// Sends a video from the gatekeeper; whether it arrives as it is.
async fn video_passes(stage: &mut Stage) -> bool {
    stage.gatekeeper.send(VIDEO).await;
    stage.client.skip_past("</message>").await == VIDEO
}

#[tokio::test(start_paused = true)]
async fn what_the_client_cannot_receive_becomes_a_text_and_the_rest_passes() {
    let mut stage = bound_as(enforcing(), "tablet").await;
    // Until its first presence the client may still say what software it is.
    stage.passes_up("<presence/>").await;
    stage.gatekeeper.send(VIDEO).await;
    let got = stage.client.skip_past("</message>").await;
    assert!(
        got.starts_with(
            "<message from='bob@gatekeeper.example/phone' id='m1'><body xmlns='jabber:client'>You have been sent a \
             video that this app cannot play.</body>"
        ),
        "{got}"
    );
    let mark =
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x-vestibule:content:0'><body/></fallback></message>";
    assert!(got.ends_with(mark) && !got.contains("QUJD"), "{got}");
    stage.passes_down(TEXT).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_selects_again_when_it_learns_more() {
    let mut stage = bound_as(enforcing(), "tablet").await;
    assert!(video_passes(&mut stage).await, "it is not known yet what the client can receive");
    stage.passes_up("<presence/>").await;
    assert!(!video_passes(&mut stage).await, "a client that names no software has the default profile");
    let named = |version: &str| {
        format!(
            "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
             node='https://app.provider.example/{version}' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>"
        )
    };
    stage.passes_up(&named("2.10")).await;
    assert!(video_passes(&mut stage).await, "this version can receive videos");
    stage.passes_up(&named("2.9")).await;
    assert!(!video_passes(&mut stage).await, "an older version cannot");
}

#[tokio::test(start_paused = true)]
async fn sasl2_names_the_software_before_the_bind_request_is_edited() {
    let mut stage = Stage::greeted(Setting::with_content_types(enforcing())).await;
    stage.passes_features(MECHANISMS).await;
    let request = |list: &str| {
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGE=</initial-response>\
             <user-agent><software>Provider App 2.11</software></user-agent>\
             <bind xmlns='urn:xmpp:bind:0'>{list}</bind></authenticate>"
        )
    };
    stage.client.send(request("")).await;
    let got = stage.gatekeeper.skip_past("</authenticate>").await;
    assert!(got.contains("<accept class='video' type='video/mp4' max-size='67108864'/>"), "{got}");
    stage
        .passes_down(
            "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@gatekeeper.example/a\
             </authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>",
        )
        .await;
    assert!(video_passes(&mut stage).await);
}

#[tokio::test(start_paused = true)]
async fn after_a_resumption_everything_passes_until_the_facts_are_known() {
    let mut stage = Stage::authenticated(Setting::with_content_types(enforcing())).await;
    stage.passes_up("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    stage.passes_down("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    stage.passes_up("<presence/>").await;
    assert!(video_passes(&mut stage).await, "its resource may have named the software before");
}

/// A client that resumes along with SASL2 asks to be bound in case there is nothing to resume, and may say less than it did
/// when it was bound.
#[tokio::test(start_paused = true)]
async fn after_an_inline_resumption_everything_passes_until_the_facts_are_known() {
    let everything = "<user-agent id='x'><software>Another</software></user-agent>\
                      <bind xmlns='urn:xmpp:bind:0'><tag>tablet</tag></bind>";
    for more in ["", everything] {
        let mut stage = Stage::greeted(Setting::with_content_types(enforcing())).await;
        stage.passes_features(MECHANISMS).await;
        let request = format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>\
             <fast xmlns='urn:xmpp:fast:0' count='7'/><resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>{more}\
             </authenticate>"
        );
        stage.client.send(request).await;
        stage.gatekeeper.skip_past("</authenticate>").await;
        stage
            .passes_down(
                "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@gatekeeper.example/a\
                 </authorization-identifier><resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/></success>",
            )
            .await;
        stage.passes_up("<presence/>").await;
        assert!(video_passes(&mut stage).await, "{more}: it may have named its software before");
        stage
            .passes_up(
                "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
                 node='https://app.provider.example/2.9' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>",
            )
            .await;
        let is_known = !more.is_empty();
        assert_eq!(video_passes(&mut stage).await, !is_known, "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_resumption_the_gatekeeper_is_told_nothing_that_may_be_wrong() {
    let mut policy = content_types("policies/content-types/enforcing.yaml");
    policy.carriers.presence = true;
    let mut stage = Stage::authenticated(Setting::with_content_types(content_rules(policy))).await;
    stage.passes_up("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    stage.passes_down("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    stage.passes_up("<presence/>").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_says_nothing_of_the_client_that_comes_in_next() {
    let mut stage = Stage::greeted(Setting::with_content_types(enforcing())).await;
    let request = |agent: &str| {
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>{agent}<bind xmlns='urn:xmpp:bind:0'></bind>\
             </authenticate>"
        )
    };
    stage.client.send(request("<user-agent><software>Provider App 2.11</software></user-agent>")).await;
    assert!(stage.gatekeeper.skip_past("</authenticate>").await.contains("class='video'"));
    stage.passes_down("<failure xmlns='urn:xmpp:sasl:2'/>").await;
    stage.client.send(request("")).await;
    assert!(!stage.gatekeeper.skip_past("</authenticate>").await.contains("class='video'"));
}

#[tokio::test(start_paused = true)]
async fn a_directed_presence_without_capabilities_leaves_open_what_the_client_is() {
    let mut stage = bound_as(enforcing(), "tablet").await;
    stage.passes_up("<presence to='room@muc.gatekeeper.example/nick'/>").await;
    assert!(video_passes(&mut stage).await);
    stage.passes_up("<presence/>").await;
    assert!(!video_passes(&mut stage).await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_header_that_speaks_the_dialect_is_refused() {
    let mut stage = Stage::open(Setting::with_content_types(enforcing()));
    let header =
        CLIENT_HEADER.replace(" to=", " xmlns:v='urn:x-vestibule:content-types:0' v:accept='all' to=");
    stage.client.send(header).await;
    stage.client.skip_past("<invalid-namespace").await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_asks_nothing_of_the_client_holds_after_a_resumption_too() {
    let mut policy = content_types("policies/content-types/enforcing.yaml");
    policy.selection.cases.clear();
    let mut stage = Stage::authenticated(Setting::with_content_types(content_rules(policy))).await;
    stage.passes_up("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    stage.passes_down("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    assert!(!video_passes(&mut stage).await);
}

const SET: &str = "<identity category='client' name='Exodus 0.9.1' type='pc'/>\
    <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>\
    <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>";
const VER: &str = "QgayPKawpkPSDYmwT/WM94uAlu0=";

fn presence(ver: &str) -> String {
    presence_of("n", ver)
}

fn presence_of(node: &str, ver: &str) -> String {
    format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{node}' ver='{ver}'/></presence>"
    )
}

fn ver_in(presence: &str) -> String {
    presence.split("ver='").nth(1).and_then(|rest| rest.split('\'').next()).expect("a hash").to_owned()
}

fn question(ver: &str) -> String {
    format!(
        "<iq type='get' from='{HOST}' id='d1'><query xmlns='http://jabber.org/protocol/disco#info' node='n#{ver}'/></iq>"
    )
}

fn answer(ver: &str, set: &str) -> String {
    format!(
        "<iq type='result' to='{HOST}' id='d1'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='n#{ver}'>{set}</query></iq>"
    )
}

/// A shipped policy with the carrier `disco` only, and the session from which a build was learnt: XEP-0115's simple
/// example, which is the build of every client here.
async fn taught(policy: &str) -> ((Arc<Rules>, Arc<Vocabulary>), Stage) {
    let mut policy = content_types(&format!("policies/content-types/{policy}.yaml"));
    policy.carriers.bind = false;
    policy.carriers.disco = true;
    let rules = content_rules(policy);
    let mut stage = Stage::bound(Setting::with_content_types(rules.clone())).await;
    stage.passes_up(&presence(VER)).await;
    stage.passes_down(&question(VER)).await;
    stage.passes_up(&answer(VER, SET)).await;
    (rules, stage)
}

#[tokio::test(start_paused = true)]
async fn what_one_client_answers_is_advertised_for_the_next_one_of_its_build() {
    let (rules, _) = taught("default").await;
    let mut next = Stage::bound(Setting::with_content_types(rules)).await;
    next.client.send(presence(VER)).await;
    let seen = next.gatekeeper.skip_past("</presence>").await;
    let edited =
        seen.split("ver='").nth(1).and_then(|rest| rest.split('\'').next()).expect("a hash").to_owned();
    assert_ne!(edited, VER);
    assert_eq!(seen, presence(&edited));
    next.gatekeeper.send(question(&edited)).await;
    next.client.expect(&question(VER)).await;
    next.client.send(answer(VER, SET)).await;
    let got = next.gatekeeper.skip_past("</iq>").await;
    let (before, after) = got.split_once(SET).expect("the set itself is left as it is");
    assert_eq!(before, answer(&edited, "").split_once("</query>").expect("a query").0);
    assert!(
        after.starts_with(
            "<feature xmlns='http://jabber.org/protocol/disco#info' var='urn:x-vestibule:content-types:0#text'/>"
        ),
        "{after}"
    );
    // A question for what was never advertised is not followed, and its answer passes as it is.
    next.passes_down(&question("AAAA")).await;
    next.passes_up(&answer("AAAA", SET)).await;
}

/// The client sends no presence after a resumption, and the gatekeeper still has the one of before.
#[tokio::test(start_paused = true)]
async fn what_was_advertised_is_answered_for_after_a_resumption() {
    let (rules, mut before) = taught("default").await;
    before.client.send(presence(VER)).await;
    let edited = ver_in(&before.gatekeeper.skip_past("</presence>").await);

    let mut after = Stage::authenticated(Setting::with_content_types(rules)).await;
    after.passes_up("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    after.passes_down("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>").await;
    after.gatekeeper.send(question(&edited)).await;
    after.client.expect(&question(VER)).await;
    after.client.send(answer(VER, SET)).await;
    let got = after.gatekeeper.skip_past("</iq>").await;
    assert!(got.contains(&format!("n#{edited}")) && got.contains("content-types:0#text"), "{got}");
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_is_selected_later_is_advertised_then() {
    let (rules, _) = taught("enforcing").await;
    let mut next = Stage::bound(Setting::with_content_types(rules)).await;
    let mut told = Vec::new();
    for version in ["2.9", "2.10"] {
        let node = format!("https://app.provider.example/{version}");
        next.client.send(presence_of(&node, VER)).await;
        let edited = ver_in(&next.gatekeeper.skip_past("</presence>").await);
        let asked = question(&edited).replace("n#", &format!("{node}#"));
        next.gatekeeper.send(&asked).await;
        next.client.expect(&asked.replace(&edited, VER)).await;
        next.client.send(answer(VER, SET).replace("n#", &format!("{node}#"))).await;
        told.push((edited, next.gatekeeper.skip_past("</iq>").await));
    }
    let video = "var='urn:x-vestibule:content-types:0#video'";
    assert_eq!(told.iter().map(|(_, answer)| answer.contains(video)).collect::<Vec<_>>(), [false, true]);
    assert!(told[0].0 != told[1].0 && told.iter().all(|(edited, _)| edited != VER));
}
