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

/// Memory of a tree of processes, in KiB (proc_pid_smaps(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub resident: u64,
    /// Resident, but each page divided by the number of processes that share it.
    pub proportional: u64,
}

impl Process {
    /// Starts `command` with all its output in `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self { child: command.spawn()?, log: log.to_owned() })
    }

    /// Fails, with the last lines of its log, if the process has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        bail!("it ended with {status}\n{}", lines[lines.len().saturating_sub(10)..].join("\n"))
    }

    /// User and system time spent until now, from the kernel's per-process clocks (clock_getcpuclockid(3)).
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for process in self.tree()? {
            sum += Duration::from(clock_gettime(clock_getcpuclockid(process)?)?);
        }
        Ok(sum)
    }

    pub fn memory(&self) -> Result<Memory> {
        let mut sum = Memory::default();
        for process in self.tree()? {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            sum.resident += field(&rollup, "Rss:")?;
            sum.proportional += field(&rollup, "Pss:")?;
        }
        Ok(sum)
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

fn field(rollup: &str, name: &str) -> Result<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name)).context("a field is missing")?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
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
    fn fields_of_the_rollup_are_told_apart() {
        let rollup = "00400000-7ffe [rollup]\nRss:                1856 kB\nPss:                 366 kB\n";
        assert_eq!(field(rollup, "Rss:").unwrap(), 1856);
        assert_eq!(field(rollup, "Pss:").unwrap(), 366);
        assert!(field(rollup, "Swap:").is_err());
    }

    #[tokio::test]
    async fn time_and_memory_of_children_count() {
        let process = shell(
            "trap 'kill $!' TERM; (i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; exec sleep 60) & wait",
        );
        while process.tree().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        let alone = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.process_id())).unwrap();
        while process.cpu_time().unwrap() < Duration::from_millis(20) {
            tokio::task::yield_now().await;
        }
        assert!(process.memory().unwrap().resident > field(&alone, "Rss:").unwrap());
    }

    #[test]
    fn a_process_that_ended_is_an_error() {
        let mut process = shell("exit 3");
        process.child.wait().unwrap();
        assert!(process.ensure_running().unwrap_err().to_string().contains('3'));
    }
}
