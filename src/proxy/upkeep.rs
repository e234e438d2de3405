//! A thread that does what is due by the clock.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, SystemTime};

use super::StartError;
use super::server::Server;

/// The thread, for whoever stops the process.
pub(super) struct Upkeep {
    /// A message wakes the thread; without this end, it ends.
    wake: SyncSender<()>,
    ended: Receiver<()>,
}

impl Upkeep {
    pub(super) fn start(server: Arc<Server>) -> Result<Self, StartError> {
        let (wake, woken) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || {
                keep_up(&server, &woken);
                // Nobody may be waiting any more.
                let _ = end.try_send(());
            })
            .map_err(StartError::Thread)?;
        Ok(Self { wake, ended })
    }

    /// Something has changed that may be due earlier.
    pub(super) fn wake(&self) {
        // If it is woken already, that will do.
        let _ = self.wake.try_send(());
    }

    /// Ends the thread; one that waits for a disk is not waited for longer than `patience`.
    pub(super) fn stop(self, patience: Duration) {
        drop(self.wake);
        let _ = self.ended.recv_timeout(patience);
    }
}

fn keep_up(server: &Server, woken: &Receiver<()>) {
    loop {
        let pause = server.metadata.keep_up(SystemTime::now());
        if woken.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}
