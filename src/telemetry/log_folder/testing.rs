//! What the tests of the logs need: a clock that they set, a disk that is full, and a process of their own.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Resource, getrlimit};

use super::{Clock, Now};

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub(in crate::telemetry) struct TestClock(Arc<Mutex<Now>>);

impl TestClock {
    pub fn new(wall: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Now { wall, steady: Instant::now() })))
    }

    pub fn advance(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        now.wall += time;
        now.steady += time;
    }

    /// Sets the calendar back; the other clock does not notice.
    pub fn set_back(&self, time: Duration) {
        self.0.lock().unwrap().wall -= time;
    }

    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Box::new(move || *now.lock().unwrap())
    }
}

/// Runs `body` in a process that may write files of about a thousand bytes only, which fails as a full disk does.
/// `test` is the whole name of the test that calls this: it is run once more, by itself.
pub(in crate::telemetry) fn on_a_full_disk(test: &str, body: impl FnOnce()) {
    match getrlimit(Resource::Fsize).current {
        Some(_) => body(),
        None => run_again(test, "trap '' XFSZ; ulimit -f 2"),
    }
}

/// Runs `body` in a process without other tests: whether a line of the process's own log is written is kept for the whole
/// process, and the threads of other tests, which have no such log, would decide it. `test` is as above.
pub(in crate::telemetry) fn in_a_process_of_its_own(test: &str, body: impl FnOnce()) {
    match std::env::var_os(BY_ITSELF) {
        Some(_) => body(),
        None => run_again(test, &format!("export {BY_ITSELF}=yes")),
    }
}

/// What the process's own log has of `body` at the most verbose level, in a process of its own.
pub(in crate::telemetry) fn logged(body: impl FnOnce()) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(file.reopen().unwrap())
        .finish();
    tracing::subscriber::with_default(subscriber, body);
    std::fs::read_to_string(file.path()).unwrap()
}

const BY_ITSELF: &str = "VESTIBULE_TEST_BY_ITSELF";

fn run_again(test: &str, preparation: &str) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    let prepared = format!("{preparation}; exec \"$0\" \"$@\"");
    command.args(["-c", &prepared]).arg(program).args(["--exact", test, "--nocapture"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
