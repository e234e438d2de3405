//! Reads the files of a configuration and collects what is wrong with them and in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::{ConfigDocument, ConfigError, ConfigWarning, FileProblem};
use crate::policy::{self, Located, PolicyDocument, Position, Problem};

/// A file reader that goes on after a failure: what failed is `None`, and why is in the problems.
#[derive(Default)]
pub(super) struct Files {
    pub problems: Vec<FileProblem>,
    pub warnings: Vec<FileProblem>,
}

/// The value of a file that another file names.
pub(super) struct FromFile<T> {
    pub file: PathBuf,
    pub value: T,
}

impl Files {
    /// The configuration itself, as far as it can be read.
    pub fn configuration(&mut self, file: &Path) -> Option<ConfigDocument> {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problem(file, Position::START, &ConfigError::UnreadableFile(error.kind()));
                return None;
            }
        };
        let read = policy::read::<ConfigDocument>(&self.text(file, bytes)?);
        self.problems.extend(of_file(file, read.problems));
        read.document
    }

    /// A policy that `naming` names at `reference`.
    pub fn policy<D: PolicyDocument>(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
    ) -> Option<FromFile<D::Value>> {
        let file = resolve(naming, reference);
        let bytes = self.referenced(naming, reference, fs::read(&file))?;
        match policy::load::<D>(&self.text(&file, bytes)?) {
            Ok(loaded) => {
                self.warnings.extend(of_file(&file, loaded.warnings));
                Some(FromFile { file, value: loaded.value })
            }
            Err(problems) => {
                self.problems.extend(of_file(&file, problems));
                None
            }
        }
    }

    /// The certificates of a PEM file that `naming` names, at least one.
    pub fn certificates(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let bytes = self.referenced(naming, reference, fs::read(resolve(naming, reference)))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Some(certificates),
            _ => {
                self.problem(naming, reference.at, &ConfigError::BadCertificateFile);
                None
            }
        }
    }

    /// The private key of a PEM file that `naming` names. The bytes that were read are wiped.
    pub fn private_key(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
    ) -> Option<PrivateKeyDer<'static>> {
        let read = read_secret(&resolve(naming, reference));
        let (bytes, readable_by_all) = self.referenced(naming, reference, read)?;
        if readable_by_all {
            self.warning(naming, reference.at, &ConfigWarning::KeyReadableByAll);
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes).ok();
        if key.is_none() {
            self.problem(naming, reference.at, &ConfigError::BadKeyFile);
        }
        key
    }

    pub fn problem(&mut self, file: &Path, at: Position, error: &ConfigError) {
        self.problems.extend(of_file(file, [Problem::invalid(at, error)]));
    }

    pub fn warning(&mut self, file: &Path, at: Position, warning: &ConfigWarning) {
        self.warnings.extend(of_file(file, [Problem::invalid(at, warning)]));
    }

    fn referenced<T>(
        &mut self,
        naming: &Path,
        reference: &Located<String>,
        read: io::Result<T>,
    ) -> Option<T> {
        read.map_err(|error| {
            self.problem(naming, reference.at, &ConfigError::UnreadableReference(error.kind()));
        })
        .ok()
    }

    fn text(&mut self, file: &Path, bytes: Vec<u8>) -> Option<String> {
        String::from_utf8(bytes).map_err(|_| self.problem(file, Position::START, &ConfigError::NotText)).ok()
    }
}

/// A relative path starts at the folder of the file that names it.
pub(super) fn resolve(naming: &Path, reference: &Located<String>) -> PathBuf {
    naming.parent().unwrap_or(Path::new("")).join(&reference.value)
}

pub(super) fn of_file(
    file: &Path,
    problems: impl IntoIterator<Item = Problem>,
) -> impl Iterator<Item = FileProblem> {
    problems.into_iter().map(|problem| FileProblem { file: file.to_owned(), problem })
}

/// The bytes of a file, and whether every user of the machine can read them.
fn read_secret(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, bool)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
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
