//! Tokens of FAST (XEP-0484) of the gatekeeper's own users.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vestibule::sandbox::client::Client;

use super::{BIND_2, FAST, Granted, SASL, SM, authenticate, authenticate_as, condition, plain};
use crate::sandbox::stage::{HOST, Sandbox, exchange};

const MECHANISM: &str = "HT-SHA-256-NONE";
pub const REQUEST: &str = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";

/// What one side says to prove that it knows a token (draft-schmaus-kitten-sasl-ht, section 3).
fn proof(token: &str, side: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    hmac::sign(&key, side.as_bytes()).as_ref().to_vec()
}

pub fn message(account: &str, token: &str) -> Vec<u8> {
    [account.as_bytes(), b"\0", &proof(token, "Initiator")].concat()
}

/// The request of a client with a token; `attributes` are those of `<fast/>`.
pub fn returning(account: &str, token: &str, attributes: &str, more: &str) -> String {
    let fast = format!("<fast xmlns='{FAST}'{attributes}/>{more}");
    authenticate(MECHANISM, message(account, token), &fast)
}

/// The token that was given, if one was.
pub fn token_of(granted: &Granted) -> Option<String> {
    let token = granted.child(FAST, "token")?;
    assert!(token.attribute("expiry").unwrap().ends_with('Z'));
    Some(token.attribute("token").unwrap().to_owned())
}

/// A token for ann's telephone.
async fn token(sandbox: &Sandbox) -> String {
    let mut client = sandbox.connect().await;
    token_of(&Granted::by(&mut client, &plain("ann", REQUEST)).await).unwrap()
}

async fn refused(sandbox: &Sandbox, request: &str) -> String {
    let mut client = sandbox.connect().await;
    condition(&exchange(&mut client, request).await).to_owned()
}

async fn granted(sandbox: &Sandbox, request: &str) -> (Client, Granted) {
    let mut client = sandbox.connect().await;
    let granted = Granted::by(&mut client, request).await;
    (client, granted)
}

#[tokio::test]
async fn a_token_opens_streams_in_one_step_and_both_ends_prove_it() {
    let sandbox = Sandbox::start().await;
    let token = token(&sandbox).await;
    for name in ["ann".to_owned(), format!("ann@{HOST}"), "ann".to_owned()] {
        let bind = format!("<bind xmlns='{BIND_2}'><tag>app</tag></bind>");
        let (_client, granted) = granted(&sandbox, &returning(&name, &token, "", &bind)).await;
        assert_eq!(granted.additional(), Some(proof(&token, "Responder")));
        assert!(granted.jid().starts_with(&format!("ann@{HOST}/app/")), "{}", granted.jid());
        // It is far from its end.
        assert_eq!(token_of(&granted), None);
    }
    let session = sandbox.gatekeeper.sessions().pop().unwrap();
    assert_eq!(session.mechanism.as_deref(), Some(MECHANISM));
}

#[tokio::test]
async fn a_session_is_resumed_with_a_token() {
    let sandbox = Sandbox::start().await;
    let enable = format!("<bind xmlns='{BIND_2}'><enable xmlns='{SM}' resume='true'/></bind>{REQUEST}");
    let (_first, bound) = granted(&sandbox, &plain("ann", &enable)).await;
    let enabled = bound.child(BIND_2, "bound").unwrap().child(SM, "enabled").unwrap();
    let resume = format!("<resume xmlns='{SM}' previd='{}' h='0'/>", enabled.attribute("id").unwrap());
    let request = returning("ann", &token_of(&bound).unwrap(), "", &resume);
    let (_again, resumed) = granted(&sandbox, &request).await;
    assert!(resumed.child(SM, "resumed").is_some());
    assert_eq!(resumed.jid(), bound.jid());
}

