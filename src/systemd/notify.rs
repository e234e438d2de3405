//! What the service manager is told (sd_notify(3)): when the process serves, reloads and ends, how it is, and that it lives.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;

/// How often the line for people is made anew.
const STATUS_PERIOD: Duration = Duration::from_secs(10);

/// How soon threads that have not all answered are looked at again.
const NEXT_LOOK: Duration = Duration::from_secs(1);

/// A service manager that has asked to be told.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    /// How long it waits for a sign of life before it ends the process.
    watchdog: Option<Duration>,
}

/// How the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Every thread has answered, or still has time to.
    pub alive: bool,
    pub draining: bool,
    /// Sessions that are open.
    pub sessions: i64,
}

impl Manager {
    /// `None` if nobody wants to be told.
    pub fn of_environment() -> Option<Self> {
        // What the library looks for, too.
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self { watchdog: sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) })
    }

    /// The process serves, or has ended a reload, whatever came of it.
    pub fn ready(self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Ready])
    }

    pub fn reloading(self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
    }

    /// The process ends, within `time`.
    pub fn stopping(self, time: Duration) -> io::Result<()> {
        let microseconds = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        sd_notify::notify(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(microseconds)])
    }

    /// Tells how the process is, for as long as this is polled. A manager that waits for signs of life gets two in its time
    /// while there is life in every thread. A thread that hangs for less than that time, by more than a look, costs none: its
    /// answer is seen before the time is over. One that hangs for one and a half times as long always lets it run out.
    /// What cannot be told is told the next time.
    ///
    /// `look` takes for how long a thread may owe an answer, as others ask the threads, too.
    pub async fn keep_informed(self, look: impl Fn(Duration) -> Vitals) {
        let patience = self.pause(true) / 2;
        let mut told = String::new();
        loop {
            let vitals = look(patience);
            let looked = Instant::now();
            if self.watchdog.is_some() && vitals.alive {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
            let status = vitals.status();
            if status != told && sd_notify::notify(&[NotifyState::Status(&status)]).is_ok() {
                told = status;
            }
            tokio::time::sleep_until(looked + self.pause(vitals.alive)).await;
        }
    }

    fn pause(self, alive: bool) -> Duration {
        match self.watchdog {
            Some(time) if alive => time / 2,
            Some(time) => NEXT_LOOK.min(time / 2),
            None => STATUS_PERIOD,
        }
    }
}

impl Vitals {
    fn status(self) -> String {
        let sessions = match self.sessions {
            1 => "1 session open".to_owned(),
            count => format!("{count} sessions open"),
        };
        if self.draining { format!("draining, {sessions}") } else { sessions }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// When it looks in the first 25 s if one look in these seconds finds a thread that has not answered.
    async fn looks(manager: Manager, hanging: std::ops::Range<u64>) -> Vec<u64> {
        let (start, looks) = (Instant::now(), RefCell::new(Vec::new()));
        let look = |_| {
            let now = start.elapsed().as_secs();
            looks.borrow_mut().push(now);
            Vitals { alive: !hanging.contains(&now), draining: false, sessions: 0 }
        };
        let time = Duration::from_millis(25_500);
        assert!(tokio::time::timeout(time, manager.keep_informed(look)).await.is_err());
        looks.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_not_answered_at_half_of_the_time_is_looked_at_again_soon() {
        let watched = Manager { watchdog: Some(Duration::from_secs(20)) };
        assert_eq!(looks(watched, 0..0).await, [0, 10, 20]);
        assert_eq!(looks(watched, 1..13).await, [0, 10, 11, 12, 13, 23]);
        assert_eq!(looks(Manager { watchdog: None }, 1..13).await, [0, 10, 20]);
    }
}
