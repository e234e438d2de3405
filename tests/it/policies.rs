//! Loads the policies under `tests/golden/policies/`: a folder for each kind of file, with what is said about all of its
//! files in `expected.txt`. `UPDATE_GOLDEN=1` writes what is found as what is expected.

use std::fs;
use std::path::PathBuf;

use vestibule::content_types::{
    ContentTypesDocument, ContentTypesError, DialectDocument, DialectError, DocumentError, MediaTypeError,
};
use vestibule::disclosure::Field;
use vestibule::disclosure::document::{MetadataDocument, MetadataError};
use vestibule::limit::{LimitsDocument, LimitsError};
use vestibule::policy::{self, PolicyDocument, Problem};

use super::files;
use super::golden_cases::golden_cases;

golden_cases! { metadata_errors: MetadataError;
    MetadataError::SecondRule => MetadataError::SecondRule, "second-rule";
    MetadataError::NoPurpose => MetadataError::NoPurpose, "no-purpose";
    MetadataError::NoRetention => MetadataError::NoRetention, "no-retention";
    MetadataError::FieldNotInEvents(_) => MetadataError::FieldNotInEvents(Field::Duration), "field-not-in-events";
    MetadataError::TruncateMisfit(_) => MetadataError::TruncateMisfit(Field::Account), "truncate-misfit";
    MetadataError::PseudonymMisfit(_) => MetadataError::PseudonymMisfit(Field::Host), "pseudonym-misfit";
    MetadataError::SessionIdPseudonym => MetadataError::SessionIdPseudonym, "session-id-pseudonym";
    MetadataError::NothingDisclosed => MetadataError::NothingDisclosed, "nothing-disclosed";
}

golden_cases! { limits_errors: LimitsError;
    LimitsError::NoTime => LimitsError::NoTime, "no-time";
    LimitsError::SizeOutOfRange { .. } => LimitsError::SizeOutOfRange { smallest: 10_000, largest: 1 << 30 }, "size-out-of-range";
    LimitsError::LooserBeforeAuthentication => LimitsError::LooserBeforeAuthentication, "looser-before-authentication";
    LimitsError::BurstBelowStanza { .. } => LimitsError::BurstBelowStanza { kib: 256 }, "burst-below-stanza";
}

golden_cases! { document_errors: DocumentError;
    DocumentError::DuplicateCarrier => DocumentError::DuplicateCarrier, "duplicate-carrier";
    DocumentError::PresenceIsSeen => DocumentError::PresenceIsSeen, "presence-is-seen";
}

golden_cases! { content_types_errors: ContentTypesError;
    ContentTypesError::Duplicate => ContentTypesError::Duplicate, "duplicate-media-type";
}

golden_cases! { media_type_errors: MediaTypeError;
    MediaTypeError::Name => MediaTypeError::Name, "media-type-with-a-wildcard";
    MediaTypeError::Parameter => MediaTypeError::Parameter, "media-type-parameter-without-a-value";
    MediaTypeError::DuplicateParameter => MediaTypeError::DuplicateParameter, "duplicate-media-type-parameter";
}

golden_cases! { dialect_errors: DialectError;
    DialectError::Namespace => DialectError::Namespace, "namespace-with-a-space";
    DialectError::KnownNamespace => DialectError::KnownNamespace, "known-namespace";
    DialectError::Name => DialectError::Name, "name-that-is-reserved";
    DialectError::DuplicateAttribute => DialectError::DuplicateAttribute, "duplicate-attribute";
}

#[test]
fn every_golden_policy_of_metadata_is_judged_as_expected() {
    assert_judged::<MetadataDocument>("metadata", &[metadata_errors()]);
}

#[test]
fn every_golden_policy_of_limits_is_judged_as_expected() {
    assert_judged::<LimitsDocument>("limits", &[limits_errors()]);
}

#[test]
fn every_golden_policy_of_content_types_is_judged_as_expected() {
    let errors = [document_errors(), content_types_errors(), media_type_errors()];
    assert_judged::<ContentTypesDocument>("content-types", &errors);
}

#[test]
fn every_golden_dialect_is_judged_as_expected() {
    assert_judged::<DialectDocument>("dialects", &[dialect_errors()]);
}

/// The folder's files are judged as its `expected.txt` says, and each of `errors` is shown by the file of its case.
fn assert_judged<D: PolicyDocument>(folder: &str, errors: &[Vec<(&'static str, String)>]) {
    let folder = format!("tests/golden/policies/{folder}");
    let mut cases = files::yaml_files(&folder);
    cases.sort();
    let found: String = cases.iter().map(judgement::<D>).collect();
    let expected = files::root().join(folder).join("expected.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&expected).unwrap_or_default());
    for (case, message) in errors.iter().flatten() {
        let shows = |line: &str| line.starts_with(&format!("{case}.yaml:")) && line.ends_with(message);
        assert!(found.lines().any(shows), "{case} does not show {message:?}:\n{found}");
    }
}

/// The problems of a file, or its warnings; a line for each.
fn judgement<D: PolicyDocument>(file: &PathBuf) -> String {
    let name = file.file_name().unwrap().to_string_lossy();
    let lines = |problems: Vec<Problem>, kind: &str| -> String {
        problems.iter().map(|problem| format!("{name}:{}: {kind}{}\n", problem.at, problem.cause)).collect()
    };
    match policy::load::<D>(&fs::read_to_string(file).unwrap()) {
        Ok(loaded) => lines(loaded.warnings, "warning: "),
        Err(problems) => lines(problems, ""),
    }
}
