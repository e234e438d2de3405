//! SASL with tokens and passwords as the gatekeeper speaks it: what is refused, and how.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;
use vestibule::sandbox::token::{Algorithm, Audience, Claims, SigningKey};

use super::stage::{HOST, Sandbox, exchange, stream_error};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// One attempt to authenticate, up to the challenge or the failure.
async fn attempt(client: &mut Client, mechanism: &str, message: &str) -> Element {
    let message = BASE64.encode(message);
    exchange(client, &format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{message}</auth>")).await
}

fn decoded(challenge: &Element) -> String {
    assert!(challenge.is(SASL, "challenge"), "{}", challenge.name);
    String::from_utf8(BASE64.decode(&challenge.text).unwrap()).unwrap()
}

/// The condition and the text.
fn failure(element: &Element) -> (&str, &str) {
    assert!(element.is(SASL, "failure"), "{}", element.name);
    (&element.children[0].name, &element.children[1].text)
}

/// A good token of a provider that the gatekeeper does not know.
fn strangers_token() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = Claims {
        iss: "https://stranger.example".to_owned(),
        aud: Audience::One(HOST.to_owned()),
        sub: "ann@stranger.example".to_owned(),
        exp: now + 600,
        nbf: now,
        iat: now,
        jti: "1".to_owned(),
        cnf: None,
    };
    SigningKey::generate(Algorithm::Es256).unwrap().sign(&claims).unwrap()
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_refused_in_two_steps() {
    let sandbox = Sandbox::start().await;
    let good = strangers_token();
    for (credentials, status, condition, text) in [
        (format!("Bearer {good}"), "invalid_token", "not-authorized", "no provider"),
        (String::new(), "invalid_token", "not-authorized", "there is no token"),
        ("Basic YTpi".to_owned(), "invalid_request", "malformed-request", "bearer token"),
    ] {
        let mut client = sandbox.connect().await;
        let message = format!("n,,\u{1}host={HOST}\u{1}auth={credentials}\u{1}\u{1}");
        let challenge = attempt(&mut client, "OAUTHBEARER", &message).await;
        assert_eq!(decoded(&challenge), format!(r#"{{"status":"{status}","scope":""}}"#));
        let refused = exchange(&mut client, &format!("<response xmlns='{SASL}'>AQ==</response>")).await;
        let (found, told) = failure(&refused);
        assert_eq!(found, condition);
        assert!(told.contains(text), "{told}");
        assert!(!told.contains(&good));
    }
}

#[tokio::test]
async fn a_refused_client_may_give_up_or_answer_nonsense() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", strangers_token());
    attempt(&mut client, "OAUTHBEARER", &message).await;
    let refused = exchange(&mut client, &format!("<abort xmlns='{SASL}'/>")).await;
    assert_eq!(failure(&refused).0, "aborted");
    attempt(&mut client, "OAUTHBEARER", &message).await;
    let refused =
        exchange(&mut client, &format!("<response xmlns='{SASL}'>{}</response>", BASE64.encode("n,,"))).await;
    assert_eq!(failure(&refused).0, "malformed-request");
    let refused = attempt(&mut client, "OAUTHBEARER", "n,,auth=Bearer").await;
    assert_eq!(failure(&refused).0, "malformed-request");
    assert_eq!(stream_error(&mut client).await, "policy-violation");
}

#[tokio::test]
async fn a_token_as_password_is_refused_in_one_step() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let message = format!("\0ann@stranger.example\0{}", strangers_token());
    let refused = attempt(&mut client, "PLAIN", &message).await;
    assert_eq!(failure(&refused).0, "not-authorized");
    assert!(failure(&refused).1.contains("no provider"));
}

#[tokio::test]
async fn only_ones_own_identity_can_be_acted_as() {
    let sandbox = Sandbox::start().await;
    for own in ["ann", "ann@gatekeeper.example", "ann@GATEKEEPER.example", ""] {
        let mut client = sandbox.connect().await;
        let answer = attempt(&mut client, "PLAIN", &format!("{own}\0ann\0ann's password")).await;
        assert!(answer.is(SASL, "success"), "{own}");
    }
    let mut client = sandbox.connect().await;
    for other in ["ben", "ann@elsewhere.example", "ann@gatekeeper.example/desk"] {
        let refused = attempt(&mut client, "PLAIN", &format!("{other}\0ann\0ann's password")).await;
        assert_eq!(failure(&refused).0, "invalid-authzid", "{other}");
    }
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    let sandbox = Sandbox::start().await;
    let token = strangers_token();
    for (mechanism, first) in [
        ("SCRAM-SHA-256", "n,,n=NAME,r=nonce"),
        ("PLAIN", "\0NAME\0a wrong password"),
        ("PLAIN", &format!("\0NAME\0{token}")),
    ] {
        let mut answers = Vec::new();
        for name in ["ann", "nobody", "nobody"] {
            let mut client = sandbox.connect().await;
            let mut answer = attempt(&mut client, mechanism, &first.replace("NAME", name)).await;
            let mut salt = String::new();
            if mechanism == "SCRAM-SHA-256" {
                let challenge = decoded(&answer);
                let (nonce, rest) = challenge.split_once(",s=").unwrap();
                rest.split_once(",i=4096").unwrap().0.clone_into(&mut salt);
                let proof = BASE64.encode(format!("c=biws,{nonce},p={}", BASE64.encode([0; 32])));
                answer = exchange(&mut client, &format!("<response xmlns='{SASL}'>{proof}</response>")).await;
            }
            let (condition, text) = failure(&answer);
            answers.push((salt, condition.to_owned(), text.to_owned()));
        }
        assert_eq!((&answers[0].1, &answers[0].2), (&answers[1].1, &answers[1].2), "{mechanism}");
        assert_eq!(answers[1], answers[2], "{mechanism}");
        assert_eq!(answers[0].0.len(), answers[1].0.len());
    }
}
