//! Counts instructions: this program runs itself under valgrind's callgrind, which counts inside of the measured
//! functions alone. The count depends on the compiled code and the input, on nothing else.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Instructions of this program's own code. The C library's are not in it: it picks its functions by what the
    /// processor can do.
    pub own: u64,
    /// All instructions.
    pub all: u64,
    /// Calls to the allocator.
    pub allocations: u64,
}

const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// The functions that are counted.
const MEASURED: [&str; 4] = ["cases::pass", "cases::verify", "relayed::pass", "relayed::pass_and_learn"];

/// Runs this program with `arguments` and counts.
pub fn measure(arguments: &[&str]) -> anyhow::Result<Cost> {
    let program = std::env::current_exe()?;
    let file = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .args(MEASURED.map(|function| format!("--toggle-collect=instructions::{function}")))
        .arg(format!("--callgrind-out-file={}", file.path().display()))
        .arg(&program)
        .args(arguments)
        .output()
        .context("valgrind did not start; on Debian, 'apt-get install valgrind' installs it")?;
    ensure!(output.status.success(), "valgrind failed:\n{}", String::from_utf8_lossy(&output.stderr));
    read(&std::fs::read_to_string(file.path())?, &program)
}

/// Adds up a profile in callgrind's format: below `ob=`, the object file that the code is from, are lines of a position
/// and a cost. A call is a line `cfn=` with the function, a line `calls=` with the number of calls, and a line with what
/// they cost, which the function's own lines hold already.
fn read(profile: &str, program: &Path) -> anyhow::Result<Cost> {
    let mut cost = Cost::default();
    let (mut is_own, mut called) = (false, "");
    let mut lines = profile.lines().skip_while(|line| !line.starts_with("ob="));
    while let Some(line) = lines.next() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_own = Path::new(object) == program;
        } else if let Some(function) = line.strip_prefix("cfn=") {
            called = function;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            lines.next();
            if ALLOCATORS.contains(&called) {
                cost.allocations += first_number(calls)?;
            }
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let instructions = line.split_once(' ').map_or("", |(_, instructions)| instructions);
            cost.all += first_number(instructions)?;
            cost.own += if is_own { first_number(instructions)? } else { 0 };
        }
    }
    if cost.own == 0 {
        bail!("callgrind counted nothing: the measured functions have other names");
    }
    Ok(cost)
}

fn first_number(text: &str) -> anyhow::Result<u64> {
    let number = text.split(' ').next().unwrap_or_default();
    number.parse().with_context(|| format!("'{number}' in callgrind's output is not a number"))
}
