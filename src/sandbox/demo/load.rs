//! `vestibule demo --load N`: N users enlist, connect through Vestibule and write to each other in a ring, all at once.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::metrics::{Metrics, MetricsError, SESSIONS_ENDED};
use super::people::HOST;
use super::stage::{Front, Policies, Population, Stage, StageError};
use crate::process;
use crate::sandbox::client::{
    ApiError, Client, ClientError, Credentials, Enlisting, Mechanism, ProviderAccount, Server,
};
use crate::sandbox::http::Caller;
use crate::sandbox::provider::Account;
use crate::sandbox::token::{Algorithm, SigningKey};
use crate::stanza::namespace::CLIENT;

/// Messages that each user writes.
const MESSAGES: usize = 10;
/// Users who do the same step at the same time: what is measured is Vestibule, not a rush on this machine.
const AT_ONCE: usize = 64;
/// Failures that are told in words.
const FAILURES_TOLD: usize = 10;
/// How often the progress is told.
const INTERVAL: Duration = Duration::from_millis(200);
/// Client, Vestibule's two sides and the gatekeeper.
const DESCRIPTORS_PER_SESSION: u64 = 4;
/// For the three servers, their calls and the logs.
const OTHER_DESCRIPTORS: u64 = 512;

/// What all of them do at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Enlisting,
    Connecting,
    Writing,
    Leaving,
}

/// How far a step is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub step: Step,
    pub done: usize,
    pub failed: usize,
    pub of: usize,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub struct LoadReport {
    /// Users, each with one session.
    pub sessions: usize,
    /// Those that came.
    pub messages: usize,
    pub steps: Vec<StepReport>,
    /// From one client to the other, in milliseconds: by half of the messages, and by 99 of 100.
    pub median_ms: f64,
    pub p99_ms: f64,
    /// What Vestibule counted.
    pub sessions_counted: u64,
    /// The first failures, in words.
    pub failures: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct StepReport {
    pub step: Step,
    pub seconds: f64,
    pub done: usize,
    pub failed: usize,
}

/// The load could not be put on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error("the limit of open files ({allowed}) is too low for so many sessions: {needed} are needed")]
    Descriptors { allowed: u64, needed: u64 },
}

