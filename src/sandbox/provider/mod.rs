//! A provider: accounts with visible identifiers, signed tokens with published keys, a place for pushes and one for media.
//!
//! All of it is in memory. What it can be asked over HTTP is described in `docs/openapi/provider.yaml`; formats that no
//! RFC has are the sandbox's own choice.
//!
//! The way of a token: `accounts` says that it is the user who asks, `tokens` issues it, `keys` signs it, and a
//! gatekeeper asks `tokens` whether it is still good.

mod accounts;
mod api;
mod keys;
mod pushes;
mod recent;
mod refusal;
mod tokens;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use pushes::Push;

use self::accounts::Accounts;
use self::keys::KeyRing;
use self::pushes::Pushes;
use self::tokens::Tokens;
use super::certificates::{CertificateError, Identity};
use super::http::{Credential, HasOperator, Served, Server, base_url};
use super::limits::{LONGEST_TEXT, LONGEST_TIME, SHORTEST_TIME, is_name};
use super::media;
use super::random::RandomError;
use super::token::{Algorithm, KeyError, seconds_since_epoch};

/// What a provider serves.
pub struct Config {
    /// Its issuer URL: `https`, without a slash at its end. What it serves is below it.
    pub issuer: String,
    pub accounts: Vec<Account>,
    /// Those that it has agreements with.
    pub gatekeepers: Vec<GatekeeperAccess>,
    /// What tokens are signed with.
    pub algorithm: Algorithm,
    /// How long a token is good: a second to thirty days, in whole seconds.
    pub token_lifetime: Duration,
    /// How long a key signs, a second to thirty days; without, until it is rotated by hand.
    pub rotation: Option<Duration>,
    /// What an operator shows as `Authorization: Bearer`; nobody can be one without.
    pub operator: Option<String>,
    /// How much media is kept, and how long.
    pub media: media::Limits,
}

impl Config {
    /// A provider at this URL that knows nobody. Its tokens are good for an hour.
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            accounts: Vec::new(),
            gatekeepers: Vec::new(),
            algorithm: Algorithm::default(),
            token_lifetime: Duration::from_secs(60 * 60),
            rotation: None,
            operator: None,
            media: media::Limits::default(),
        }
    }

    fn check(&self) -> Result<(), StartError> {
        if base_url(&self.issuer).is_none() {
            return Err(StartError::Issuer);
        }
        let times = [Some(self.token_lifetime), self.rotation];
        if times.into_iter().flatten().any(|time| !(SHORTEST_TIME..=LONGEST_TIME).contains(&time)) {
            return Err(StartError::Times);
        }
        let names: BTreeSet<_> = self.accounts.iter().map(|account| &account.visible_id).collect();
        let is_password = |text: &str| (1..=LONGEST_TEXT).contains(&text.chars().count());
        let fits = |account: &Account| is_name(&account.visible_id) && is_password(&account.password);
        if names.len() < self.accounts.len() || !self.accounts.iter().all(fits) {
            return Err(StartError::Accounts);
        }
        Ok(())
    }
}

/// One user.
pub struct Account {
    /// By which other users know this one, as `ann@provider.example`.
    pub visible_id: String,
    pub password: String,
}

/// An agreement with a gatekeeper.
pub struct GatekeeperAccess {
    /// The gatekeeper's domain, which is the audience of tokens.
    pub audience: String,
    /// What the gatekeeper shows as `Authorization: Bearer`.
    pub credential: String,
}

