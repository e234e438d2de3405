//! The comparison: rounds in which every proxy is measured in turn, and a report of medians.
//!
//! The machine is seldom quiet. So what is compared is CPU time and memory of the proxies' processes, not throughput;
//! the proxies take turns, and ratios are taken within a round, between neighbours in time.

mod machine;
mod report;
mod round;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::echo;
use crate::proxy::{Proxy, free_address};
use crate::tls::{CIPHER_SUITE, Certificates, Tickets};
use machine::Machine;
use report::Report;
use round::Round;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How often each proxy is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of traffic for each kind of message, in each round
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Sessions in the runs with many sessions, and of the memory measure
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Sessions in the runs with few sessions
    #[arg(long, default_value_t = 16)]
    few_sessions: usize,
    /// Sessions that are opened one after another to measure set-up
    #[arg(long, default_value_t = 200)]
    set_ups: usize,
    /// Messages of one session on their way at the same time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16])]
    window: Vec<usize>,
    /// Message sizes in bytes
    #[arg(long, value_delimiter = ',', default_values_t = [300, 4096])]
    bytes: Vec<usize>,
    /// Threads, or worker processes, of each proxy
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// One short round with few sessions: shows that everything runs; its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Print JSON, with every round's values
    #[arg(long)]
    json: bool,
    /// Measure only the proxies of these names
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A binary of Vestibule and the name to show for it; several can be given
    #[arg(long = "vestibule", value_name = "NAME=PATH")]
    vestibules: Vec<Proxy>,
}

/// The gatekeepers of a run.
struct Gatekeepers {
    /// Hands out no ticket: every upstream handshake is a full one, whatever a proxy would do with a ticket.
    without_tickets: SocketAddr,
    with_tickets: SocketAddr,
}

/// Runs all rounds and prints the report.
pub async fn compare(options: Options) -> Result<()> {
    let options = if options.quick { options.shortened() } else { options };
    let directory = tempfile::tempdir()?;
    let certificates = Certificates::create(directory.path())?;
    let gatekeepers = Gatekeepers {
        without_tickets: start_gatekeeper(&certificates, Tickets::None)?,
        with_tickets: start_gatekeeper(&certificates, Tickets::One)?,
    };
    let mut report = Report::new(Machine::read()?, CIPHER_SUITE);
    for number in 1..=options.rounds {
        for proxy in options.proxies() {
            eprintln!("round {number} of {}: {}", options.rounds, proxy.name);
            let round = Round::new(&options, &certificates, &gatekeepers, directory.path());
            let values = round.measure(&proxy).await.with_context(|| proxy.name.clone())?;
            report.add(&proxy.name, values);
        }
    }
    if options.json { report.print_json() } else { report.print_table() }
}

impl Options {
    fn shortened(self) -> Self {
        Self { rounds: 1, seconds: 0.3, sessions: 50, set_ups: 10, ..self }
    }

    fn proxies(&self) -> Vec<Proxy> {
        let mut proxies = vec![Proxy::nginx(), Proxy::haproxy(), Proxy::pump(), Proxy::resuming_pump()];
        proxies.extend(self.vestibules.iter().cloned());
        proxies.retain(|proxy| self.only.is_empty() || self.only.contains(&proxy.name));
        proxies
    }

    fn traffic_time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// The gatekeeper has a thread of its own, so that it and the load generator never wait for each other.
fn start_gatekeeper(certificates: &Certificates, tickets: Tickets) -> Result<SocketAddr> {
    let config = certificates.server(tickets)?;
    let listener = std::net::TcpListener::bind(free_address()?)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async { echo::serve(tokio::net::TcpListener::from_std(listener)?, config).await })
    });
    Ok(address)
}

/// A directory of a proxy's own for one start of it.
fn subdirectory(parent: &Path, name: &str) -> Result<PathBuf> {
    let directory = parent.join(name);
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