/// Why one user could not go on.
#[derive(Debug, thiserror::Error)]
enum UserError {
    #[error("over HTTP: {0}")]
    Api(#[from] ApiError),
    #[error("on the stream: {0}")]
    Stream(#[from] ClientError),
}

impl LoadReport {
    /// Whether everybody did everything, every message came, and Vestibule counted every session.
    pub fn all_well(&self) -> bool {
        self.failures.is_empty()
            && self.messages == self.sessions * MESSAGES
            && self.sessions_counted == self.sessions as u64
    }
}

/// Puts `sessions` at a time on Vestibule. `tell` is told how it goes.
pub async fn drive(sessions: usize, tell: &mut impl FnMut(Progress)) -> Result<LoadReport, LoadError> {
    let needed = sessions as u64 * DESCRIPTORS_PER_SESSION + OTHER_DESCRIPTORS;
    let allowed = process::allow_descriptors();
    if allowed < needed {
        return Err(LoadError::Descriptors { allowed, needed });
    }
    let policies = Policies { limits: limits(sessions), ..Policies::default() };
    let population =
        Population { of_provider: (0..sessions).map(account).collect(), of_gatekeeper: Vec::new() };
    let stage = Stage::build(&policies, population, false).await?;
    let front = stage.open_front("default-deny", &policies.default_deny)?;
    let outcome = ring(&stage, &front, sessions, tell).await;
    let counted = Metrics::settled(front.admin, sessions as u64).await;
    // What Vestibule logged is nothing, under this policy.
    let _ = front.end().await;
    Ok(LoadReport { sessions_counted: counted?.count(SESSIONS_ENDED), ..outcome })
}

/// The shipped limits, but for those on an address, as all users have the same one.
fn limits(sessions: usize) -> String {
    let connections = sessions.max(AT_ONCE) * 2;
    format!("connections: {{ at_once: {connections}, per_second: {connections}, burst: {connections} }}\n")
}

/// User `number` writes to the next one, and the last one to the first.
async fn ring(stage: &Stage, front: &Front, sessions: usize, tell: &mut impl FnMut(Progress)) -> LoadReport {
    let mut report = LoadReport {
        sessions,
        messages: 0,
        steps: Vec::new(),
        median_ms: 0.0,
        p99_ms: 0.0,
        sessions_counted: 0,
        failures: Vec::new(),
    };
    let place = Arc::new(Place {
        issuer: stage.issuer.clone(),
        enlisting: Enlisting { api: stage.api(), host: HOST.to_owned(), caller: stage.caller.clone() },
        caller: stage.caller.clone(),
        server: front.server().clone(),
        started: Instant::now(),
    });
    let users: Vec<usize> = (0..sessions).collect();
    let enlisted =
        step(Step::Enlisting, users, AT_ONCE, &mut report, tell, |number| enlist(place.clone(), number));
    let enlisted = enlisted.await;
    let online = step(Step::Connecting, enlisted, AT_ONCE, &mut report, tell, |credentials| {
        connect(place.clone(), credentials)
    });
    let mut online = online.await;
    let jids: Vec<String> = online.iter().map(|(jid, _)| jid.clone()).collect();
    let writers = online.drain(..).enumerate();
    let writers = writers.map(|(at, (_, client))| (jids[(at + 1) % jids.len()].clone(), client)).collect();
    let talked = step(Step::Writing, writers, sessions, &mut report, tell, |(to, client)| {
        write(place.clone(), to, client)
    });
    let (clients, times): (Vec<_>, Vec<_>) = talked.await.into_iter().unzip();
    report.note_messages(times.into_iter().flatten().collect());
    step(Step::Leaving, clients, AT_ONCE, &mut report, tell, |client| async { Ok(client.close().await?) })
        .await;
    report
}

/// Where everything is.
struct Place {
    issuer: String,
    enlisting: Enlisting,
    caller: Caller,
    server: Server,
    started: Instant,
}

fn account(number: usize) -> Account {
    Account { visible_id: format!("user{number}@provider.example"), password: format!("password {number}") }
}

async fn enlist(place: Arc<Place>, number: usize) -> Result<Credentials, UserError> {
    let Account { visible_id, password } = account(number);
    let account = ProviderAccount { issuer: place.issuer.clone(), visible_id, password };
    let key = SigningKey::generate(Algorithm::EdDsa).map_err(ApiError::from)?;
    let token = account.token(&place.caller, HOST, Some(&key)).await?.token;
    let enlisted = place.enlisting.enlist(&token, &key).await?;
    Ok(Credentials { account: enlisted.internal_id, password: token, mechanism: Mechanism::OauthBearer })
}

async fn connect(place: Arc<Place>, credentials: Credentials) -> Result<(String, Client), UserError> {
    let mut client = Client::connect(&place.server).await?;
    client.authenticate(&credentials).await?;
    let jid = client.bind("app-2.4", "").await?;
    client.send(b"<presence/>").await?;
    Ok((jid, client))
}

/// Writes, and reads what the one before writes. Returns how long each message that came had taken.
async fn write(
    place: Arc<Place>,
    to: String,
    mut client: Client,
) -> Result<(Client, Vec<Duration>), UserError> {
    let mut times = Vec::new();
    for _ in 0..MESSAGES {
        let at = place.started.elapsed().as_micros();
        let message = format!("<message to='{to}' type='chat' id='{at}'><body>How are you?</body></message>");
        client.send(message.as_bytes()).await?;
        let heard = client.receive_where(|stanza| stanza.is(CLIENT, "message")).await?;
        let sent =
            heard.root.attribute("id").and_then(|id| id.parse().ok()).ok_or(ClientError::Unexpected)?;
        times.push(place.started.elapsed().saturating_sub(Duration::from_micros(sent)));
    }
    Ok((client, times))
}

/// Has every item taken by `act`, `at_once` at a time, and returns what came of those that did not fail.
async fn step<I, O, F>(
    step: Step,
    items: Vec<I>,
    at_once: usize,
    report: &mut LoadReport,
    tell: &mut impl FnMut(Progress),
    act: impl Fn(I) -> F,
) -> Vec<O>
where
    O: Send + 'static,
    F: Future<Output = Result<O, UserError>> + Send + 'static,
{
    let (began, of) = (Instant::now(), items.len());
    let permits = Arc::new(Semaphore::new(at_once.max(1)));
    let mut failed = 0;
    let mut running = JoinSet::new();
    for (place, item) in items.into_iter().enumerate() {
        let (permits, act) = (permits.clone(), act(item));
        running.spawn(async move {
            // The semaphore is never closed.
            let _permit = permits.acquire_owned().await.ok();
            (place, act.await)
        });
    }
    let mut outcomes = Vec::new();
    let mut told = tokio::time::interval(INTERVAL);
    loop {
        let progress = Progress { step, done: outcomes.len(), failed, of };
        let error = tokio::select! {
            joined = running.join_next() => match joined {
                Some(Ok((place, Ok(outcome)))) => {
                    outcomes.push((place, outcome));
                    continue;
                }
                Some(Ok((_, Err(error)))) => error,
                Some(Err(_)) => ClientError::Unexpected.into(),
                None => break tell(progress),
            },
            _ = told.tick() => {
                tell(progress);
                continue;
            }
        };
        failed += 1;
        if report.failures.len() < FAILURES_TOLD {
            report.failures.push(format!("{step:?}: {error}"));
        }
    }
    report.steps.push(StepReport {
        step,
        seconds: began.elapsed().as_secs_f64(),
        done: outcomes.len(),
        failed,
    });
    outcomes.sort_by_key(|(place, _)| *place);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

impl LoadReport {
    fn note_messages(&mut self, mut times: Vec<Duration>) {
        times.sort_unstable();
        let milliseconds = |share: f64| {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let place = (times.len() as f64 * share) as usize;
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        (self.median_ms, self.p99_ms) = (milliseconds(0.5), milliseconds(0.99));
        self.messages = times.len();
    }
}
