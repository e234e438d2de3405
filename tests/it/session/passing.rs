//! What passes between bound peers, and what does not.

use vestibule::relay::{Failure, Outcome, Side};

use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn stanzas_pass_byte_for_byte() {
    let mut stage = Stage::bound(Setting::default()).await;
    for stanza in [
        "<message to='bob@gatekeeper.example' type='chat' id='1'><body>&lt;tag&gt; &amp; &#x1F600; 文字</body></message>",
        "<message   to = \"bob@gatekeeper.example\"\n><body><![CDATA[<not a tag>]]></body></message >",
        "<c:message xmlns:c='jabber:client' to='bob@gatekeeper.example'/>",
        "<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<inactive xmlns='urn:xmpp:csi:0'/>",
        "\n \t\n",
    ] {
        stage.passes_up(stanza).await;
    }
    for stanza in
        ["<message><received xmlns='urn:xmpp:carbons:2'/></message>", "<a xmlns='urn:xmpp:sm:3' h='5'/>", " "]
    {
        stage.passes_down(stanza).await;
    }
}

#[tokio::test(start_paused = true)]
async fn byte_by_byte_arrives_as_whole() {
    let mut stage = Stage::bound(Setting::default()).await;
    let stanzas = "<message to='bob@gatekeeper.example'><body>é&amp;文</body></message> <presence/>";
    for byte in stanzas.as_bytes() {
        stage.client.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    stage.gatekeeper.expect(stanzas).await;
}

#[tokio::test(start_paused = true)]
async fn no_byte_of_an_incomplete_stanza_is_passed_on() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.send("<message to='bob@gatekeeper.example'><body>almost</body></message").await;
    stage.gatekeeper.expect_silence(std::time::Duration::from_secs(60)).await;
    stage.client.send(">").await;
    stage.gatekeeper.expect("<message to='bob@gatekeeper.example'><body>almost</body></message>").await;
}

pub(super) async fn refuses_from_client(stage: &mut Stage, element: &str, condition: &str) {
    stage.client.send(element).await;
    stage.client.expect_last(&stream_error(condition)).await;
    stage.gatekeeper.expect_last("</stream:stream>").await;
}

#[tokio::test(start_paused = true)]
async fn a_stanza_before_authentication_is_not_authorized() {
    for stanza in ["<message/>", "<presence/>", BIND] {
        let mut stage = Stage::greeted(Setting::default()).await;
        refuses_from_client(&mut stage, stanza, "not-authorized").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stanza_before_binding_is_not_authorized() {
    let mut stage = Stage::authenticated(Setting::default()).await;
    refuses_from_client(&mut stage, "<message to='bob@gatekeeper.example'/>", "not-authorized").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_client_has_no_business_to_say_is_unsupported() {
    for element in [
        "<features xmlns='http://etherx.jabber.org/streams'/>",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<enabled xmlns='urn:xmpp:sm:3'/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
        "<setup xmlns='http://jabber.org/protocol/compress/exi'/>",
        "<message xmlns='jabber:server'/>",
        "<Message/>",
        "<other/>",
    ] {
        let mut stage = Stage::bound(Setting::default()).await;
        refuses_from_client(&mut stage, element, "unsupported-stanza-type").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_gatekeeper_has_no_business_to_say_is_unsupported() {
    for element in ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "<other/>", "<message xmlns=''/>"] {
        let mut stage = Stage::bound(Setting::default()).await;
        stage.gatekeeper.send(element).await;
        stage.gatekeeper.expect_last(&stream_error("unsupported-stanza-type")).await;
        stage.client.expect_last("</stream:stream>").await;
        assert_eq!(stage.outcome().await, Outcome::Failed(Side::Upstream, Failure::UnsupportedElement));
    }
}

#[tokio::test(start_paused = true)]
async fn ways_around_the_proxy_are_not_offered() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage
        .gatekeeper
        .send(
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
             <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism></mechanisms>\
             <compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>\
             </stream:features>",
        )
        .await;
    stage
        .client
        .expect(
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>SCRAM-SHA-1-PLUS</mechanism></mechanisms>\
             <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>8192</max-bytes>\
             <idle-seconds>60</idle-seconds></limits></stream:features>",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_for_compression_is_answered_and_the_session_goes_on() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage
        .client
        .send("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>")
        .await;
    stage
        .client
        .expect("<failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>")
        .await;
    stage.passes_up("<presence/>").await;
}

#[tokio::test(start_paused = true)]
async fn compression_is_refused_once() {
    let mut stage = Stage::bound(Setting::default()).await;
    let request = "<compress xmlns='http://jabber.org/protocol/compress'/>";
    stage.client.send(request.repeat(2)).await;
    let refusal = "<failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>";
    stage.client.expect_last(&format!("{refusal}{}", stream_error("unsupported-stanza-type"))).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_outside_of_the_clients_stream() {
    let mut stage = Stage::open(Setting::default());
    stage
        .client
        .send(format!("{CLIENT_HEADER}<compress xmlns='http://jabber.org/protocol/compress'/>"))
        .await;
    let answer = stage.client.rest().await;
    assert!(answer.starts_with("<?xml ") && answer.ends_with("</stream:stream>"), "{answer}");
    assert!(!answer.contains("<failure "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_gatekeepers_preferred_place_for_resumption_is_taken_out() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.passes_up("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    stage
        .gatekeeper
        .send("<enabled xmlns='urn:xmpp:sm:3' id='x' location='[2001:db8::1]:5222' resume='true'/>")
        .await;
    stage.client.expect("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>").await;
}

#[tokio::test(start_paused = true)]
async fn a_redirection_becomes_a_reset() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage
        .gatekeeper
        .send(
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example</see-other-host>\
             </stream:error></stream:stream>",
        )
        .await;
    stage
        .client
        .expect("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_a_stream_is_refused() {
    let mut stage = Stage::bound(Setting::default()).await;
    stage.client.send("<message><stream:stream/></message>").await;
    assert!(stage.client.rest().await.contains("<stream:error "));
    stage.gatekeeper.expect_last("</stream:stream>").await;
}
