//! A provider's client with all that it needs before it opens a stream: its key, tokens, and its enlistment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::{
    ApiError, Client, ClientError, Credentials, Enlisted, Enlisting, Mechanism, ProviderAccount, Resumption,
    Server, Token,
};
use crate::sandbox::config::{ClientSetup, GatekeeperOfClient, ServerOfClient};
use crate::sandbox::encryption::{Device, SavedError};
use crate::sandbox::files::{self, FileError};
use crate::sandbox::http::{CallError, Caller, Patience};
use crate::sandbox::token::{Algorithm, KeyError, SigningKey};

/// For one request: a gatekeeper may have to ask a provider for its keys, and then about a token.
const PATIENCE: Patience = Patience { attempt: Duration::from_secs(30), attempts: 1, pause: Duration::ZERO };

/// Bytes of a saved device: sessions with all that one can know have some hundred kilobytes.
const LARGEST_DEVICE: u64 = 16 << 20;

/// Why a client did not get as far as a stream.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    #[error("the file of the client's key cannot be used: {0}")]
    KeyFile(FileError),
    #[error("the client's key is of no use")]
    Key(#[from] KeyError),
    #[error("the file of the client's device cannot be used: {0}")]
    DeviceFile(FileError),
    #[error("the file of the client's device holds none: {0}")]
    Device(#[from] SavedError),
    #[error("HTTP cannot be used")]
    Http(#[from] CallError),
    #[error("the provider: {0}")]
    Provider(ApiError),
    #[error("the gatekeeper's Enlistment API: {0}")]
    Enlistment(ApiError),
    #[error("the name of the server has no address")]
    NoAddress,
    #[error(transparent)]
    Client(#[from] ClientError),
}

pub struct Participant {
    account: ProviderAccount,
    provider: Caller,
    enlisting: Enlisting,
    server: ServerOfClient,
    resource: String,
    key: SigningKey,
    device_file: PathBuf,
}

impl Participant {
    /// Reads the client's key, or makes one and keeps it.
    pub fn new(setup: ClientSetup) -> Result<Self, ParticipantError> {
        let ClientSetup { account, provider_tls, gatekeeper, server, resource, key_file, device_file } =
            setup;
        let GatekeeperOfClient { host, api, tls } = gatekeeper;
        let caller = Caller::new(&tls, PATIENCE)?;
        Ok(Self {
            account,
            provider: Caller::new(&provider_tls, PATIENCE)?,
            enlisting: Enlisting { api, host, caller },
            server,
            resource: resource.unwrap_or_default(),
            key: key(&key_file)?,
            device_file,
        })
    }

    /// A token for the gatekeeper, bound to the client's key.
    pub async fn token(&self) -> Result<Token, ParticipantError> {
        let token = self.account.token(&self.provider, &self.enlisting.host, Some(&self.key)).await;
        token.map_err(ParticipantError::Provider)
    }

    /// The user's enlistment. Asked again, the gatekeeper answers with the same one; and one that was opted out of, or
    /// that a gatekeeper has forgotten, is there again.
    pub async fn enlist(&self, token: &Token) -> Result<Enlisted, ParticipantError> {
        let enlisted = self.enlisting.enlist(&token.token, &self.key).await;
        enlisted.map_err(ParticipantError::Enlistment)
    }

    /// Opens a stream and binds a resource. Returns the full JID with it.
    pub async fn connect(&self) -> Result<(Client, String), ParticipantError> {
        let token = self.token().await?;
        let enlisted = self.enlist(&token).await?;
        let mut client = Client::connect(&self.server().await?).await?;
        client.authenticate(&credentials(enlisted.internal_id, token)).await?;
        let jid = client.bind(&self.resource, "").await?;
        if client.offers_stream_management() {
            client.enable_stream_management().await?;
        }
        Ok((client, jid))
    }

    /// Goes on with a session on a new stream.
    pub async fn resume(&self, resumption: &Resumption) -> Result<Client, ParticipantError> {
        // OAUTHBEARER names no account: the token does.
        let credentials = credentials(String::new(), self.token().await?);
        Ok(Client::resume(&self.server().await?, &credentials, resumption).await?)
    }

    /// What the client encrypts with as the user of this address: the device that it had the last time, or a new one.
    pub fn device(&self, account: &str) -> Result<Device, ParticipantError> {
        let saved = files::read_at_most(&self.device_file, LARGEST_DEVICE);
        let saved = saved.map_err(ParticipantError::DeviceFile)?.map(Zeroizing::new);
        let device = saved.map(|saved| Device::restore(saved.as_bytes())).transpose()?;
        match device.filter(|device| device.account() == account) {
            Some(device) => Ok(device),
            None => Ok(Device::new(account).map_err(ClientError::from)?),
        }
    }

    /// Keeps the device for the next time.
    pub fn keep(&self, device: &Device) -> Result<(), ParticipantError> {
        let kept = files::replace_secret(&self.device_file, &device.save()?);
        kept.map_err(|error| ParticipantError::DeviceFile(error.into()))
    }

    async fn server(&self) -> Result<Server, ParticipantError> {
        let ServerOfClient { address, name, tls } = &self.server;
        let mut addresses = tokio::net::lookup_host((address.host.as_str(), address.port))
            .await
            .map_err(|_| ParticipantError::NoAddress)?;
        Ok(Server {
            address: addresses.next().ok_or(ParticipantError::NoAddress)?,
            name: name.clone(),
            host: self.enlisting.host.clone(),
            tls: tls.clone(),
        })
    }
}

impl ParticipantError {
    /// Whether the same may succeed a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Provider(error) | Self::Enlistment(error) => error.may_pass(),
            Self::Client(error) => error.may_pass(),
            Self::NoAddress => true,
            Self::KeyFile(_) | Self::Key(_) | Self::DeviceFile(_) | Self::Device(_) | Self::Http(_) => false,
        }
    }
}

fn credentials(account: String, token: Token) -> Credentials {
    Credentials { account, password: token.token, mechanism: Mechanism::OauthBearer }
}

/// The key that the file holds, or a new one, which it holds from now on.
fn key(file: &Path) -> Result<SigningKey, ParticipantError> {
    if let Some(pem) = files::read_if_there(file).map_err(ParticipantError::KeyFile)? {
        return Ok(SigningKey::from_pem(&pem)?);
    }
    let key = SigningKey::generate(Algorithm::default())?;
    files::write_new_secret(file, &key.to_pem()).map_err(|error| ParticipantError::KeyFile(error.into()))?;
    Ok(key)
}
