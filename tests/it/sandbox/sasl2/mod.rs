//! SASL2 (XEP-0388) as the gatekeeper speaks it: everything in one exchange, word for word.

pub mod fast;
mod inline;
mod refusals;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;
use vestibule::sandbox::scram::ClientExchange;

use super::stage::{HOST, Sandbox, exchange, next};

pub const SASL2: &str = "urn:xmpp:sasl:2";
pub const BIND_2: &str = "urn:xmpp:bind:0";
pub const FAST: &str = "urn:xmpp:fast:0";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const SM: &str = "urn:xmpp:sm:3";

/// The request of a client on a telephone.
pub fn authenticate(mechanism: &str, message: impl AsRef<[u8]>, more: &str) -> String {
    authenticate_as("phone", mechanism, message, more)
}

/// The request of a client that has this identifier.
pub fn authenticate_as(client: &str, mechanism: &str, message: impl AsRef<[u8]>, more: &str) -> String {
    let message = BASE64.encode(message);
    format!(
        "<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{message}</initial-response>\
         <user-agent id='{client}'><software>Tests</software></user-agent>{more}</authenticate>"
    )
}

/// The request of a user with the right password.
fn plain(name: &str, more: &str) -> String {
    authenticate("PLAIN", format!("\0{name}\0{name}'s password"), more)
}

/// What the gatekeeper says to a request that it grants: the success, and the features that follow at once.
pub struct Granted {
    success: Element,
    features: Element,
}

impl Granted {
    pub async fn by(client: &mut Client, request: &str) -> Self {
        let success = exchange(client, request).await;
        assert!(success.is(SASL2, "success"), "{}", condition(&success));
        let features = next(client).await;
        assert_eq!(features.name, "features");
        Self { success, features }
    }

    pub fn jid(&self) -> &str {
        &self.success.child(SASL2, "authorization-identifier").unwrap().text
    }

    /// What the mechanism has said last.
    pub fn additional(&self) -> Option<Vec<u8>> {
        Some(BASE64.decode(&self.success.child(SASL2, "additional-data")?.text).unwrap())
    }

    /// What stands in the success of that name.
    pub fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.success.child(namespace, name)
    }

    fn offers(&self) -> Vec<&str> {
        self.features.children.iter().map(|feature| feature.name.as_str()).collect()
    }
}

/// The condition of a failure.
pub fn condition(failure: &Element) -> &str {
    assert!(failure.is(SASL2, "failure"), "{}", failure.name);
    let [condition, text] = failure.children.as_slice() else { panic!("a condition and a text") };
    assert!(condition.namespace == SASL && text.is(SASL2, "text") && !text.text.is_empty());
    &condition.name
}

#[tokio::test]
async fn all_that_can_be_done_at_once_is_offered() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.connect().await;
    let transcripts = client.transcripts();
    let received = String::from_utf8_lossy(transcripts.received().bytes()).into_owned();
    let mechanisms =
        "<mechanism>SCRAM-SHA-256</mechanism><mechanism>OAUTHBEARER</mechanism><mechanism>PLAIN</mechanism>";
    let offer = format!(
        "<authentication xmlns='{SASL2}'>{mechanisms}<inline><sm xmlns='{SM}'/>\
         <bind xmlns='{BIND_2}'><inline><feature var='{SM}'/></inline></bind>\
         <fast xmlns='{FAST}'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>"
    );
    assert!(received.contains(&offer), "{received}");
}

#[tokio::test]
async fn the_stream_goes_on_and_a_resource_can_be_bound_afterwards() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.connect().await;
    let granted = Granted::by(&mut ann, &plain("ann", "")).await;
    assert_eq!((granted.jid(), granted.additional()), (format!("ann@{HOST}").as_str(), None));
    assert_eq!(granted.offers(), ["bind", "sm"]);
    assert_eq!(ann.bind("desk", "").await.unwrap(), format!("ann@{HOST}/desk"));
    // Who is authenticated may send more at once than who is not.
    let long = "x".repeat(15 << 10);
    let message = format!("<message to='ann@{HOST}/desk'><body>{long}</body><body>{long}</body></message>");
    ann.send(b"<presence/>").await.unwrap();
    next(&mut ann).await;
    ann.send(message.as_bytes()).await.unwrap();
    ann.send(format!("<message to='nobody@{HOST}' id='last'/>").as_bytes()).await.unwrap();
    let session = &sandbox.gatekeeper.sessions()[0];
    assert_eq!((session.account.as_deref(), session.mechanism.as_deref()), (Some("ann"), Some("PLAIN")));
}

#[tokio::test]
async fn scram_proves_both_ends() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.connect().await;
    let scram = ClientExchange::new("ann", "ann's password", "nonce");
    let challenge = exchange(&mut ann, &authenticate("SCRAM-SHA-256", scram.first_message(), "")).await;
    assert!(challenge.is(SASL2, "challenge"));
    let challenge = String::from_utf8(BASE64.decode(&challenge.text).unwrap()).unwrap();
    let (response, proof) = scram.final_message(&challenge).unwrap();
    let response = format!("<response xmlns='{SASL2}'>{}</response>", BASE64.encode(response));
    let granted = Granted::by(&mut ann, &response).await;
    assert_eq!(proof.verify(&String::from_utf8(granted.additional().unwrap()).unwrap()), Ok(()));
    assert_eq!(granted.jid(), format!("ann@{HOST}"));
}

#[tokio::test]
async fn who_sends_no_initial_response_is_asked_for_it() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.connect().await;
    let request = format!("<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>");
    let challenge = exchange(&mut ann, &request).await;
    assert!(challenge.is(SASL2, "challenge") && challenge.text.is_empty());
    let response = BASE64.encode("\0ann\0ann's password");
    Granted::by(&mut ann, &format!("<response xmlns='{SASL2}'>{response}</response>")).await;
}
