//! Those who take part while they do: who has enlisted, and who is online.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;

use super::ActError;
use super::people::{BOB, HOST, ProviderUser};
use super::stage::{Front, Stage};
use crate::sandbox::client::{
    ApiError, Client, ClientError, Credentials, Enlisting, ProviderAccount, Server,
};
use crate::sandbox::element::Element;
use crate::sandbox::token::{Algorithm, SigningKey};
use crate::stanza::namespace::{CLIENT, PING};

/// A user of the provider whom the gatekeeper knows.
pub struct Enlisted {
    pub user: &'static ProviderUser,
    /// The local part of the user's JID.
    pub internal_id: String,
    /// What opens streams, until it expires or is revoked.
    pub token: String,
    /// The client's own key.
    pub key: SigningKey,
}

/// Somebody with an open stream.
pub struct Online {
    pub name: &'static str,
    /// The full JID.
    pub jid: String,
    pub client: Client,
}

impl Enlisted {
    /// Gets a token that is bound to a new key, and enlists with both.
    pub async fn enlist(stage: &Stage, user: &'static ProviderUser) -> Result<Self, ActError> {
        let failed = |source| ActError::Api { who: user.name, source };
        let key = SigningKey::generate(Algorithm::EdDsa).map_err(|error| failed(error.into()))?;
        let token = token_of(stage, user, &key).await.map_err(failed)?;
        let enlisted = enlisting(stage).enlist(&token, &key).await.map_err(failed)?;
        Ok(Self { user, internal_id: enlisted.internal_id, token, key })
    }

    pub fn bare_jid(&self) -> String {
        format!("{}@{HOST}", self.internal_id)
    }

    pub fn credentials(&self) -> Credentials {
        Credentials {
            account: self.internal_id.clone(),
            password: self.token.clone(),
            mechanism: self.user.mechanism,
        }
    }

    /// The claims of the token, as JSON: what anybody can read who has it.
    pub fn claims(&self) -> Option<serde_json::Value> {
        let claims = BASE64_URL.decode(self.token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&claims).ok()
    }

    /// Connects through Vestibule and proves who it is. What it then binds is the act's part.
    pub async fn connect(&self, front: &Front) -> Result<Client, ActError> {
        connect(front.server(), &self.credentials()).await.map_err(|error| self.user.failed(error))
    }

    /// Connects through Vestibule, binds with `extra` in the request and becomes available.
    pub async fn arrive(&self, front: &Front, extra: &str) -> Result<Online, ActError> {
        let client = self.connect(front).await?;
        Online::arrive(self.user.name, client, self.user.resource, extra).await
    }

    /// The same, from another client, which says here which build it is.
    pub async fn arrive_as(&self, front: &Front, resource: &str) -> Result<Online, ActError> {
        let client = self.connect(front).await?;
        Online::arrive(self.user.name, client, resource, "").await
    }
}

/// A token from the provider, for the gatekeeper, bound to this key.
pub async fn token_of(stage: &Stage, user: &ProviderUser, key: &SigningKey) -> Result<String, ApiError> {
    let account = ProviderAccount {
        issuer: stage.issuer.clone(),
        visible_id: user.visible_id.to_owned(),
        password: user.password.to_owned(),
    };
    Ok(account.token(&stage.caller, HOST, Some(key)).await?.token)
}

/// The gatekeeper's Enlistment API.
pub fn enlisting(stage: &Stage) -> Enlisting {
    Enlisting { api: stage.api(), host: HOST.to_owned(), caller: stage.caller.clone() }
}

impl Online {
    /// Bob, who is connected to the gatekeeper directly.
    pub async fn bob(stage: &Stage) -> Result<Self, ActError> {
        let failed = |source| ActError::Client { who: BOB.name, source };
        let client = connect(&stage.gatekeeper_server()?, &BOB.credentials()).await.map_err(failed)?;
        Self::arrive(BOB.name, client, BOB.resource, "").await
    }

    /// Binds with `extra` in the request, turns stream management on and becomes available.
    async fn arrive(
        name: &'static str,
        mut client: Client,
        resource: &str,
        extra: &str,
    ) -> Result<Self, ActError> {
        let arriving = async {
            let jid = client.bind(resource, extra).await?;
            client.enable_stream_management().await?;
            client.send(b"<presence/>").await?;
            Ok(jid)
        };
        match arriving.await {
            Ok(jid) => Ok(Self { name, jid, client }),
            Err(source) => Err(ActError::Client { who: name, source }),
        }
    }

    pub async fn say(&mut self, stanza: &[u8]) -> Result<(), ActError> {
        self.client.send(stanza).await.map_err(|error| self.failed(error))
    }

    /// The next stanza of which this is true, as it came; others are passed over.
    pub async fn receive(&mut self, wanted: impl Fn(&Element) -> bool) -> Result<Vec<u8>, ActError> {
        match self.client.receive_where(wanted).await {
            Ok(stanza) => Ok(stanza.bytes),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The next message.
    pub async fn hear(&mut self) -> Result<Vec<u8>, ActError> {
        self.receive(|stanza| stanza.is(CLIENT, "message")).await
    }

    /// Waits until the server has answered all that was said before (XEP-0199).
    pub async fn catch_up(&mut self) -> Result<(), ActError> {
        self.say(format!("<iq to='{HOST}' type='get' id='ping'><ping xmlns='{PING}'/></iq>").as_bytes())
            .await?;
        self.receive(|stanza| stanza.attribute("id") == Some("ping")).await.map(drop)
    }

    pub async fn close(self) -> Result<(), ActError> {
        let Self { name, client, .. } = self;
        client.close().await.map_err(|source| ActError::Client { who: name, source })
    }

    pub fn failed(&self, source: ClientError) -> ActError {
        ActError::Client { who: self.name, source }
    }
}

async fn connect(server: &Server, credentials: &Credentials) -> Result<Client, ClientError> {
    let mut client = Client::connect(server).await?;
    client.authenticate(credentials).await?;
    Ok(client)
}
