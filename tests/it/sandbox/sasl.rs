//! Attempts to authenticate that are refused, told word for word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;
use vestibule::stanza::namespace::SASL;

/// What the gatekeeper says to an attempt that fails.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Of the document that OAUTHBEARER has first (RFC 7628, section 3.2.2).
    pub status: Option<String>,
    pub condition: String,
    pub text: String,
}

impl Refused {
    pub fn of_token(text: &str) -> Self {
        let status = Some("invalid_token".to_owned());
        Self { status, condition: "not-authorized".to_owned(), text: text.to_owned() }
    }

    pub fn not_enlisted() -> Self {
        let text = "the token is good, but its user is not enlisted here";
        Self { status: Some("access_denied".to_owned()), ..Self::of_token(text) }
    }
}

pub async fn oauthbearer(client: &mut Client, token: &str) -> Refused {
    attempt(client, "OAUTHBEARER", &format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}")).await
}

pub async fn plain(client: &mut Client, name: &str, password: &str) -> Refused {
    attempt(client, "PLAIN", &format!("\0{name}\0{password}")).await
}

pub async fn attempt(client: &mut Client, mechanism: &str, message: &str) -> Refused {
    let message = BASE64.encode(message);
    let auth = format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{message}</auth>");
    let answer = exchange(client, &auth).await;
    if !answer.is(SASL, "challenge") {
        return refused(None, &answer);
    }
    let document: serde_json::Value = serde_json::from_slice(&BASE64.decode(&answer.text).unwrap()).unwrap();
    let status = document["status"].as_str().map(str::to_owned);
    // The failure comes only after this empty message.
    let failure = exchange(client, &format!("<response xmlns='{SASL}'>AQ==</response>")).await;
    refused(status, &failure)
}

fn refused(status: Option<String>, failure: &Element) -> Refused {
    assert!(failure.is(SASL, "failure"), "{}", failure.name);
    let [condition, text] = failure.children.as_slice() else { panic!("a condition and a text") };
    Refused { status, condition: condition.name.clone(), text: text.text.clone() }
}

async fn exchange(client: &mut Client, request: &str) -> Element {
    client.send(request.as_bytes()).await.unwrap();
    client.receive().await.unwrap().root
}
