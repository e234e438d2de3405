//! SASL EXTERNAL (RFC 4422, A) where Vestibule shows the gatekeeper a certificate of its own: any client would be
//! authenticated as the proxy.

use vestibule::relay::{Failure, Outcome, Side};

use super::passing::refuses_from_client;
use crate::stage::{AUTH, MECHANISMS, Setting, Stage, stream_error};

/// Nobody may be led by white space, case, references or CDATA to read another name than Vestibule does.
const SPELLINGS: [&str; 6] =
    ["EXTERNAL", "external", "External", " EXTERNAL\n", "EXT&#69;RNAL", "&#x20;eXTERNAL&#x9;"];

fn with_certificate() -> Setting {
    let mut setting = Setting::default();
    setting.host.refuses_external = true;
    setting
}

fn sasl(mechanism: &str) -> String {
    format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>\
         <mechanism>{mechanism}</mechanism></mechanisms></stream:features>"
    )
}

fn sasl2(mechanism: &str) -> String {
    format!(
        "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>{mechanism}</mechanism>\
         </authentication></stream:features>"
    )
}

#[tokio::test(start_paused = true)]
async fn a_gatekeeper_that_offers_it_is_left() {
    let sections = ["<![CDATA[EXTERNAL]]>", "EX<![CDATA[TERNAL]]>"];
    for spelling in SPELLINGS.iter().chain(&sections) {
        for offer in [sasl(spelling), sasl2(spelling)] {
            let mut stage = Stage::greeted(with_certificate()).await;
            stage.gatekeeper.send(&offer).await;
            stage.gatekeeper.expect_last(&stream_error("policy-violation")).await;
            stage.client.expect_last("</stream:stream>").await;
            assert_eq!(
                stage.outcome().await,
                Outcome::Failed(Side::Upstream, Failure::ExternalOffered),
                "{offer}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_it_is_refused_before_the_gatekeeper_sees_it() {
    for spelling in SPELLINGS {
        for request in [
            format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{spelling}'>=</auth>"),
            format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism=\"{spelling}\"/>"),
        ] {
            let mut stage = Stage::greeted(with_certificate()).await;
            stage.passes_features(MECHANISMS).await;
            refuses_from_client(&mut stage, &request, "not-authorized").await;
            assert_eq!(
                stage.outcome().await,
                Outcome::Failed(Side::Downstream, Failure::ExternalAsked),
                "{request}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_cannot_ask_for_it_ahead_of_the_offer_or_as_a_further_step() {
    let mut stage = Stage::greeted(with_certificate()).await;
    let request = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>";
    refuses_from_client(&mut stage, request, "not-authorized").await;

    let mut stage = Stage::greeted(with_certificate()).await;
    stage.passes_up("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>").await;
    let step = "<next xmlns='urn:xmpp:sasl:2' task='EXTERNAL'/>";
    refuses_from_client(&mut stage, step, "not-authorized").await;
}

#[tokio::test(start_paused = true)]
async fn other_mechanisms_pass() {
    let mut stage = Stage::greeted(with_certificate()).await;
    stage.passes_features(&sasl("EXTERNAL-LIKE")).await;
    stage.passes_up(AUTH).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_certificate_of_ours_it_passes() {
    let mut stage = Stage::greeted(Setting::default()).await;
    stage.passes_features(&sasl("EXTERNAL")).await;
    stage.passes_up("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>").await;
}
