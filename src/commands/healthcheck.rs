//! `vestibule healthcheck`: one question to the admin server of a process that runs, for images that have no other program
//! to ask it.
//!
//! It takes an address and not the configuration, which somebody may just be changing: an error there says nothing of the
//! process that runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use vestibule::disclosure::visible;

/// For each step of the question: connecting, sending, and every piece of the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// As much of the answer as is read at most: its first line has the version and the status (RFC 9112, section 4).
const STATUS_LINE: u64 = 128;

#[derive(clap::Args)]
pub struct Arguments {
    /// The admin server, as `admin` in the configuration has it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    address: SocketAddr,
    /// Ask whether it takes new connections (`/ready`), and not only whether it lives (`/live`).
    #[arg(long)]
    ready: bool,
}

/// Succeeds if the answer's status is 200, and tells any other one.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = if arguments.ready { "/ready" } else { "/live" };
    let answer =
        ask(arguments.address, path).with_context(|| format!("no answer from {}", arguments.address))?;
    anyhow::ensure!(is_ok(&answer), "{path} answers {}", visible(answer.trim_end()));
    Ok(ExitCode::SUCCESS)
}

fn is_ok(status_line: &str) -> bool {
    let mut words = status_line.split(' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    is_http && words.next().is_some_and(|status| status.trim_end() == "200")
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut status_line = String::new();
    BufReader::new(stream.take(STATUS_LINE)).read_line(&mut status_line)?;
    Ok(status_line)
}
