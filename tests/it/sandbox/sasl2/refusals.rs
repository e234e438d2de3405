//! Attempts in SASL2 that fail, and what ends the stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vestibule::sandbox::client::Mechanism;

use super::{Granted, SASL, SASL2, authenticate, condition, plain};
use crate::sandbox::stage::{Sandbox, credentials, exchange, stream_error};

#[tokio::test]
async fn each_failure_is_told_in_its_own_profile() {
    let sandbox = Sandbox::start().await;
    let not_base64 = plain("ann", "").replacen("<initial-response>", "<initial-response>!", 1);
    let wrong_password = authenticate("PLAIN", "\0ann\0wrong", "");
    for (request, expected) in [
        (wrong_password.as_str(), "not-authorized"),
        (&authenticate("PLAIN", "ben\0ann\0ann's password", ""), "invalid-authzid"),
        (&authenticate("PLAIN", "ann", ""), "malformed-request"),
        (&authenticate("PLAIN", b"\0ann\0\xff", ""), "malformed-request"),
        (&authenticate("PLAIN", "", ""), "malformed-request"),
        (&authenticate("ANONYMOUS", "", ""), "invalid-mechanism"),
        (&not_base64, "incorrect-encoding"),
        (&format!("<authenticate xmlns='{SASL2}'/>"), "invalid-mechanism"),
    ] {
        let mut client = sandbox.connect().await;
        assert_eq!(condition(&exchange(&mut client, request).await), expected, "{request}");
        // Nothing has changed by that.
        Granted::by(&mut client, &plain("ann", "")).await;
    }
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_refused_in_two_steps() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let request = authenticate("OAUTHBEARER", "n,,\u{1}auth=\u{1}\u{1}", "");
    let challenge = exchange(&mut client, &request).await;
    assert!(challenge.is(SASL2, "challenge"));
    assert_eq!(BASE64.decode(&challenge.text).unwrap(), br#"{"status":"invalid_token","scope":""}"#);
    let failure = exchange(&mut client, &format!("<response xmlns='{SASL2}'>AQ==</response>")).await;
    assert_eq!(condition(&failure), "not-authorized");
}

#[tokio::test]
async fn attempts_are_counted_in_both_profiles_together() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let wrong = authenticate("PLAIN", "\0ann\0wrong", "");
    let wrong_in_sasl =
        format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{}</auth>", BASE64.encode("\0ann\0wrong"));
    assert_eq!(condition(&exchange(&mut client, &wrong).await), "not-authorized");
    assert!(exchange(&mut client, &wrong_in_sasl).await.is(SASL, "failure"));
    assert_eq!(condition(&exchange(&mut client, &wrong).await), "not-authorized");
    assert_eq!(stream_error(&mut client).await, "policy-violation");
}

#[tokio::test]
async fn who_failed_in_one_profile_may_succeed_in_the_other() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let wrong = authenticate("PLAIN", "\0ann\0wrong", "");
    assert_eq!(condition(&exchange(&mut client, &wrong).await), "not-authorized");
    client.authenticate(&credentials("ann", Mechanism::Plain)).await.unwrap();
}

#[tokio::test]
async fn a_client_may_give_up_and_begin_again() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let begun = format!("<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>");
    assert!(exchange(&mut client, &begun).await.is(SASL2, "challenge"));
    let aborted = exchange(&mut client, &format!("<abort xmlns='{SASL2}'/>")).await;
    assert_eq!(condition(&aborted), "aborted");
    Granted::by(&mut client, &plain("ann", "")).await;
}

/// XEP-0388, section 2.4.
#[tokio::test]
async fn nothing_else_is_said_while_somebody_authenticates() {
    let sandbox = Sandbox::start().await;
    for other in [
        "<message/>".to_owned(),
        plain("ann", ""),
        format!("<response xmlns='{SASL}'>AA==</response>"),
        format!("<abort xmlns='{SASL}'/>"),
    ] {
        let mut client = sandbox.connect().await;
        let begun = format!("<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>");
        assert!(exchange(&mut client, &begun).await.is(SASL2, "challenge"));
        client.send(other.as_bytes()).await.unwrap();
        assert_eq!(stream_error(&mut client).await, "not-authorized", "{other}");
    }
}
