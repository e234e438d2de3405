//! Policies by themselves, without a configuration that names them, and what of their loading both share.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::{Files, FromFile};
use super::{ConfigError, ConfigWarning, FileProblem, LoadError};
use crate::content_types::{
    ContentTypesDocument, ContentTypesFile, ContentTypesPolicy, ContentTypesTest, DialectDocument,
};
use crate::disclosure::document::{MetadataDocument, MetadataFile, MetadataTest};
use crate::disclosure::{Digest, DisclosurePolicy};
use crate::policy::{Located, PolicyDocument, Problem};

/// A policy, and what its author should think about again.
pub struct LoadedPolicy<T> {
    pub value: T,
    pub warnings: Vec<FileProblem>,
}

/// Reads a policy that names no other files.
pub fn load_policy<D: PolicyDocument>(path: &Path) -> Result<LoadedPolicy<D::Value>, LoadError> {
    load(path, |files| Some(files.start::<D>()?.value))
}

/// Reads a content-types policy, its dialect and its seeds. The tests that stand in it come with it.
pub fn load_content_types(
    path: &Path,
) -> Result<LoadedPolicy<(ContentTypesPolicy, Vec<ContentTypesTest>)>, LoadError> {
    load(path, |files| {
        let mut policy = files.start::<ContentTypesDocument>()?;
        let tests = std::mem::take(&mut policy.value.tests);
        Some((content_types(files, policy)?, tests))
    })
}

/// A metadata policy with the one that is tried beside it.
pub struct MetadataPolicy {
    pub policy: DisclosurePolicy,
    pub shadow: Option<DisclosurePolicy>,
    /// The tests that stand in the policy; its shadow's are its own.
    pub tests: Vec<MetadataTest>,
}

/// Reads a metadata policy and its shadow.
pub fn load_metadata(path: &Path) -> Result<LoadedPolicy<MetadataPolicy>, LoadError> {
    load(path, |files| {
        let text = files.start_text()?;
        metadata(files, path.to_owned(), &text, None)
    })
}

/// Reads the metadata policy that the configuration names. Exceptions that are over at the time `now` are warned about.
pub(super) fn metadata_of_configuration(
    files: &mut Files,
    reference: &Located<String>,
    now: SystemTime,
) -> Option<MetadataPolicy> {
    let path = files.path_of(reference);
    let text = files.text_named_by_configuration(reference)?;
    metadata(files, path, &text, Some(now))
}

fn metadata(files: &mut Files, path: PathBuf, text: &str, now: Option<SystemTime>) -> Option<MetadataPolicy> {
    let MetadataFile { policy, shadow, tests, .. } = metadata_file(files, &path, text, now)?;
    let shadow = match shadow {
        Some(reference) => Some(shadow_of(files, &path, &reference, now)?),
        None => None,
    };
    Some(MetadataPolicy { policy, shadow, tests })
}

/// The shadow that the policy in the file `naming` names. It has none itself: what it would let out is only counted.
fn shadow_of(
    files: &mut Files,
    naming: &Path,
    reference: &Located<String>,
    now: Option<SystemTime>,
) -> Option<DisclosurePolicy> {
    let text = files.text_named_by(naming, reference)?;
    let path = files.path_named_by(naming, reference);
    let shadow = metadata_file(files, &path, &text, now)?;
    let second = shadow.shadow.map(|second| Problem::invalid(second.at, &ConfigError::ShadowOfShadow));
    files.found(&path, second.map_or(Ok(shadow.policy), |problem| Err(vec![problem])), Vec::new())
}

/// One file, with the digest of its bytes.
fn metadata_file(
    files: &mut Files,
    path: &Path,
    text: &str,
    now: Option<SystemTime>,
) -> Option<MetadataFile> {
    let FromFile { mut value, .. } = files.loaded::<MetadataDocument>(path.to_owned(), text)?;
    value.policy.digest = Digest::of(text.as_bytes());
    let over = value.ends.iter().filter(|end| now.is_some_and(|now| end.value <= now));
    let warnings = over.map(|end| Problem::invalid(end.at, &ConfigWarning::ExceptionOver)).collect();
    files.found(path, Ok(value), warnings)
}

/// The text of a file of as many bytes as a policy may have.
pub fn load_text(path: &Path) -> Result<String, LoadError> {
    Ok(load(path, Files::start_text)?.value)
}

/// The policy with its dialect and the builds that it knows.
pub(super) fn content_types(
    files: &mut Files,
    policy: FromFile<ContentTypesFile>,
) -> Option<ContentTypesPolicy> {
    let FromFile { file, value: policy } = policy;
    let dialect = files.policy_named_by::<DialectDocument>(&file, &policy.dialect);
    let text = |seed: &Located<String>| {
        let text = files.text_named_by(&file, seed)?;
        Some(Located { value: text, at: seed.at })
    };
    let seeds = policy.seeds.iter().filter_map(text).collect();
    let mut warnings = Vec::new();
    let compiled = policy.compile(dialect?.value.dialect, seeds, &mut warnings);
    files.found(&file, compiled, warnings)
}

fn load<T>(path: &Path, read: impl FnOnce(&mut Files) -> Option<T>) -> Result<LoadedPolicy<T>, LoadError> {
    let mut files = Files::new(path);
    let value = read(&mut files);
    let (problems, warnings) = files.findings();
    match value {
        Some(value) if problems.is_empty() => Ok(LoadedPolicy { value, warnings }),
        _ => Err(LoadError { problems }),
    }
}
