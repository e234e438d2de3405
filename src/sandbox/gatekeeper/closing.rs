//! The end of the whole gatekeeper, which everything that it does hears of.

use std::future::Future;

use tokio::sync::watch;

/// Whether the gatekeeper is closing.
#[derive(Default)]
pub(super) struct Closing(watch::Sender<bool>);

impl Closing {
    /// From here on it is.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// What comes of the work, or `None` if the gatekeeper closes first; the work is dropped then.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.0.subscribe();
        tokio::select! {
            done = work => Some(done),
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }
}
