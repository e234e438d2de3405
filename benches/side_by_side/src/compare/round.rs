//! One proxy's turn: it is started fresh, filled with idle sessions, loaded, and started fresh again for the set-ups.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::report::{Measure, Unit, Value, median};
use super::{Gatekeepers, Options, subdirectory};
use crate::load::{Clients, Message, Session, Traffic};
use crate::proxy::{Place, Process, Proxy};
use crate::tls::Certificates;
use crate::xmpp;

/// How long a proxy may take until it serves its first session.
const START: Duration = Duration::from_secs(10);
/// Between an action and the reading of what it left behind, and before traffic counts.
const SETTLE: Duration = Duration::from_millis(200);

pub struct Round<'a> {
    options: &'a Options,
    certificates: &'a Certificates,
    gatekeepers: &'a Gatekeepers,
    directory: &'a Path,
}

/// A proxy that has served one session, which stays open so that lazy initialisation is not counted.
struct Running {
    process: Process,
    clients: Clients,
    _first: Session,
}

impl Running {
    fn failed(&self, when: &str) -> String {
        format!("{when}\n{}", self.process.last_words())
    }
}

impl<'a> Round<'a> {
    pub fn new(
        options: &'a Options,
        certificates: &'a Certificates,
        gatekeepers: &'a Gatekeepers,
        directory: &'a Path,
    ) -> Self {
        Self { options, certificates, gatekeepers, directory }
    }

    /// Everything that is measured of a proxy, always in the same order. The pump that resumes differs from the other
    /// one in nothing but the set-up with a ticket.
    pub async fn measure(&self, proxy: &Proxy) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        if *proxy != Proxy::resuming_pump() {
            let running = self.start(proxy, self.gatekeepers.without_tickets).await?;
            self.sessions(&running, &mut values).await.with_context(|| running.failed("under load"))?;
            drop(running);

            let running = self.start(proxy, self.gatekeepers.without_tickets).await?;
            self.set_ups(&running, "no upstream ticket", &mut values)
                .await
                .with_context(|| running.failed("at set-up"))?;
        }
        let running = self.start(proxy, self.gatekeepers.with_tickets).await?;
        self.set_ups(&running, "upstream ticket offered", &mut values)
            .await
            .with_context(|| running.failed("at set-up with a ticket"))?;
        Ok(values)
    }

    async fn start(&self, proxy: &Proxy, gatekeeper: SocketAddr) -> Result<Running> {
        let directory = subdirectory(self.directory, &proxy.name)?;
        let place = Place {
            certificates: self.certificates,
            gatekeeper,
            directory: &directory,
            threads: self.options.threads,
        };
        let (mut process, address) = proxy.start(&place)?;
        let clients = Clients { address, config: self.certificates.client(false)? };
        let deadline = Instant::now() + START;
        loop {
            match clients.open().await {
                Ok(first) => return Ok(Running { process, clients, _first: first }),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("it does not serve\n{}", process.last_words())));
                }
                Err(_) => process.ensure_running()?,
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Memory of idle sessions, then the cost of messages over many of them, then over a few.
    async fn sessions(&self, running: &Running, values: &mut Vec<Value>) -> Result<()> {
        let Options { sessions: many, few_sessions: few, .. } = *self.options;
        sleep(SETTLE).await;
        let before = running.process.memory()?;
        let mut sessions = running.clients.open_many(many).await?;
        sleep(SETTLE).await;
        let idle = running.process.memory()?;
        let per_session = |after: u64, before: u64| after.saturating_sub(before) as f64 / many as f64;
        let memory = |name: &str| Measure::new(name.to_owned(), Unit::KiB);
        values.push(Value::new(memory("idle session"), per_session(idle, before)));

        sessions = self.traffic(running, sessions, values).await?;
        sleep(SETTLE).await;
        let used = running.process.memory()?;
        let name = memory("idle session after traffic");
        values.push(Value::new(name, per_session(used, before)));

        let others = sessions.split_off(few.min(many));
        Session::close_all(others).await?;
        sessions = self.traffic(running, sessions, values).await?;
        Session::close_all(sessions).await
    }

    /// All kinds of messages over the given sessions.
    async fn traffic(
        &self,
        running: &Running,
        mut sessions: Vec<Session>,
        values: &mut Vec<Value>,
    ) -> Result<Vec<Session>> {
        for &bytes in &self.options.bytes {
            for &window in &self.options.window {
                let count = sessions.len();
                let name = format!("message of {bytes} B, {count} sessions, window {window}");
                let traffic = Traffic::start(sessions, Message { bytes, window })?;
                let cost = self.cost_per_message(&running.process, &traffic).await.context(name.clone())?;
                sessions = traffic.stop().await.context(name.clone())?;
                values.push(Value::new(Measure::new(name, Unit::Microseconds), cost));
            }
        }
        Ok(sessions)
    }

    /// CPU time of the proxy per echoed message, in microseconds.
    async fn cost_per_message(&self, process: &Process, traffic: &Traffic) -> Result<f64> {
        sleep(SETTLE).await;
        let (time, echoed) = (process.cpu_time()?, traffic.echoed());
        sleep(self.options.traffic_time()).await;
        let (time, echoed) = (process.cpu_time()? - time, traffic.echoed() - echoed);
        anyhow::ensure!(echoed > 0, "no message came back");
        Ok(time.as_secs_f64() * 1e6 / echoed as f64)
    }

    /// Sessions opened one after another; all of them stay open, so that nothing of the closing is counted.
    async fn set_ups(&self, running: &Running, condition: &str, values: &mut Vec<Value>) -> Result<()> {
        let message = xmpp::message(300)?;
        let count = self.options.set_ups;
        let (mut sessions, mut times) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let start = running.process.cpu_time()?;
        for _ in 0..count {
            let (session, time) = running.clients.first_echo(&message).await?;
            sessions.push(session);
            times.push(time.as_secs_f64() * 1e3);
        }
        sleep(SETTLE).await;
        let cost = (running.process.cpu_time()? - start).as_secs_f64() * 1e6 / count as f64;
        let measure = Measure::new(format!("set-up, {condition}"), Unit::Microseconds);
        values.push(Value::new(measure, cost));
        let measure = Measure::new(format!("first echoed byte, {condition}"), Unit::Milliseconds);
        values.push(Value::new(measure, median(&times)));
        Session::close_all(sessions).await
    }
}
