//! What asks the sandbox's commands to end. Each of them has something to put in order before it does.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP: who closes a terminal wants what runs in it to end.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopSignal {
    #[error("ended by SIGTERM")]
    Terminate,
    #[error("ended by SIGINT")]
    Interrupt,
    #[error("ended by SIGHUP")]
    HangUp,
}

impl Stop {
    /// From here on they do not end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until one of them comes. Dropping the future loses none.
    pub async fn wait(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.hang_up.recv() => StopSignal::HangUp,
        }
    }

    /// What comes of the work.
    ///
    /// # Errors
    ///
    /// If a signal comes first; the work is dropped then.
    pub async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, StopSignal> {
        tokio::select! {
            done = work => Ok(done),
            stopped = self.wait() => Err(stopped),
        }
    }
}

impl StopSignal {
    /// What a shell tells of a process that the signal has ended: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}
