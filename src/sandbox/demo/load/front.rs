//! Vestibule as a process of its own, so that what it takes of the machine is not what the users and the gatekeeper take.
//!
//! It is the same program, and serves as `vestibule run` does. It ends with this one, however this one ends: when it is
//! dropped, when a signal comes, and when this process is killed.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::usage::{Usage, UsageError};

/// For its start, and for its end once all sessions are over.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at whether it has ended.
const INTERVAL: Duration = Duration::from_millis(10);
/// What it says of its addresses, in its own log.
const LISTENING: &str = " listening address=";
const ADMIN_LISTENING: &str = " admin server listening address=";
/// What it says of itself that may wait to be heard.
const SAID: usize = 4;
/// Lines of its log that are kept, to say why it has ended.
const KEPT: usize = 16;

/// Vestibule could not be started, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    #[error("Vestibule could not be started as a process of its own: {0}")]
    Start(std::io::Error),
    #[error("Vestibule ended before its time: {0}")]
    Ended(String),
    #[error("Vestibule did not do what was asked of it within {} s", PATIENCE.as_secs())]
    Late,
    #[error(transparent)]
    Usage(#[from] UsageError),
}

/// A process with Vestibule in it. Dropping it ends it at once.
pub struct Front {
    child: Child,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub admin: SocketAddr,
}

/// What it said on standard error.
enum Said {
    Listening(SocketAddr),
    Admin(SocketAddr),
    /// It will say nothing more; these were the last lines.
    Nothing(Vec<String>),
}

impl Front {
    /// Starts `program`, and waits until it serves. To be called from a thread that lasts as long as the front: the
    /// kernel ends a process with the thread that has started it.
    pub async fn start(program: &Path, configuration: &Path) -> Result<Self, FrontError> {
        let mut command = Command::new(program);
        command.args(["sandbox", "front", "--parent", &std::process::id().to_string(), "--config"]);
        command.arg(configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(FrontError::Start)?;
        let log = child.stderr.take();
        // From here on it ends when this is dropped.
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut front = Self { child, address: unknown, admin: unknown };
        let (say, mut said) = mpsc::channel(SAID);
        if let Some(log) = log {
            thread::Builder::new()
                .name("log of Vestibule".to_owned())
                .spawn(move || listen(log, &say))
                .map_err(FrontError::Start)?;
        }
        let serves = async {
            while front.address == unknown || front.admin == unknown {
                match said.recv().await {
                    Some(Said::Listening(address)) => front.address = address,
                    Some(Said::Admin(address)) => front.admin = address,
                    Some(Said::Nothing(last)) => return Err(FrontError::Ended(last.join("; "))),
                    None => return Err(FrontError::Ended(String::new())),
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, serves).await.map_err(|_| FrontError::Late)??;
        Ok(front)
    }

    /// What it has taken of the machine so far.
    pub fn usage(&self) -> Result<Usage, FrontError> {
        Ok(Usage::of(self.child.id())?)
    }

    /// Asks it to end, and waits until it has.
    pub async fn end(mut self) -> Result<(), FrontError> {
        // It may have ended by itself, which is seen below.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let ended = async {
            loop {
                match self.child.try_wait() {
                    Ok(None) => tokio::time::sleep(INTERVAL).await,
                    Ok(Some(status)) if status.success() => return Ok(()),
                    Ok(Some(status)) => return Err(FrontError::Ended(status.to_string())),
                    Err(error) => return Err(FrontError::Ended(error.to_string())),
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.map_err(|_| FrontError::Late)?
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, as a process whose log nobody reads would lose lines. It ends with the process.
fn listen(log: impl Read, say: &mpsc::Sender<Said>) {
    let mut last = Vec::new();
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some(said) = Said::read(&line) {
            // Nobody may listen any more.
            let _ = say.blocking_send(said);
        }
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push(line);
    }
    let _ = say.blocking_send(Said::Nothing(last));
}

impl Said {
    fn read(line: &str) -> Option<Self> {
        let address = |label| line.split_once(label)?.1.trim().parse().ok();
        let admin = address(ADMIN_LISTENING).map(Said::Admin);
        admin.or_else(|| address(LISTENING).map(Said::Listening))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_addresses_are_read_from_its_log() {
        let read = |line: &str| match Said::read(line) {
            Some(Said::Listening(address)) => format!("clients {address}"),
            Some(Said::Admin(address)) => format!("admin {address}"),
            _ => String::new(),
        };
        let time = "2026-11-24T00:00:00.000000Z  INFO vestibule:";
        assert_eq!(read(&format!("{time} listening address=127.0.0.1:5223")), "clients 127.0.0.1:5223");
        assert_eq!(read(&format!("{time} admin server listening address=[::1]:9464")), "admin [::1]:9464");
        assert_eq!(read(&format!("{time} starting")), "");
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_said_to_have_ended() {
        let ended = Front::start(Path::new("/bin/false"), Path::new("x")).await;
        assert!(matches!(ended, Err(FrontError::Ended(_))));
        let none = Front::start(Path::new("/nowhere/vestibule"), Path::new("x")).await;
        assert!(matches!(none, Err(FrontError::Start(_))));
    }
}
