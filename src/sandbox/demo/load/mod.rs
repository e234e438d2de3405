//! `vestibule demo --load N`: N users enlist, connect through Vestibule and chat, each with the next one and all in
//! groups; some lose their connections in the middle. Vestibule is a process of its own meanwhile, and what it takes of
//! the machine is measured.
//!
//! `plan` says who writes what to whom, `user` is one of them, `front` the process, `usage` and `latency` what is
//! measured, and `report` what comes of it all.

mod front;
mod latency;
mod plan;
mod report;
mod usage;
mod user;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use front::FrontError;
pub use latency::Latency;
pub use plan::{Account, Mix};
pub use report::{LoadReport, ProxyReport, StepReport};
pub use usage::Usage;

use self::front::Front;
use self::latency::Meter;
use self::plan::Plan;
use self::report::Samples;
use self::user::{Done, Online, Place, UserError};
use super::metrics::{Metrics, MetricsError, SESSIONS_ENDED};
use super::people::HOST;
use super::stage::{Policies, Population, Stage, StageError};
use crate::process;
use crate::sandbox::client::{ClientError, Credentials, Enlisting};

/// Users who do the same step at the same time: what is measured is Vestibule, not a rush on this machine.
const AT_ONCE: usize = 64;
/// Messages that all users together write in a second, once all have begun.
const RATE: f64 = 1000.0;
/// Failures that are told in words.
const FAILURES_TOLD: usize = 10;
/// How often the progress is told.
const INTERVAL: Duration = Duration::from_millis(200);
/// Before what Vestibule takes is measured: for what it still has to do.
const REST: Duration = Duration::from_millis(300);
/// Client and gatekeeper are in this process, Vestibule's two sides in another one.
const DESCRIPTORS_PER_SESSION: u64 = 2;
/// For the servers, their calls and the logs, and for connections that are cut.
const OTHER_DESCRIPTORS: u64 = 1024;

/// What load is put on, and by whom.
pub struct LoadOptions {
    /// Users, each with one session.
    pub sessions: usize,
    /// This program, which Vestibule is started with.
    pub program: PathBuf,
    pub mix: Mix,
}

/// What all of them do at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Enlisting,
    Connecting,
    /// Into groups.
    Gathering,
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
    /// Sessions that are open.
    pub sessions: usize,
    /// Messages that have come so far, those that are to come in all, and how many came in the last second or so.
    pub messages: usize,
    pub expected: usize,
    pub per_second: f64,
    /// Of those that have come so far.
    pub latency: Latency,
}

/// The load could not be put on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Front(#[from] FrontError),
    #[error(
        "the limit of open files ({allowed}) is too low for so many sessions: {needed} are needed (`ulimit -n`)"
    )]
    Descriptors { allowed: u64, needed: u64 },
}

/// Puts `sessions` at a time on Vestibule. `tell` is told how it goes.
pub async fn drive(options: &LoadOptions, tell: &mut impl FnMut(Progress)) -> Result<LoadReport, LoadError> {
    let sessions = options.sessions;
    let needed = sessions as u64 * DESCRIPTORS_PER_SESSION + OTHER_DESCRIPTORS;
    let allowed = process::allow_descriptors();
    if allowed < needed {
        return Err(LoadError::Descriptors { allowed, needed });
    }
    let policies = Policies { limits: limits(sessions), ..Policies::default() };
    let population =
        Population { of_provider: (0..sessions).map(user::account).collect(), of_gatekeeper: Vec::new() };
    let stage = Stage::build(&policies, population, false).await?;
    let configuration = stage.configure("default-deny", &policies.default_deny)?;
    let front = Front::start(&options.program, &configuration).await?;
    let mut load = Load::new(&stage, &front, options)?;
    let samples = load.run(&front, options.mix, tell).await?;
    let ended = (sessions + samples.resumptions) as u64;
    let counted = Metrics::settled(front.admin, ended).await?.count(SESSIONS_ENDED);
    front.end().await?;
    Ok(load.report(samples, counted))
}

