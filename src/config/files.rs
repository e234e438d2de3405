//! Reads the files of a configuration and collects what is wrong with them and in them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::{ConfigError, ConfigWarning, FileProblem, kind};
use crate::policy::{self, Located, PolicyDocument, Position, Problem};

/// Bytes of a configuration, a policy or a chain: far more than any has.
pub const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A file reader that goes on after a failure: what failed is `None`, and why is among the findings.
pub(crate) struct Files {
    /// The file that is read first: a configuration, or a policy by itself.
    start: PathBuf,
    problems: Vec<FileProblem>,
    warnings: Vec<FileProblem>,
}

/// The value of a file that another file names.
pub(crate) struct FromFile<T> {
    pub file: PathBuf,
    pub value: T,
}

impl Files {
    pub fn new(start: &Path) -> Self {
        Self { start: start.to_owned(), problems: Vec::new(), warnings: Vec::new() }
    }

    /// All problems and all warnings: those of the file that is read first, then those of the files that it names.
    pub fn findings(self) -> (Vec<FileProblem>, Vec<FileProblem>) {
        let sorted = |mut findings: Vec<FileProblem>| {
            findings.sort_by_key(|found| (found.file != self.start, found.file.clone(), found.problem.at));
            // Of a file that is named twice.
            findings.dedup();
            findings
        };
        (sorted(self.problems), sorted(self.warnings))
    }

    /// The document that is read first, as far as it can be read.
    pub fn document<D: PolicyDocument>(&mut self) -> Option<D> {
        let text = self.start_text()?;
        let read = policy::read::<D>(&text);
        self.problems.extend(of_file(&self.start, by_kind::<D>(&text, read.problems)));
        read.document
    }

    /// The policy that is read in the place of a configuration.
    pub fn start<D: PolicyDocument>(&mut self) -> Option<FromFile<D::Value>> {
        let text = self.start_text()?;
        self.loaded::<D>(self.start.clone(), &text)
    }

    /// The text of the file that is read first.
    pub fn start_text(&mut self) -> Option<String> {
        let file = self.start.clone();
        let bytes = read(&file)
            .map_err(|error| self.problem(Position::START, &ConfigError::UnreadableFile(error.kind())))
            .ok()?;
        self.text(&file, bytes)
    }

    /// A policy that the configuration names.
    pub fn policy<D: PolicyDocument>(&mut self, reference: &Located<String>) -> Option<FromFile<D::Value>> {
        self.policy_named_by::<D>(&self.start.clone(), reference)
    }

    /// The text of a file that the configuration names.
    pub fn text_named_by_configuration(&mut self, reference: &Located<String>) -> Option<String> {
        self.text_named_by(&self.start.clone(), reference)
    }

    /// A policy that another file names.
    pub fn policy_named_by<D: PolicyDocument>(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
    ) -> Option<FromFile<D::Value>> {
        let text = self.text_named_by(naming, reference)?;
        self.loaded::<D>(resolve(naming, reference), &text)
    }

    /// The text of a file that another file names.
    pub fn text_named_by(&mut self, naming: &Path, reference: &Located<String>) -> Option<String> {
        let file = resolve(naming, reference);
        let bytes = self.referenced(naming, reference, read(&file))?;
        self.text(&file, bytes)
    }

    /// Notes what is wrong with what a file means.
    pub fn found<T>(
        &mut self,
        file: &Path,
        value: Result<T, Vec<Problem>>,
        warnings: Vec<Problem>,
    ) -> Option<T> {
        self.warnings.extend(of_file(file, warnings));
        value.map_err(|problems| self.problems.extend(of_file(file, problems))).ok()
    }