#[tokio::test]
async fn a_token_is_given_only_where_it_is_asked_for_rightly() {
    let sandbox = Sandbox::start().await;
    let other = REQUEST.replace(MECHANISM, "HT-SHA-256-ENDP");
    let nameless = plain("ann", REQUEST).replace(" id='phone'", "");
    for request in [plain("ann", ""), plain("ann", &other), nameless] {
        let (_client, granted) = granted(&sandbox, &request).await;
        assert_eq!(token_of(&granted), None, "{request}");
    }
    let wrong = authenticate("PLAIN", "\0ann\0wrong", REQUEST);
    assert_eq!(refused(&sandbox, &wrong).await, "not-authorized");
}

#[tokio::test]
async fn a_token_is_good_for_its_client_account_and_mechanism_alone() {
    let sandbox = Sandbox::start().await;
    let token = token(&sandbox).await;
    let right = returning("ann", &token, "", "");
    let elsewhere =
        authenticate_as("desk", MECHANISM, message("ann", &token), &format!("<fast xmlns='{FAST}'/>"));
    for (request, expected) in [
        (elsewhere, "not-authorized"),
        (returning("ben", &token, "", ""), "not-authorized"),
        (returning("nobody", &token, "", ""), "not-authorized"),
        (returning("ann", "another token", "", ""), "not-authorized"),
        (returning("ann", &token, " count='many'", ""), "malformed-request"),
        (authenticate(MECHANISM, message("ann", &token), ""), "invalid-mechanism"),
        (authenticate(MECHANISM, "ann", &format!("<fast xmlns='{FAST}'/>")), "malformed-request"),
        (right.replace(" id='phone'", ""), "malformed-request"),
        (right.replace(MECHANISM, "HT-SHA-256-ENDP"), "invalid-mechanism"),
        (
            authenticate("PLAIN", format!("\0ann\0{token}"), &format!("<fast xmlns='{FAST}'/>")),
            "not-authorized",
        ),
    ] {
        assert_eq!(refused(&sandbox, &request).await, expected, "{request}");
    }
    let mut client = sandbox.connect().await;
    let in_sasl = format!(
        "<auth xmlns='{SASL}' mechanism='{MECHANISM}'>{}</auth>",
        BASE64.encode(message("ann", &token))
    );
    assert_eq!(exchange(&mut client, &in_sasl).await.children[0].name, "invalid-mechanism");
    granted(&sandbox, &right).await;
}

#[tokio::test]
async fn a_count_that_does_not_go_up_is_refused() {
    let sandbox = Sandbox::start().await;
    let token = token(&sandbox).await;
    let counted = |count: u32| returning("ann", &token, &format!(" count='{count}'"), "");
    granted(&sandbox, &counted(1)).await;
    granted(&sandbox, &counted(3)).await;
    for replayed in [counted(3), counted(2), returning("ann", &token, "", "")] {
        assert_eq!(refused(&sandbox, &replayed).await, "not-authorized");
    }
    granted(&sandbox, &counted(4)).await;
}

#[tokio::test]
async fn a_token_that_is_given_up_opens_nothing_more() {
    let sandbox = Sandbox::start().await;
    let first = token(&sandbox).await;
    let (_client, over) = granted(&sandbox, &returning("ann", &first, " invalidate='true'", "")).await;
    assert_eq!(token_of(&over), None);
    assert_eq!(refused(&sandbox, &returning("ann", &first, "", "")).await, "not-authorized");
    let second = token(&sandbox).await;
    let (_client, replaced) = granted(&sandbox, &returning("ann", &second, " invalidate='1'", REQUEST)).await;
    let third = token_of(&replaced).unwrap();
    assert_eq!(refused(&sandbox, &returning("ann", &second, "", "")).await, "not-authorized");
    granted(&sandbox, &returning("ann", &third, "", "")).await;
}

#[tokio::test]
async fn the_older_token_is_good_until_the_newer_one_is_used() {
    let sandbox = Sandbox::start().await;
    let first = token(&sandbox).await;
    let (_client, renewed) = granted(&sandbox, &returning("ann", &first, "", REQUEST)).await;
    let second = token_of(&renewed).unwrap();
    for token in [&first, &second] {
        granted(&sandbox, &returning("ann", token, "", "")).await;
    }
    assert_eq!(refused(&sandbox, &returning("ann", &first, "", "")).await, "not-authorized");
}