/// The shipped limits, but for those on an address, as all users have the same one.
fn limits(sessions: usize) -> String {
    let connections = sessions.max(AT_ONCE) * 2;
    format!("connections: {{ at_once: {connections}, per_second: {connections}, burst: {connections} }}\n")
}

/// The users together.
struct Load {
    place: Arc<Place>,
    sessions: usize,
    steps: Vec<StepReport>,
    failures: Vec<String>,
}

impl Load {
    fn new(stage: &Stage, front: &Front, options: &LoadOptions) -> Result<Self, LoadError> {
        let enlisting = Enlisting { api: stage.api(), host: HOST.to_owned(), caller: stage.caller.clone() };
        let place = Place {
            issuer: stage.issuer.clone(),
            enlisting,
            caller: stage.caller.clone(),
            server: stage.front_server(front.address)?,
            started: Instant::now(),
            meter: Arc::new(Meter::default()),
            finished: watch::Sender::new(0),
        };
        Ok(Self {
            place: Arc::new(place),
            sessions: options.sessions,
            steps: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// Everything that the users do, with what Vestibule has taken before and after each part.
    async fn run(
        &mut self,
        front: &Front,
        mix: Mix,
        tell: &mut impl FnMut(Progress),
    ) -> Result<Samples, LoadError> {
        let place = self.place.clone();
        let users: Vec<usize> = (0..self.sessions).collect();
        let enlist = |number| user::enlist(place.clone(), number);
        let enlisted = self.step(Step::Enlisting, users, AT_ONCE, tell, enlist).await;
        let before = front.usage()?;
        let online = self.connect(enlisted, tell).await;
        tokio::time::sleep(REST).await;
        let connected = front.usage()?;
        let plan = Plan { users: online.len(), mix };
        let online = self.gather(online, &plan, tell).await;
        tokio::time::sleep(REST).await;
        let height = front.usage()?;
        let held = Metrics::fetch(front.admin).await?.count("vestibule_sessions_open");
        let done = self.converse(online, plan, tell).await;
        tokio::time::sleep(REST).await;
        let busy = front.usage()?;
        let accounts = self.step(Step::Leaving, done, AT_ONCE, tell, user::leave).await;
        tokio::time::sleep(REST).await;
        let after = front.usage()?;
        let mut messages = Account::default();
        accounts.into_iter().for_each(|account| messages.add(account));
        let resumptions = place.meter.resumptions();
        Ok(Samples { plan, before, connected, height, busy, after, held, resumptions, messages })
    }

    async fn connect(&mut self, enlisted: Vec<Credentials>, tell: &mut impl FnMut(Progress)) -> Vec<Online> {
        let place = self.place.clone();
        let numbered = enlisted.into_iter().enumerate().collect();
        let connect = |(number, credentials)| user::connect(place.clone(), number, credentials);
        let mut online = self.step(Step::Connecting, numbered, AT_ONCE, tell, connect).await;
        // Who could not connect leaves no gap.
        online.iter_mut().enumerate().for_each(|(number, user)| user.number = number);
        online
    }

    async fn gather(
        &mut self,
        online: Vec<Online>,
        plan: &Plan,
        tell: &mut impl FnMut(Progress),
    ) -> Vec<Online> {
        let mut users = online.into_iter();
        let groups: Vec<Vec<Online>> =
            (0..plan.groups()).map(|group| users.by_ref().take(plan.group(group).len()).collect()).collect();
        self.step(Step::Gathering, groups, AT_ONCE, tell, user::gather).await.into_iter().flatten().collect()
    }

    async fn converse(
        &mut self,
        online: Vec<Online>,
        plan: Plan,
        tell: &mut impl FnMut(Progress),
    ) -> Vec<Done> {
        let place = self.place.clone();
        // Who could not be gathered does not finish either; whoever waits for them gives up in time.
        place.finished.send_modify(|finished| *finished += plan.users - online.len());
        place.meter.expect((0..plan.users).map(|user| plan.ledger(user).account().expected).sum());
        let mut jids = vec![String::new(); plan.users];
        for user in &online {
            jids[user.number].clone_from(&user.jid);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let pace = Duration::from_secs_f64(plan.users as f64 / RATE);
        let converse = |user: Online| {
            let to = jids[plan.next(user.number)].clone();
            user::converse(place.clone(), plan, pace, to, user)
        };
        let all = online.len();
        self.step(Step::Writing, online, all, tell, converse).await
    }

    /// Has every item taken by `act`, `at_once` at a time, and returns what came of those that did not fail.
    async fn step<I, O, F>(
        &mut self,
        step: Step,
        items: Vec<I>,
        at_once: usize,
        tell: &mut impl FnMut(Progress),
        act: impl Fn(I) -> F,
    ) -> Vec<O>
    where
        O: Send + 'static,
        F: Future<Output = Result<O, UserError>> + Send + 'static,
    {
        let (began, of) = (Instant::now(), items.len());
        let permits = Arc::new(Semaphore::new(at_once.max(1)));
        let mut running = JoinSet::new();
        for (place, item) in items.into_iter().enumerate() {
            let (permits, act) = (permits.clone(), act(item));
            running.spawn(async move {
                // The semaphore is never closed.
                let _permit = permits.acquire_owned().await.ok();
                (place, act.await)
            });
        }
        let (mut outcomes, mut failed) = (Vec::new(), 0);
        let mut pulse = Pulse::new(&self.place.meter);
        let mut told = tokio::time::interval(INTERVAL);
        loop {
            let error = tokio::select! {
                joined = running.join_next() => match joined {
                    Some(Ok((place, Ok(outcome)))) => {
                        outcomes.push((place, outcome));
                        continue;
                    }
                    Some(Ok((_, Err(error)))) => error,
                    Some(Err(_)) => ClientError::Unexpected.into(),
                    None => break,
                },
                _ = told.tick() => {
                    // The end is told below.
                    if outcomes.len() + failed < of {
                        tell(pulse.progress(step, outcomes.len(), failed, of));
                    }
                    continue;
                }
            };
            failed += 1;
            if self.failures.len() < FAILURES_TOLD {
                self.failures.push(format!("{step:?}: {error}"));
            }
        }
        tell(pulse.progress(step, outcomes.len(), failed, of));
        let seconds = began.elapsed().as_secs_f64();
        self.steps.push(StepReport { step, seconds, done: outcomes.len(), failed });
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn report(self, samples: Samples, counted: u64) -> LoadReport {
        LoadReport::new(self.sessions, samples, &self.place.meter, counted, self.steps, self.failures)
    }
}

/// What is told again and again while a step goes on.
struct Pulse<'m> {
    meter: &'m Meter,
    since: Instant,
    messages: usize,
    /// Until the first second is over, what is told is of a part of it.
    is_first: bool,
    per_second: f64,
}

impl<'m> Pulse<'m> {
    fn new(meter: &'m Meter) -> Self {
        Self { meter, since: Instant::now(), messages: meter.messages(), is_first: true, per_second: 0.0 }
    }

    fn progress(&mut self, step: Step, done: usize, failed: usize, of: usize) -> Progress {
        let (messages, elapsed) = (self.meter.messages(), self.since.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let per_second = messages.saturating_sub(self.messages) as f64 / elapsed.as_secs_f64().max(0.001);
        let is_over = elapsed >= Duration::from_secs(1);
        if is_over || self.is_first {
            self.per_second = per_second;
        }
        if is_over {
            (self.since, self.messages, self.is_first) = (Instant::now(), messages, false);
        }
        Progress {
            step,
            done,
            failed,
            of,
            sessions: self.meter.sessions(),
            messages,
            expected: self.meter.expected(),
            per_second: self.per_second,
            latency: self.meter.latency(),
        }
    }
}
