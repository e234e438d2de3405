//! What the process asks of the system: that it leaves no core dump, and memory for secrets that is not swapped out, for
//! the sake of secrecy; and how many files may be open.

use std::io;

use aws_lc_rs::rand;
use region::LockGuard;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getppid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use zeroize::Zeroize;

use crate::disclosure::{KeyMemory, SECRET_LENGTH};

const NO_CORE: Rlimit = Rlimit { current: Some(0), maximum: Some(0) };

/// From here on the process leaves no core dump, and other processes of its user can neither trace it nor read its
/// memory.
pub fn leave_no_dump() -> io::Result<()> {
    // Where the system has set the limit already, it may not let a process set one.
    if getrlimit(Resource::Core) != NO_CORE {
        setrlimit(Resource::Core, NO_CORE)?;
    }
    // The limit does not hold for a program that the kernel pipes core dumps to (core(5)).
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// From here on the kernel kills the process when the thread ends that has started it. Returns whether the process that has
/// started it is `parent`, and not the one that is given the orphans.
pub fn end_with_parent(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map(|now| now.as_raw_nonzero().get());
    Ok(now.and_then(|now| u32::try_from(now).ok()) == Some(parent))
}

/// Allows the process as many open files as the system lets it have without asking, and returns how many that are. Few
/// programs are, as some of them break on descriptors beyond 1,023.
pub fn allow_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    or_no_limit(allowed)
}

/// How many files the process may have open now.
pub fn allowed_descriptors() -> u64 {
    or_no_limit(getrlimit(Resource::Nofile).current)
}

/// No limit at all is said by none.
fn or_no_limit(limit: Option<u64>) -> u64 {
    limit.unwrap_or(u64::MAX)
}

/// Why there is no memory for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the system locks no memory for keys: the limit RLIMIT_MEMLOCK should be 128 KiB at least")]
    Lock,
    #[error("the system gives no randomness")]
    Randomness,
}

/// A page of memory that is locked against being swapped out, begins with a random secret, and is overwritten in the end.
pub struct LockedKeys {
    /// Unlocks the page after it was overwritten, as fields are dropped after the struct itself, and before it is given
    /// back, as they are dropped in their order.
    _lock: LockGuard,
    page: Box<Page>,
}

/// The largest page that an architecture has.
const PAGE: usize = if cfg!(target_arch = "x86_64") { 4_096 } else { 65_536 };

/// A whole page: locks are for pages and do not nest, so no two secrets may share one.
#[cfg_attr(target_arch = "x86_64", repr(align(4096)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(align(65536)))]
struct Page([u8; PAGE]);

impl LockedKeys {
    /// Draws a secret from the system's generator.
    pub fn random() -> Result<Self, SecretError> {
        let mut page = Box::new(Page([0; PAGE]));
        let lock = region::lock(&raw const *page, size_of::<Page>()).map_err(|_| SecretError::Lock)?;
        rand::fill(&mut page.0[..SECRET_LENGTH]).map_err(|_| SecretError::Randomness)?;
        Ok(Self { _lock: lock, page })
    }
}

impl KeyMemory for LockedKeys {
    fn bytes(&self) -> &[u8] {
        &self.page.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.page.0
    }
}

impl Drop for LockedKeys {
    fn drop(&mut self) {
        self.page.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn the_process_leaves_no_dump_from_here_on() {
        leave_no_dump().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core), NO_CORE);
    }

    #[test]
    fn the_process_may_have_as_many_open_files_as_its_hard_limit_allows() {
        let hard = getrlimit(Resource::Nofile).maximum;
        // Hardly fewer: other tests run meanwhile.
        let fewer = hard.unwrap_or(1 << 20) - 1;
        setrlimit(Resource::Nofile, Rlimit { current: Some(fewer), maximum: hard }).unwrap();
        assert_eq!(allow_descriptors(), or_no_limit(hard));
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }

    #[test]
    fn secrets_are_random_and_in_locked_pages_of_their_own() {
        let locked = || -> usize {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let secrets: Vec<_> = (0..4).map(|_| LockedKeys::random().unwrap()).collect();
        for (index, secret) in secrets.iter().enumerate() {
            assert!(secrets[..index].iter().all(|other| other.bytes() != secret.bytes()));
            assert_eq!(secret.bytes().as_ptr().addr() % align_of::<Page>(), 0);
        }
        assert!(locked() >= 4 * size_of::<Page>() / 1024, "{} KiB are locked", locked());
    }
}
