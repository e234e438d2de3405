//! Vestibule beside nginx, HAProxy and a bare TLS pump, under the same load: the command line.
//!
//! `run`, beside this package's manifest, installs and builds what is needed and calls `compare`. The other commands
//! are the comparison's parts, one by one, for a look with a profiler at a single proxy.

mod compare;
mod echo;
mod load;
mod proxy;
mod pump;
mod tls;
mod xmpp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use load::{Clients, Message, Session, Traffic};
use pump::Pump;
use tls::{Certificates, Tickets};

#[derive(Parser)]
#[command(about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the proxies in alternating rounds and print a table
    Compare(compare::Options),
    /// Write an authority and a certificate to an existing directory
    Certificates { directory: PathBuf },
    /// Serve as the gatekeeper that echoes
    Echo {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        certificates: PathBuf,
        /// Hand out TLS tickets
        #[arg(long)]
        tickets: bool,
    },
    /// Serve as the bare pump
    Pump(PumpOptions),
    /// Log in, then send messages until the time is over
    Load(LoadOptions),
}

#[derive(Args)]
struct PumpOptions {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    gatekeeper: SocketAddr,
    #[arg(long)]
    certificates: PathBuf,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Resume TLS sessions with the gatekeeper
    #[arg(long)]
    resume: bool,
}

#[derive(Args)]
struct LoadOptions {
    /// A proxy, or the gatekeeper itself
    #[arg(long)]
    connect: SocketAddr,
    #[arg(long)]
    certificates: PathBuf,
    #[arg(long, default_value_t = 16)]
    sessions: usize,
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    #[arg(long, default_value_t = 1)]
    window: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

fn main() -> Result<()> {
    match CommandLine::parse().command {
        Command::Compare(options) => one_thread()?.block_on(compare::compare(options)),
        Command::Certificates { directory } => Certificates::create(&directory).map(drop),
        Command::Echo { listen, certificates, tickets } => {
            let tickets = if tickets { Tickets::One } else { Tickets::None };
            let config = Certificates::in_directory(&certificates).server(tickets)?;
            one_thread()?.block_on(async { echo::serve(TcpListener::bind(listen).await?, config).await })
        }
        Command::Pump(options) => pump(&options),
        Command::Load(options) => one_thread()?.block_on(load(options)),
    }
}

fn one_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn pump(options: &PumpOptions) -> Result<()> {
    let certificates = Certificates::in_directory(&options.certificates);
    let pump = Pump {
        downstream: certificates.server(Tickets::One)?,
        upstream: certificates.client(options.resume)?,
        gatekeeper: options.gatekeeper,
    };
    let runtime = Builder::new_multi_thread().worker_threads(options.threads).enable_all().build()?;
    runtime.block_on(async { pump.serve(TcpListener::bind(options.listen).await?).await })
}

async fn load(options: LoadOptions) -> Result<()> {
    let config = Certificates::in_directory(&options.certificates).client(false)?;
    let sessions = Clients { address: options.connect, config }.open_many(options.sessions).await?;
    let start = Instant::now();
    let traffic = Traffic::start(sessions, Message { bytes: options.bytes, window: options.window })?;
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let (echoed, seconds) = (traffic.echoed(), start.elapsed().as_secs_f64());
    Session::close_all(traffic.stop().await?).await?;
    println!("{echoed} messages in {seconds:.2} s, {:.0} a second", echoed as f64 / seconds);
    Ok(())
}
