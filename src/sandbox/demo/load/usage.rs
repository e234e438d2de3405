//! What a process has taken of the machine, as the kernel says it (proc(5)): CPU time and memory.

use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

/// What is read of the process, which may be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("what the process takes could not be read: {0}")]
    Io(io::ErrorKind),
    #[error("the kernel says in an unknown form what the process takes")]
    Form,
}

/// At one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Of all its threads, user and system, since it began. The kernel counts it in hundredths of a second.
    #[serde(rename = "cpu_seconds", serialize_with = "seconds")]
    pub cpu: Duration,
    /// Resident memory, with what it shares with others.
    pub resident_kib: u64,
    /// Of that, what is its alone and no file's.
    pub anonymous_kib: u64,
    /// The most that was ever resident.
    pub peak_kib: u64,
}

impl Usage {
    /// Of a process that runs.
    pub fn of(process: u32) -> Result<Self, UsageError> {
        let read = |file: &str| {
            fs::read_to_string(format!("/proc/{process}/{file}"))
                .map_err(|error| UsageError::Io(error.kind()))
        };
        Self::parse(&read("stat")?, &read("status")?, ticks_per_second()).ok_or(UsageError::Form)
    }

    fn parse(stat: &str, status: &str, ticks_per_second: u64) -> Option<Self> {
        // The second field is the program's name, which may hold anything; the fields behind it hold none of its
        // closing bracket. Of these, utime and stime are the twelfth and the thirteenth.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11).map(|ticks| ticks.parse::<u64>().ok());
        let ticks = times.next()??.checked_add(times.next()??)?;
        let kib = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.trim().parse().ok()
        };
        Some(Self {
            cpu: Duration::from_millis(ticks.checked_mul(1000)?.checked_div(ticks_per_second)?),
            resident_kib: kib("VmRSS")?,
            anonymous_kib: kib("RssAnon")?,
            peak_kib: kib("VmHWM")?,
        })
    }

    /// The CPU time since an earlier moment, shared out among so many, in microseconds.
    pub fn cpu_since(&self, earlier: &Self, among: usize) -> f64 {
        let spent = self.cpu.saturating_sub(earlier.cpu).as_secs_f64() * 1e6;
        share(spent, among)
    }

    /// By how much the resident memory has grown since an earlier moment, shared out among so many, in KiB.
    pub fn memory_since(&self, earlier: &Self, among: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let grown = self.resident_kib.saturating_sub(earlier.resident_kib) as f64;
        share(grown, among)
    }
}

/// A part for each; nobody's part is nothing.
pub fn share(of: f64, among: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let among = among as f64;
    if among > 0.0 { of / among } else { 0.0 }
}

/// Of the clock in which the kernel tells times (sysconf(3), `_SC_CLK_TCK`).
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str =
        "Name:\tx\nVmHWM:\t   300 kB\nVmRSS:\t   200 kB\nRssAnon:\t   100 kB\nRssFile:\t 1 kB\n";

    #[test]
    fn times_and_memory_are_read_whatever_the_program_is_called() {
        let stat = "7 (a) R (b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        let usage = Usage::parse(stat, STATUS, 100).unwrap();
        assert_eq!(usage.cpu, Duration::from_secs(2));
        assert_eq!((usage.resident_kib, usage.anonymous_kib, usage.peak_kib), (200, 100, 300));
        for (stat, status) in [("7 (a) S 1", STATUS), (stat, "VmRSS: 1 kB\n"), ("", "")] {
            assert_eq!(Usage::parse(stat, status, 100), None);
        }
    }

    #[test]
    fn a_process_that_runs_takes_something_and_one_that_is_not_there_nothing() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_kib > 0 && usage.peak_kib >= usage.resident_kib, "{usage:?}");
        assert_eq!(Usage::of(u32::MAX), Err(UsageError::Io(io::ErrorKind::NotFound)));
    }

    #[test]
    fn what_was_taken_is_shared_out() {
        let before = Usage { cpu: Duration::from_millis(10), resident_kib: 100, ..Usage::default() };
        let after = Usage { cpu: Duration::from_millis(30), resident_kib: 500, ..Usage::default() };
        assert_eq!((after.cpu_since(&before, 10), after.memory_since(&before, 10)), (2000.0, 40.0));
        assert_eq!((before.cpu_since(&after, 10), after.memory_since(&before, 0)), (0.0, 0.0));
    }
}
