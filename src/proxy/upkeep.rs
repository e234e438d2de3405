//! A thread that does what is due by the clock.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use super::StartError;
use super::server::Server;

/// The thread, for whoever stops the process.
pub(super) struct Upkeep {
    thread: JoinHandle<()>,
    /// Dropped, it ends the thread. Nothing is ever sent.
    stop: SyncSender<()>,
}

impl Upkeep {
    pub(super) fn start(server: Arc<Server>) -> Result<Self, StartError> {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || keep_up(&server, &stopped))
            .map_err(StartError::Thread)?;
        Ok(Self { thread, stop })
    }

    pub(super) fn stop(self) {
        drop(self.stop);
        // A panic has been told by the panic hook.
        let _ = self.thread.join();
    }
}

fn keep_up(server: &Server, stopped: &Receiver<()>) {
    loop {
        let pause = server.metadata.keep_up(SystemTime::now());
        if stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}
