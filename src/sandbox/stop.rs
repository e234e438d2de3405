//! What asks the sandbox's commands to end. Each of them has something to put in order before it does.

use std::future::Future;
use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How long a process that was told to end may take to.
const PATIENCE: Duration = Duration::from_secs(5);

/// SIGTERM, SIGINT and SIGHUP: who closes a terminal wants what runs in it to end, unless it was started to outlive the
/// terminal (nohup(1)).
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
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
            hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits until one of them comes. Dropping the future loses none.
    pub async fn wait(&mut self) -> StopSignal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = hang_up => StopSignal::HangUp,
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

/// Whether the process was started with SIGHUP ignored: its bit among those of proc(5), `SigIgn` in `/proc/PID/status`.
/// Once it is listened to, it is not any more.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}

/// What comes of work that listens to signals itself, on a thread of its own.
///
/// # Errors
///
/// If a signal came and the work does not end within 5 seconds: it may be writing what nobody reads. It is left to the
/// process's end.
pub fn insist<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<T, StopSignal>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut stop = runtime.block_on(async { Stop::listen() })?;
    let (done, ended) = oneshot::channel();
    let worker = thread::Builder::new().name("work".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = done.send(work());
    })?;
    runtime.block_on(async {
        let ended = async {
            match ended.await {
                Ok(outcome) => outcome,
                // Nothing was sent, so it has panicked.
                Err(_) => match worker.join() {
                    Ok(()) => std::future::pending().await,
                    Err(panic) => std::panic::resume_unwind(panic),
                },
            }
        };
        let given_up = async {
            let signal = stop.wait().await;
            tokio::time::sleep(PATIENCE).await;
            signal
        };
        tokio::select! {
            outcome = ended => Ok(Ok(outcome)),
            signal = given_up => Ok(Err(signal)),
        }
    })
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
