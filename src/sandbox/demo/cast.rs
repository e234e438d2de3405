//! Those who take part while they do: who has enlisted, and who is online.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;

use super::ActError;
use super::ledger::Ledger;
use super::people::{BOB, HOST, ProviderUser};
use super::stage::{Front, Stage};
use super::witness::Witness;
use crate::sandbox::client::encryption::{self, EncryptionError};
use crate::sandbox::client::{
    ApiError, Client, ClientError, Credentials, Enlisting, ProviderAccount, Server,
};
use crate::sandbox::element::Element;
use crate::sandbox::encryption::{Device, EnvelopeError, Opened, Payload};
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
    /// What its client writes and reads with.
    pub device: Device,
    /// The stage's.
    pub ledger: Ledger,
}

/// A message that came, and what its receiver's client read of it.
pub struct Heard {
    pub bytes: Vec<u8>,
    pub opened: Result<Opened, EncryptionError>,
}

impl Heard {
    /// The words in it, if it could be read.
    pub fn words(&self) -> Option<&str> {
        self.opened.as_ref().ok()?.document.payload.words()
    }
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
        let credentials = self.credentials();
        let connecting = connect(front.server(), &credentials, front.witness(), self.user.name);
        let client = connecting.await.map_err(|error| self.user.failed(error))?;
        front.ledger.note_connection(client.transcripts());
        Ok(client)
    }

    /// Connects through Vestibule, binds with `extra` in the request and becomes available.
    pub async fn arrive(&self, front: &Front, extra: &str) -> Result<Online, ActError> {
        let client = self.connect(front).await?;
        Online::arrive(self.user.name, client, self.user.resource, extra, &front.ledger).await
    }

    /// The same, from another client, which says here which build it is.
    pub async fn arrive_as(&self, front: &Front, resource: &str) -> Result<Online, ActError> {
        let client = self.connect(front).await?;
        Online::arrive(self.user.name, client, resource, "", &front.ledger).await
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
        Self::bob_at(stage, BOB.resource).await
    }

    /// Bob with another client of his.
    pub async fn bob_at(stage: &Stage, resource: &str) -> Result<Self, ActError> {
        let failed = |source| ActError::Client { who: BOB.name, source };
        let server = stage.gatekeeper_server()?;
        let client = connect(&server, &BOB.credentials(), &stage.witness, BOB.name).await.map_err(failed)?;
        Self::arrive(BOB.name, client, resource, "", &stage.ledger).await
    }

    /// Binds with `extra` in the request, turns stream management on, publishes its device's keys and becomes available.
    /// It has the device that it had before, if it was here before.
    async fn arrive(
        name: &'static str,
        mut client: Client,
        resource: &str,
        extra: &str,
        ledger: &Ledger,
    ) -> Result<Self, ActError> {
        let failed = |source| ActError::Client { who: name, source };
        let arriving = async {
            let jid = client.bind(resource, extra).await?;
            client.enable_stream_management().await?;
            Ok(jid)
        };
        let jid = arriving.await.map_err(failed)?;
        let account = encryption::bare(&jid).ok_or(failed(ClientError::Unexpected))?;
        let device = match ledger.take(&jid) {
            Some(device) => device,
            None => Device::new(&account).map_err(|error| failed(error.into()))?,
        };
        let mut online = Self { name, jid, client, device, ledger: ledger.clone() };
        let published = encryption::publish(&mut online.client, &mut online.device).await;
        published.map_err(|source| online.cannot_encrypt(source))?;
        online.note();
        online.say(b"<presence/>").await?;
        Ok(online)
    }

    /// Encrypts something for all devices of `to`, and says it. Returns the message.
    pub async fn write(&mut self, to: &str, id: &str, payload: Payload) -> Result<Vec<u8>, ActError> {
        self.ledger.note_said(&payload);
        let sent = encryption::send(&mut self.client, &mut self.device, to, id, payload).await;
        let (message, _) = sent.map_err(|source| self.cannot_encrypt(source))?;
        self.note();
        Ok(message.into_bytes())
    }

    /// Encrypts something for all devices of `to`, a bare JID, and does not say it yet.
    pub async fn seal(&mut self, to: &str, id: &str, payload: Payload) -> Result<String, ActError> {
        self.ledger.note_said(&payload);
        let sealed = encryption::seal(&mut self.client, &mut self.device, to, id, payload).await;
        let sealed = sealed.map_err(|source| self.cannot_encrypt(source))?;
        self.note();
        Ok(sealed.content)
    }

    /// The next message, with what its client reads of it.
    pub async fn read(&mut self) -> Result<Heard, ActError> {
        let message = self.client.receive_where(|stanza| stanza.is(CLIENT, "message")).await;
        let message = message.map_err(|error| self.failed(error))?;
        let opened = encryption::open(&mut self.client, &mut self.device, &message.root).await;
        self.note();
        let opened = opened.unwrap_or(Err(EncryptionError::Envelope(EnvelopeError::Malformed)));
        Ok(Heard { bytes: message.bytes, opened })
    }

    /// Takes its keys back and goes.
    pub async fn withdraw(mut self) -> Result<(), ActError> {
        let withdrawn = encryption::withdraw(&mut self.client, &self.device).await;
        withdrawn.map_err(|source| self.cannot_encrypt(source))?;
        self.close().await
    }

    /// Leaves its device to the client that it comes back with.
    pub fn leave(self) -> Client {
        let Self { jid, client, device, ledger, .. } = self;
        ledger.keep(&jid, device);
        client
    }

    fn note(&self) {
        self.ledger.note_keys(&self.device);
    }

    fn cannot_encrypt(&self, source: EncryptionError) -> ActError {
        ActError::Encryption { who: self.name, source }
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
        let name = self.name;
        self.leave().close().await.map_err(|source| ActError::Client { who: name, source })
    }

    pub fn failed(&self, source: ClientError) -> ActError {
        ActError::Client { who: self.name, source }
    }
}

async fn connect(
    server: &Server,
    credentials: &Credentials,
    witness: &Witness,
    name: &'static str,
) -> Result<Client, ClientError> {
    let mut client = Client::connect(server).await?;
    witness.watch(name, &client);
    client.authenticate(credentials).await?;
    Ok(client)
}