/// The provider could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the issuer has to be an https URL without a slash at its end, a query and a fragment")]
    Issuer,
    #[error("tokens and keys have to live for a second at least and for thirty days at most")]
    Times,
    #[error(
        "accounts need a visible identifier of their own and a password, of 1 to {LONGEST_TEXT} characters each, and \
         no control characters in the visible identifier"
    )]
    Accounts,
    #[error("the provider cannot listen")]
    Listen(#[from] std::io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A running provider. Dropping it ends it.
pub struct Provider {
    server: Server,
    shared: Arc<Shared>,
    rotating: Option<JoinHandle<()>>,
}

/// What all requests share.
struct Shared {
    accounts: Accounts,
    tokens: Tokens,
    pushes: Pushes,
    media: Arc<media::Store>,
    gatekeepers: Vec<KnownGatekeeper>,
    operator: Option<Credential>,
}

impl HasOperator for Shared {
    fn operator(&self) -> Option<&Credential> {
        self.operator.as_ref()
    }
}

struct KnownGatekeeper {
    audience: String,
    credential: Credential,
}

impl Provider {
    /// Serves in tasks of the current runtime. Takes a millisecond or two for each account, as their passwords are
    /// hashed.
    pub fn start(config: Config, listener: TcpListener, identity: &Identity) -> Result<Self, StartError> {
        config.check()?;
        let rotation = config.rotation;
        let shared = Arc::new(Shared::new(config)?);
        let server = Server::start(listener, identity.server_config()?, api::router(&shared))?;
        let rotating = rotation.map(|interval| tokio::spawn(rotate(shared.clone(), interval)));
        Ok(Self { server, shared, rotating })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The first calls that it has answered.
    pub fn served(&self) -> Vec<Served> {
        self.server.served()
    }

    /// The pushes that came, the oldest first; of each user the latest 64.
    pub fn pushes(&self) -> Vec<Push> {
        self.shared.pushes.all()
    }

    /// The oldest push of this user that no call of this has returned yet. Waits until there is one.
    pub async fn push_for(&self, visible_id: &str) -> Push {
        self.shared.pushes.next(visible_id).await
    }

    /// Signs with a new key from now on. The old one stays published until its last token has expired.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        self.shared.tokens.keys.rotate(seconds_since_epoch(SystemTime::now()))
    }

    /// Ends an account, with its tokens and its media. `false` if there is none of this name.
    pub fn delete_account(&self, visible_id: &str) -> bool {
        let was_there = self.shared.accounts.remove(visible_id);
        self.shared.tokens.revoke_all(visible_id, SystemTime::now());
        self.shared.media.forget(visible_id);
        was_there
    }

    /// The media of its users, as they are stored.
    pub fn media(&self) -> &media::Store {
        &self.shared.media
    }

    /// Revokes all good tokens of a user, and says how many there were.
    pub fn revoke_tokens_of(&self, visible_id: &str) -> usize {
        self.shared.tokens.revoke_all(visible_id, SystemTime::now())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(rotating) = &self.rotating {
            rotating.abort();
        }
    }
}

impl Shared {
    fn new(config: Config) -> Result<Self, StartError> {
        let known = |GatekeeperAccess { audience, credential }| {
            let credential = Credential::new(&credential);
            KnownGatekeeper { audience, credential }
        };
        Ok(Self {
            accounts: Accounts::new(config.accounts)?,
            tokens: Tokens::new(config.issuer, config.token_lifetime, KeyRing::new(config.algorithm)?),
            pushes: Pushes::default(),
            media: media::Store::new(config.media),
            gatekeepers: config.gatekeepers.into_iter().map(known).collect(),
            operator: config.operator.as_deref().map(Credential::new),
        })
    }
}

/// Rotates until the task is aborted.
async fn rotate(shared: Arc<Shared>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        // If there is no new key now, the old one goes on, and the next time there may be one.
        let _ = shared.tokens.keys.rotate(seconds_since_epoch(SystemTime::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Config)) -> Option<String> {
        let mut config = Config::new("https://provider.example");
        change(&mut config);
        config.check().err().map(|error| error.to_string())
    }

    #[test]
    fn only_an_https_url_to_build_on_can_be_the_issuer() {
        assert_eq!(refusal(|_| ()), None);
        for issuer in ["", "https://", "http://a.example", "https://a.example/", "https://a.example?b", "a"] {
            let refused = refusal(|config| config.issuer = issuer.to_owned());
            assert_eq!(refused, Some(StartError::Issuer.to_string()), "{issuer}");
        }
    }

    #[test]
    fn times_are_bounded() {
        for time in [Duration::ZERO, Duration::from_millis(999), LONGEST_TIME + SHORTEST_TIME] {
            assert_eq!(refusal(|config| config.token_lifetime = time), Some(StartError::Times.to_string()));
            assert_eq!(refusal(|config| config.rotation = Some(time)), Some(StartError::Times.to_string()));
        }
    }

    #[test]
    fn accounts_are_told_apart_and_can_be_named_in_a_request() {
        let account =
            |visible_id: &str| Account { visible_id: visible_id.to_owned(), password: "a".to_owned() };
        assert_eq!(refusal(|config| config.accounts = vec![account("a"), account("b")]), None);
        let of_wrong_names = ["", &"a".repeat(321), "a\u{1}"].map(|name| vec![account(name)]);
        for accounts in of_wrong_names.into_iter().chain([vec![account("a"), account("a")]]) {
            let refused = refusal(|config| config.accounts = accounts);
            assert_eq!(refused, Some(StartError::Accounts.to_string()));
        }
    }
}
