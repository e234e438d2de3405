//! `vestibule policy test`: loads policies with the files that they name and runs the tests that stand in them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use vestibule::config::{self, ConfigError, LoadedPolicy, MetadataPolicy};
use vestibule::content_types::{DialectDocument, DialectFile, Rehearsal};
use vestibule::disclosure::{visible, visible_lines};
use vestibule::limit::{self, LimitsDocument, LimitsFile};
use vestibule::policy::{self, TestOutcome};

use super::kind::Kind;
use crate::commands::check;
use crate::commands::output::write_line;

#[derive(clap::Args)]
pub struct Arguments {
    /// Policies; a folder stands for every `.yaml` below it.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The kind of all of them. Otherwise the name of each one's folder tells it.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
}

/// A policy that is right, and what became of its tests.
type Tested = LoadedPolicy<Vec<TestOutcome>>;

/// Prints a line for each policy. Fails if a policy is not right or a test of it fails.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut all_passed = true;
    for path in &arguments.paths {
        let mut files = Vec::new();
        match collect(path, &mut files) {
            Ok(()) if files.is_empty() => {
                all_passed = false;
                let path = path.display();
                write_line(
                    &mut io::stderr(),
                    format_args!("{path}: no file below this folder ends with `.yaml`"),
                )?;
            }
            Ok(()) => {}
            Err(error) => {
                all_passed = false;
                let (path, reason) = (path.display(), error.kind());
                write_line(&mut io::stderr(), format_args!("{path}: the folder cannot be read: {reason}"))?;
            }
        }
        for file in files {
            all_passed &= test(&file, arguments.kind)?;
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file, or every policy below the folder, in the order of their names. Folders that are links are left out, as they
/// could lead in a circle.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") && !path.is_dir() {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a policy is right and all its tests pass. Tells what was found.
fn test(file: &Path, kind: Option<Kind>) -> io::Result<bool> {
    let Some(kind) = kind.or_else(|| Kind::of(file)) else {
        if let Err(error) = fs::metadata(file) {
            let (file, reason) = (file.display(), ConfigError::UnreadableFile(error.kind()));
            write_line(&mut io::stderr(), format_args!("{file}: {reason}"))?;
            return Ok(false);
        }
        let unknown = format_args!(
            "{}: the kind of this policy is not known: its folder should be called `content-types`, `dialects`, \
             `limits` or `metadata`; otherwise `--kind` says it",
            file.display()
        );
        write_line(&mut io::stderr(), unknown)?;
        return Ok(false);
    };
    match load(kind, file) {
        Ok(tested) => {
            check::warn(&tested.warnings, &mut io::stderr())?;
            report(file, tested.value)
        }
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            Ok(false)
        }
    }
}

fn load(kind: Kind, file: &Path) -> anyhow::Result<Tested> {
    match kind {
        Kind::ContentTypes => test_content_types(file),
        Kind::Dialects => {
            let LoadedPolicy { value, warnings } = config::load_policy::<DialectDocument>(file)?;
            let DialectFile { dialect, tests } = value;
            Ok(Tested { value: policy::run_tests(&dialect, &tests), warnings })
        }
        Kind::Limits => {
            let LoadedPolicy { value, warnings } = config::load_policy::<LimitsDocument>(file)?;
            let LimitsFile { limits, tests } = value;
            let rehearsal = limit::Rehearsal::new(limits, Instant::now());
            Ok(Tested { value: policy::run_tests(&rehearsal, &tests), warnings })
        }
        Kind::Metadata => {
            let LoadedPolicy { value: MetadataPolicy { policy, tests, .. }, warnings } =
                config::load_metadata(file)?;
            Ok(Tested { value: policy::run_tests(&policy, &tests), warnings })
        }
    }
}

fn test_content_types(file: &Path) -> anyhow::Result<Tested> {
    let LoadedPolicy { value: (policy, tests), warnings } = config::load_content_types(file)?;
    Ok(Tested { value: policy::run_tests(&Rehearsal::new(policy)?, &tests), warnings })
}

/// Whether all tests passed. Each expectation that did not come true is told with its place.
fn report(file: &Path, outcomes: Vec<TestOutcome>) -> io::Result<bool> {
    let file = visible(&file.display().to_string());
    for TestOutcome { name, mismatches } in &outcomes {
        for mismatch in mismatches {
            let (name, reason) = (visible(&name.value), visible_lines(&mismatch.reason));
            writeln!(io::stderr(), "{file}:{}: test {name}: {reason}", mismatch.at)?;
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.mismatches.is_empty()).count();
    let passed = outcomes.len() - failed;
    match (passed, failed) {
        (0, 0) => writeln!(io::stdout(), "{file}: valid; there are no tests in it"),
        (1, 0) => writeln!(io::stdout(), "{file}: 1 test passed"),
        (passed, 0) => writeln!(io::stdout(), "{file}: {passed} tests passed"),
        (passed, failed) => writeln!(io::stdout(), "{file}: {passed} of {} tests passed", passed + failed),
    }?;
    Ok(failed == 0)
}
