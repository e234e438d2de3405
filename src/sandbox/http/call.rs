//! Calls to another party's HTTP interface: in bounded time, and repeated where that can help.

use std::error::Error;
use std::time::Duration;
use std::{io, iter};

use reqwest::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;

use crate::sandbox::random;

/// Names a call, so that the other party does once what it is asked twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Of an answer, in bytes.
const LARGEST_ANSWER: usize = 256 * 1024;

/// How long a call is tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one attempt, from connecting to the answer's last byte.
    pub attempt: Duration,
    /// Attempts in all, at least one.
    pub attempts: u32,
    /// Before the second attempt; twice as long before each that follows, less up to a half of it by chance.
    pub pause: Duration,
}

impl Default for Patience {
    /// At most some seven seconds in all.
    fn default() -> Self {
        Self { attempt: Duration::from_secs(2), attempts: 3, pause: Duration::from_millis(200) }
    }
}

/// Why a call had no use. It never holds what the other party said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("it cannot be reached, or the connection was cut")]
    Unreachable,
    #[error("its certificate is not trusted, or is for another name")]
    Certificate,
    #[error("it did not answer in time")]
    TimedOut,
    #[error("it answered with the status {0}")]
    Status(u16),
    #[error("its answer is too large or is not what was asked for")]
    Unexpected,
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        failure(error)
    }
}

/// What was answered, a refusal included.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Calls other parties.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    patience: Patience,
}

impl Caller {
    /// Calls with this TLS, which says whom to trust.
    pub fn new(tls: &ClientConfig, patience: Patience) -> Result<Self, CallError> {
        Self::named("vestibule-sandbox", tls, patience)
    }

    /// The same, and says to everybody who calls (RFC 9110, section 10.1.5).
    pub fn named(agent: &'static str, tls: &ClientConfig, patience: Patience) -> Result<Self, CallError> {
        let mut tls = tls.clone();
        tls.alpn_protocols.clear();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(true)
            // The parties are on this machine or have an agreement: what the environment says of proxies is not for them.
            .no_proxy()
            .timeout(patience.attempt)
            .user_agent(HeaderValue::from_static(agent))
            .build()
            .map_err(|_| CallError::Unexpected)?;
        Ok(Self { client, patience })
    }

    /// What asks; the paths are the caller's.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The answer to a request that is made only once.
    pub async fn attempt(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let mut response = request.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: read_body(&mut response).await? })
    }

    /// The JSON that answers a request which may be made again without harm.
    pub async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        Ok(self.fetch(request).await?.0)
    }

    /// The same, with the time for which the answer may be kept, if it says so (RFC 9111, section 5.2.2.1).
    pub async fn fetch<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<(T, Option<Duration>), CallError> {
        let Success { body, max_age } = self.call(request).await?;
        Ok((serde_json::from_slice(&body).map_err(|_| CallError::Unexpected)?, max_age))
    }

    /// Has something done once, however often it has to be asked for.
    pub async fn order(&self, request: RequestBuilder) -> Result<(), CallError> {
        let key = random::token().map_err(|_| CallError::Unexpected)?;
        // A Structured Field string, as the draft has it.
        let key = HeaderValue::try_from(format!("\"{key}\"")).map_err(|_| CallError::Unexpected)?;
        self.call(request.header(IDEMPOTENCY_KEY, key)).await.map(drop)
    }

    async fn call(&self, request: RequestBuilder) -> Result<Success, CallError> {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts {
            let attempt = request.try_clone().ok_or(CallError::Unexpected)?;
            match answer(attempt).await {
                Err(error) if error.may_pass() => {}
                settled => return settled,
            }
            tokio::time::sleep(less_by_chance(pause)).await;
            pause *= 2;
        }
        answer(request).await
    }
}

impl CallError {
    /// Whether the same call may succeed a little later.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut => true,
            Self::Status(status) => status >= 500 || status == StatusCode::TOO_MANY_REQUESTS.as_u16(),
            Self::Certificate | Self::Unexpected => false,
        }
    }
}

/// An answer that is no refusal.
struct Success {
    body: Vec<u8>,
    max_age: Option<Duration>,
}

async fn answer(request: RequestBuilder) -> Result<Success, CallError> {
    let mut response = request.send().await.map_err(failure)?;
    if !response.status().is_success() {
        return Err(CallError::Status(response.status().as_u16()));
    }
    let max_age = max_age(response.headers());
    Ok(Success { body: read_body(&mut response).await?, max_age })
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(CACHE_CONTROL)?.to_str().ok()?.split(',');
    let seconds = directives.filter_map(|directive| directive.trim().strip_prefix("max-age=")).next()?;
    seconds.parse().ok().map(Duration::from_secs)
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(CallError::Unexpected);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn failure(error: reqwest::Error) -> CallError {
    if error.is_timeout() {
        CallError::TimedOut
    } else if is_of_certificate(&error) {
        CallError::Certificate
    } else {
        CallError::Unreachable
    }
}

/// Whether TLS has refused the other party's certificate, which stands somewhere below what the HTTP library tells.
fn is_of_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |&error| cause(error));
    causes.any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// What an error was made of. An I/O error has as its source not what it holds, but the source of that.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

/// Those who failed together should not all come back together.
fn less_by_chance(pause: Duration) -> Duration {
    let [chance] = random::bytes().unwrap_or([0]);
    pause - pause * u32::from(chance) / 512
}
