//! How late a worker is: a timer that is late says that sessions wait for the worker, too, because of what another one
//! of them does or because the machine is busy.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::telemetry::metrics::WorkerMetrics;

const PAUSE: Duration = Duration::from_millis(500);

/// Looks twice a second, on the runtime that it is spawned on.
pub(super) async fn watch(metrics: WorkerMetrics) {
    loop {
        let due = Instant::now() + PAUSE;
        sleep_until(due).await;
        metrics.delayed(due.elapsed());
    }
}