    /// The certificates of a PEM file that the configuration names, at least one.
    pub fn certificates(&mut self, reference: &Located<String>) -> Option<Vec<CertificateDer<'static>>> {
        let bytes = self.referenced_by_configuration(reference, read)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
        if certificates.is_none() {
            self.problem(reference.at, &ConfigError::BadCertificateFile);
        }
        certificates
    }

    /// The private key of a PEM file that the configuration names. The bytes that were read are wiped.
    pub fn private_key(&mut self, reference: &Located<String>) -> Option<PrivateKeyDer<'static>> {
        let (bytes, readable_by_all) = self.secret(reference)?;
        if readable_by_all {
            self.warning(reference.at, &ConfigWarning::KeyReadableByAll);
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes).ok();
        if key.is_none() {
            self.problem(reference.at, &ConfigError::BadKeyFile);
        }
        key
    }

    /// The bytes of a secret that the configuration names, which are wiped in the end, and whether every user of the machine
    /// can read them.
    pub fn secret(&mut self, reference: &Located<String>) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        self.referenced_by_configuration(reference, read_secret)
    }

    /// Where a file is that the configuration names.
    pub fn path_of(&self, reference: &Located<String>) -> PathBuf {
        resolve(&self.start, reference)
    }

    /// Where a file is that another file names.
    pub fn path_named_by(&self, naming: &Path, reference: &Located<String>) -> PathBuf {
        resolve(naming, reference)
    }

    /// Notes what is wrong with what the configuration means.
    pub fn problem(&mut self, at: Position, error: &ConfigError) {
        self.report(Problem::invalid(at, error));
    }

    /// Notes a problem of the configuration.
    pub fn report(&mut self, problem: Problem) {
        self.problems.extend(of_file(&self.start, [problem]));
    }

    /// Notes what is valid in the configuration, but probably not wanted.
    pub fn warning(&mut self, at: Position, warning: &ConfigWarning) {
        self.warnings.extend(of_file(&self.start, [Problem::invalid(at, warning)]));
    }

    /// The value of a file whose text is known.
    pub fn loaded<D: PolicyDocument>(&mut self, file: PathBuf, text: &str) -> Option<FromFile<D::Value>> {
        let (value, warnings) = match policy::load::<D>(text) {
            Ok(loaded) => (Ok(loaded.value), loaded.warnings),
            Err(problems) => (Err(by_kind::<D>(text, problems)), Vec::new()),
        };
        let value = self.found(&file, value, warnings)?;
        Some(FromFile { file, value })
    }

    fn referenced_by_configuration<T>(
        &mut self,
        reference: &Located<String>,
        read: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Option<T> {
        let read = read(&self.path_of(reference));
        self.referenced(&self.start.clone(), reference, read)
    }

    fn referenced<T>(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
        read: io::Result<T>,
    ) -> Option<T> {
        read.map_err(|error| {
            let problem = Problem::invalid(reference.at, &ConfigError::UnreadableReference(error.kind()));
            self.problems.extend(of_file(naming, [problem]));
        })
        .ok()
    }

    fn text(&mut self, file: &Path, bytes: Vec<u8>) -> Option<String> {
        String::from_utf8(bytes)
            .map_err(|_| {
                let problem = Problem::invalid(Position::START, &ConfigError::NotText);
                self.problems.extend(of_file(file, [problem]));
            })
            .ok()
    }
}

/// What is to be said of these problems: of a file of another kind, that it is one, and not that it has none of the right
/// keys.
fn by_kind<D: PolicyDocument>(text: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let other = if problems.is_empty() { None } else { kind::taken_for::<D>(text) };
    match other {
        Some(found) => {
            let error = ConfigError::OtherKind { found, expected: D::KIND };
            vec![Problem::invalid(Position::START, &error)]
        }
        None => problems,
    }
}

/// A relative path starts at the folder of the file that names it.
fn resolve(naming: &Path, reference: &Located<String>) -> PathBuf {
    naming.parent().unwrap_or(Path::new("")).join(&reference.value)
}

fn of_file(file: &Path, problems: impl IntoIterator<Item = Problem>) -> impl Iterator<Item = FileProblem> {
    problems.into_iter().map(|problem| FileProblem { file: file.to_owned(), problem })
}

/// Opens a file that is one: reading a pipe could take for ever, reading a device all memory.
fn open(path: &Path) -> io::Result<(File, fs::Metadata)> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    if metadata.len() > LARGEST_FILE {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok((File::open(path)?, metadata))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a file, and whether every user of the machine can read them.
fn read_secret(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, bool)> {
    let (mut file, metadata) = open(path)?;
    // Reserved at once: a vector that grows leaves copies behind.
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1)));
    file.read_to_end(&mut bytes)?;
    Ok((bytes, readable_by_all(&metadata)))
}

#[cfg(unix)]
fn readable_by_all(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn readable_by_all(_metadata: &fs::Metadata) -> bool {
    false
}
