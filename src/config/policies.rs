//! Policies by themselves, without a configuration that names them, and what of their loading both share.

use std::path::Path;

use super::files::{Files, FromFile};
use super::{FileProblem, LoadError};
use crate::content_types::{
    ContentTypesDocument, ContentTypesFile, ContentTypesPolicy, ContentTypesTest, DialectDocument,
};
use crate::policy::{Located, PolicyDocument};

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
