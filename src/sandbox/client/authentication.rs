//! SASL as the client speaks it (RFC 6120, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::{Client, ClientError};
use crate::sandbox::element::Element;
use crate::sandbox::random;
use crate::sandbox::scram::ClientExchange;
use crate::stanza::namespace::SASL;

/// Who the user is, and how it is proven.
#[derive(Clone)]
pub struct Credentials {
    /// The local part of the user's JID.
    pub account: String,
    /// The password, or a provider's token in its place.
    pub password: String,
    pub mechanism: Mechanism,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: the password itself, protected by TLS alone.
    Plain,
    /// RFC 7677: a proof for either side, and the password stays where it is.
    ScramSha256,
    /// RFC 7628: a provider's token, which tells who the user is.
    OauthBearer,
}

/// What a server says of a token that it refuses (RFC 7628, section 3.2.2): the words of RFC 6750, section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenStatus {
    #[error("invalid_request")]
    InvalidRequest,
    #[error("invalid_token")]
    InvalidToken,
    #[error("insufficient_scope")]
    InsufficientScope,
    #[error("a status that RFC 6750 does not know")]
    Unknown,
}

impl TokenStatus {
    fn of(word: &str) -> Self {
        match word {
            "invalid_request" => Self::InvalidRequest,
            "invalid_token" => Self::InvalidToken,
            "insufficient_scope" => Self::InsufficientScope,
            _ => Self::Unknown,
        }
    }
}

pub(super) async fn run(client: &mut Client, credentials: &Credentials) -> Result<(), ClientError> {
    match credentials.mechanism {
        Mechanism::Plain => plain(client, credentials).await,
        Mechanism::ScramSha256 => scram(client, credentials).await,
        Mechanism::OauthBearer => oauth_bearer(client, &credentials.password).await,
    }
}

async fn plain(
    client: &mut Client,
    Credentials { account, password, .. }: &Credentials,
) -> Result<(), ClientError> {
    send_auth(client, "PLAIN", &format!("\0{account}\0{password}")).await?;
    receive_sasl(client, "success").await?;
    Ok(())
}

async fn scram(
    client: &mut Client,
    Credentials { account, password, .. }: &Credentials,
) -> Result<(), ClientError> {
    let nonce = random::token()?;
    let exchange = ClientExchange::new(account, password, &nonce);
    send_auth(client, "SCRAM-SHA-256", &exchange.first_message()).await?;
    let challenge = decode(&receive_sasl(client, "challenge").await?)?;
    let (response, server_proof) = exchange.final_message(&challenge)?;
    let response = format!("<response xmlns='{SASL}'>{}</response>", BASE64.encode(response));
    client.send(response.as_bytes()).await?;
    let success = decode(&receive_sasl(client, "success").await?)?;
    Ok(server_proof.verify(&success)?)
}

/// No authorization identity is named: the token itself says who it is for.
async fn oauth_bearer(client: &mut Client, token: &str) -> Result<(), ClientError> {
    send_auth(client, "OAUTHBEARER", &format!("n,,\x01auth=Bearer {token}\x01\x01")).await?;
    let answer = receive_any_sasl(client).await?;
    match answer.name.as_str() {
        "success" => Ok(()),
        "challenge" => {
            let status = status_of(&decode(&answer)?);
            // The failure comes only after this empty message (RFC 7628, section 3.2.3).
            let response = format!("<response xmlns='{SASL}'>{}</response>", BASE64.encode("\x01"));
            client.send(response.as_bytes()).await?;
            receive_sasl(client, "failure").await?;
            Err(ClientError::TokenRefused(status))
        }
        _ => Err(failure(&answer)),
    }
}

fn status_of(refusal: &str) -> TokenStatus {
    #[derive(Deserialize)]
    struct Refusal {
        status: String,
    }
    let refusal = serde_json::from_str::<Refusal>(refusal);
    refusal.map_or(TokenStatus::Unknown, |refusal| TokenStatus::of(&refusal.status))
}

async fn send_auth(client: &mut Client, mechanism: &str, initial: &str) -> Result<(), ClientError> {
    let initial = BASE64.encode(initial);
    client.send(format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{initial}</auth>").as_bytes()).await
}

/// The next SASL element, which must have this name.
async fn receive_sasl(client: &mut Client, name: &str) -> Result<Element, ClientError> {
    let element = receive_any_sasl(client).await?;
    if element.name == name { Ok(element) } else { Err(failure(&element)) }
}

async fn receive_any_sasl(client: &mut Client) -> Result<Element, ClientError> {
    let element = client.receive().await?.root;
    if element.namespace == SASL { Ok(element) } else { Err(ClientError::Unexpected) }
}

/// What it means that this came in the place of something else (RFC 6120, section 6.5).
fn failure(element: &Element) -> ClientError {
    match element.name.as_str() {
        "failure" if element.child(SASL, "temporary-auth-failure").is_some() => {
            ClientError::CannotAuthenticate
        }
        "failure" => ClientError::NotAuthenticated,
        _ => ClientError::Unexpected,
    }
}

fn decode(element: &Element) -> Result<String, ClientError> {
    let bytes = BASE64.decode(&element.text).map_err(|_| ClientError::Unexpected)?;
    String::from_utf8(bytes).map_err(|_| ClientError::Unexpected)
}
