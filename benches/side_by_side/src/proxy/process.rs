//! One proxy's processes, as the kernel sees them: what they have spent and what they hold. nginx is a process with
//! children, so everything is summed over a tree of processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// How often, and after which pauses, a proxy that was asked to end is looked at before it is killed.
const PATIENCE: usize = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// A running proxy. Dropping it ends it.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with all its output in `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self { child: command.spawn()?, log: log.to_owned() })
    }

    /// Fails if the process has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("it ended with {status}\n{}", self.last_words()),
            None => Ok(()),
        }
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// User and system time spent until now, from the kernel's per-process clocks (clock_getcpuclockid(3)).
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for process in self.tree()? {
            sum += Duration::from(clock_gettime(clock_getcpuclockid(process)?)?);
        }
        Ok(sum)
    }

    /// Resident memory in KiB, a page that several of the processes share counted once (the proportional set size of
    /// proc_pid_smaps(5)).
    pub fn memory(&self) -> Result<u64> {
        self.tree()?.into_iter().map(proportional_set_size).sum()
    }

    fn process_id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The process and its children. A proxy's children have no children.
    fn tree(&self) -> Result<Vec<Pid>> {
        let mut tree = vec![self.process_id()];
        for entry in fs::read_dir("/proc")? {
            let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process may end between the listing and this line.
            let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
            if parent(&stat) == Some(self.process_id().as_raw()) {
                tree.push(Pid::from_raw(process));
            }
        }
        Ok(tree)
    }
}

impl Drop for Process {
    /// Asks the process to end, so that nginx's master takes its workers along, and kills it when it does not.
    fn drop(&mut self) {
        for attempt in 0..PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            if attempt == 0 {
                let _ = kill(self.process_id(), Signal::SIGTERM);
            }
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fourth field of /proc/PID/stat. The second one is a name in parentheses that may hold anything.
fn parent(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn proportional_set_size(process: Pid) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    pss(&rollup).context("no proportional set size")
}

fn pss(rollup: &str) -> Option<u64> {
    let value = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        Process::start(command, Path::new("/dev/null")).unwrap()
    }

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent("7 (a) b (c)) S 3 7 7 0"), Some(3));
    }

    #[test]
    fn the_proportional_set_size_is_told_from_other_fields() {
        let rollup = "00400000-7ffe [rollup]\nRss:                1856 kB\nPss:                 366 kB\n";
        assert_eq!(pss(rollup), Some(366));
        assert_eq!(pss("Pss_Dirty:  116 kB\n"), None);
    }

    #[tokio::test]
    async fn time_and_memory_of_children_count() {
        let process = shell(
            "trap 'kill $!' TERM; (i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; exec sleep 60) & wait",
        );
        while process.tree().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        while process.cpu_time().unwrap() < Duration::from_millis(20) {
            tokio::task::yield_now().await;
        }
        let alone = proportional_set_size(process.process_id()).unwrap();
        assert!(process.memory().unwrap() > alone);
    }

    #[test]
    fn a_process_that_ended_is_an_error() {
        let mut process = shell("exit 3");
        process.child.wait().unwrap();
        assert!(process.ensure_running().unwrap_err().to_string().contains('3'));
    }
}
