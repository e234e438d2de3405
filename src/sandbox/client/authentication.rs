//! SASL as the client speaks it (RFC 6120, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

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
    pub password: String,
    pub mechanism: Mechanism,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: the password itself, protected by TLS alone.
    Plain,
    /// RFC 7677: a proof for either side, and the password stays where it is.
    ScramSha256,
}

pub(super) async fn run(client: &mut Client, credentials: &Credentials) -> Result<(), ClientError> {
    match credentials.mechanism {
        Mechanism::Plain => plain(client, credentials).await,
        Mechanism::ScramSha256 => scram(client, credentials).await,
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

async fn send_auth(client: &mut Client, mechanism: &str, initial: &str) -> Result<(), ClientError> {
    let initial = BASE64.encode(initial);
    client.send(format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{initial}</auth>").as_bytes()).await
}

/// The next SASL element, which must have this name.
async fn receive_sasl(client: &mut Client, name: &str) -> Result<Element, ClientError> {
    let element = client.receive().await?.root;
    match element.name.as_str() {
        _ if element.namespace != SASL => Err(ClientError::Unexpected),
        found if found == name => Ok(element),
        "failure" => Err(ClientError::NotAuthenticated),
        _ => Err(ClientError::Unexpected),
    }
}

fn decode(element: &Element) -> Result<String, ClientError> {
    let bytes = BASE64.decode(&element.text).map_err(|_| ClientError::Unexpected)?;
    String::from_utf8(bytes).map_err(|_| ClientError::Unexpected)
}
