//! One provider: what it published, and the calls to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::keys::{Known, Step};
use super::publication::{Issuer, Publication};
use super::{ProviderError, Refusal, Subject};
use crate::sandbox::gatekeeper::ProviderConfig;
use crate::sandbox::http::{CallError, Caller, Credential, Patience};
use crate::sandbox::token::{Audience, Claims, Confirmation, Expected, over, verify};

/// Calls to one provider that are under way at the same time, so that a slow one only stops its own users.
const CALLS: usize = 64;
/// By which it says to providers who calls.
const AGENT: &str = "gatekeeper";
/// How long a call waits for others to end before it begins.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// An agreement with a provider, and what is known of it.
pub struct Provider {
    caller: Caller,
    issuer: Issuer,
    /// What is shown to it, and what it shows.
    credential: String,
    shown: Credential,
    calls: Semaphore,
    known: Arc<Mutex<Known>>,
    /// Who holds this, fetches.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

/// RFC 7662, section 2.1.
#[derive(Serialize)]
struct Question<'a> {
    token: &'a str,
}

/// RFC 7662, section 2.2.
#[derive(Deserialize)]
struct Answer {
    active: bool,
    iss: Option<String>,
    sub: Option<String>,
    jti: Option<String>,
    exp: Option<u64>,
    aud: Option<Audience>,
    cnf: Option<Confirmation>,
}

impl Answer {
    /// Whether it is about the same user, which it has to say, and says nothing else than the token, as far as it goes.
    fn confirms(&self, subject: &Subject, audience: &str) -> bool {
        let Subject { issuer, visible_id, token_id, expires, key } = subject;
        self.iss.as_ref() == Some(issuer)
            && self.sub.as_ref() == Some(visible_id)
            && self.jti.as_ref().is_none_or(|jti| jti == token_id)
            && self.exp.is_none_or(|exp| over(exp) == *expires)
            && self.aud.as_ref().is_none_or(|aud| aud.includes(audience))
            && self.cnf.as_ref().is_none_or(|cnf| Some(&cnf.jkt) == key.as_ref())
    }
}

#[derive(Serialize)]
struct Push<'a> {
    visible_id: &'a str,
}

impl Provider {
    pub fn new(config: ProviderConfig, patience: Patience) -> Result<Self, ProviderError> {
        let ProviderConfig { issuer, credential, tls } = config;
        Ok(Self {
            caller: Caller::named(AGENT, &tls, patience).map_err(|_| ProviderError::Tls)?,
            issuer: Issuer::new(&issuer)?,
            shown: Credential::new(&credential),
            credential,
            calls: Semaphore::new(CALLS),
            known: Arc::default(),
            fetching: Arc::default(),
        })
    }

    pub fn has(&self, credential: &str) -> bool {
        self.shown.matches(credential)
    }

    /// What the token says, if this provider has signed it and it is good by itself.
    pub async fn verify(
        &self,
        token: &str,
        key_id: &str,
        expected: Expected<'_>,
        now: SystemTime,
    ) -> Result<Claims, Refusal> {
        let published = self.published(Some(key_id)).await?;
        Ok(verify(token, &published.keys, expected, now)?)
    }

    /// Has the provider say that the token is still good (RFC 7662), and that it means the same by it. `audience` is the
    /// gatekeeper's domain.
    pub async fn confirm(&self, token: &str, subject: &Subject, audience: &str) -> Result<(), Refusal> {
        let url = self.published(None).await?.introspection.clone();
        let question = self.caller.client().post(url).bearer_auth(&self.credential).form(&Question { token });
        let _permit = self.permit().await?;
        let answer: Answer = self.caller.ask(question).await?;
        if !answer.active {
            return Err(Refusal::Revoked);
        }
        if answer.confirms(subject, audience) { Ok(()) } else { Err(CallError::Unexpected.into()) }
    }

    /// Asks the provider to wake a user. What waits for the user is not told.
    pub async fn wake(&self, visible_id: &str) -> Result<(), CallError> {
        let url = self.published(None).await?.push.clone();
        let push = self.caller.client().post(url).bearer_auth(&self.credential).json(&Push { visible_id });
        let _permit = self.permit().await?;
        self.caller.order(push).await
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, CallError> {
        let permit = tokio::time::timeout(QUEUE_TIMEOUT, self.calls.acquire()).await;
        // The semaphore is never closed.
        permit.map_err(|_| CallError::TimedOut)?.map_err(|_| CallError::Unreachable)
    }

    /// What the provider publishes, with this key if it can be had.
    async fn published(&self, key_id: Option<&str>) -> Result<Arc<Publication>, CallError> {
        let asked = Instant::now();
        let step = || lock(&self.known).step(key_id, asked, Instant::now());
        match step() {
            Step::Fetch(_) => {}
            Step::Settle(settled) => return settled,
        }
        let fetching = self.fetching.clone().lock_owned().await;
        let reason = match step() {
            Step::Fetch(reason) => reason,
            // Somebody else has fetched meanwhile.
            Step::Settle(settled) => return settled,
        };
        let (known, caller, issuer) = (self.known.clone(), self.caller.clone(), self.issuer.clone());
        // A task of its own: the fetch is for all, also when who began it goes away.
        let fetch = tokio::spawn(async move {
            let fetched = issuer.fetch(&caller).await;
            lock(&known).end(reason, fetched, Instant::now());
            drop(fetching);
        });
        fetch.await.map_err(|_| CallError::Unreachable)?;
        lock(&self.known).settle(key_id, Instant::now())
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
