//! Loads the policies under `tests/golden/policies/`: a folder for each kind of file, with what is said about all of its
//! files in `expected.txt`. `UPDATE_GOLDEN=1` writes what is found as what is expected.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use vestibule::config::{self, FileProblem, LoadedPolicy, MetadataPolicy};
use vestibule::content_types::{
    CacheLimits, CapabilitiesCache, ContentTypesError, DialectDocument, DialectError, DialectFile,
    DocumentError, MediaTypeError, PatternError, Rehearsal, SeedError,
};
use vestibule::disclosure::document::{MetadataDocument, MetadataError};
use vestibule::disclosure::{Event, Field, SinkName, Withheld};
use vestibule::limit::{self, LimitsDocument, LimitsError, LimitsFile};
use vestibule::policy::{self, PolicyDocument, Position, Problem, TestOutcome};

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
    MetadataError::SinkDoesNotTake(..) => MetadataError::SinkDoesNotTake(SinkName::Gatekeeper, Event::Session), "sink-does-not-take";
    MetadataError::NoBasis => MetadataError::NoBasis, "no-basis";
    MetadataError::NoRecipient => MetadataError::NoRecipient, "no-recipient";
    MetadataError::Withheld(_) => MetadataError::Withheld(Withheld::from_name("sasl-message").unwrap()), "withheld";
    MetadataError::StampedTime(_) => MetadataError::StampedTime(SinkName::Audit), "stamped-time";
    MetadataError::BucketMisfit(_) => MetadataError::BucketMisfit(Field::Account), "bucket-misfit";
    MetadataError::RoundMisfit(_) => MetadataError::RoundMisfit(Field::Duration), "round-misfit";
    MetadataError::BoundsOfTime(_) => MetadataError::BoundsOfTime(Field::Duration), "bounds-of-time";
    MetadataError::BoundsOfNumbers(_) => MetadataError::BoundsOfNumbers(Field::Edits), "bounds-of-numbers";
    MetadataError::Bounds => MetadataError::Bounds, "bounds";
    MetadataError::RoundPeriod => MetadataError::RoundPeriod, "round-period";
    MetadataError::MetricsMisfit(_) => MetadataError::MetricsMisfit(Field::Account), "metrics-misfit";
    MetadataError::ExceptionWithoutRule => MetadataError::ExceptionWithoutRule, "exception-without-rule";
    MetadataError::DropInException => MetadataError::DropInException, "drop-in-exception";
    MetadataError::NoReason => MetadataError::NoReason, "no-reason";
    MetadataError::SmallSet => MetadataError::SmallSet, "small-set";
    MetadataError::Together { .. } => MetadataError::Together { sink: SinkName::Access, by: Position { line: 8, column: 11 } }, "together";
    MetadataError::PseudonymPeriod => MetadataError::PseudonymPeriod, "pseudonym-period";
    MetadataError::Digest => MetadataError::Digest, "digest";
    MetadataError::NoTestName => MetadataError::NoTestName, "no-test-name";
    MetadataError::TestValue(..) => MetadataError::TestValue(Field::SessionId, "a text; where it is expected as `pseudonym`"), "test-value";
}

golden_cases! { limits_errors: LimitsError;
    LimitsError::NoTime => LimitsError::NoTime, "no-time";
    LimitsError::SizeOutOfRange { .. } => LimitsError::SizeOutOfRange { smallest: 10_000, largest: 1 << 30 }, "size-out-of-range";
    LimitsError::LooserBeforeAuthentication => LimitsError::LooserBeforeAuthentication, "looser-before-authentication";
    LimitsError::BurstBelowStanza { .. } => LimitsError::BurstBelowStanza { kib: 256 }, "burst-below-stanza";
    LimitsError::NotOneTraffic => LimitsError::NotOneTraffic, "test-of-nothing";
    LimitsError::ExpectsNothing => LimitsError::ExpectsNothing, "test-that-expects-nothing";
    LimitsError::ExpectationOfAddress => LimitsError::ExpectationOfAddress, "test-of-a-client";
    LimitsError::RefusalOfAddress => LimitsError::RefusalOfAddress, "test-of-a-client";
    LimitsError::ExpectationOfClient => LimitsError::ExpectationOfClient, "test-of-an-address";
    LimitsError::RefusalOfClient => LimitsError::RefusalOfClient, "test-of-an-address";
}

golden_cases! { document_errors: DocumentError;
    DocumentError::DuplicateCarrier => DocumentError::DuplicateCarrier, "duplicate-carrier";
    DocumentError::PresenceIsSeen => DocumentError::PresenceIsSeen, "presence-is-seen";
    DocumentError::CapabilitiesAreSeen => DocumentError::CapabilitiesAreSeen, "capabilities-are-seen";
    DocumentError::NoWordsForDisco => DocumentError::NoWordsForDisco, "disco-without-words";
    DocumentError::NoWordForGroups => DocumentError::NoWordForGroups, "groups-without-a-word";
    DocumentError::UnusedSeeds => DocumentError::UnusedSeeds, "seeds-without-disco";
    DocumentError::Cycle => DocumentError::Cycle, "profile-that-extends-itself";
    DocumentError::EmptyProfile => DocumentError::EmptyProfile, "profile-that-receives-nothing";
    DocumentError::RemovesNothing => DocumentError::RemovesNothing, "removal-of-nothing";
    DocumentError::LimitsNothing => DocumentError::LimitsNothing, "size-of-nothing";
    DocumentError::LongAdvertisement => DocumentError::LongAdvertisement, "long-list";
    DocumentError::TooLongAdvertisement => DocumentError::TooLongAdvertisement, "too-long-list";
    DocumentError::UnusedProfile => DocumentError::UnusedProfile, "profile-that-nobody-has";
    DocumentError::NoPattern => DocumentError::NoPattern, "software-without-a-pattern";
    DocumentError::UnusedSoftware => DocumentError::UnusedSoftware, "software-that-nobody-asks-for";
    DocumentError::Version => DocumentError::Version, "version-that-is-none";
    DocumentError::NoRange => DocumentError::NoRange, "version-without-a-range";
    DocumentError::EmptyRange => DocumentError::EmptyRange, "version-range-of-nothing";
    DocumentError::VersionOfNothing => DocumentError::VersionOfNothing, "version-of-no-software";
    DocumentError::UnknownVersion => DocumentError::UnknownVersion, "version-that-is-not-known";
    DocumentError::NeverHolds => DocumentError::NeverHolds, "rule-that-never-holds";
    DocumentError::FallbackWithoutTexts => DocumentError::FallbackWithoutTexts, "fallback-without-texts";
    DocumentError::FallbackCannotBeRead => DocumentError::FallbackCannotBeRead, "fallback-that-nobody-can-read";
    DocumentError::Language => DocumentError::Language, "language-that-is-none";
    DocumentError::DuplicateLanguage => DocumentError::DuplicateLanguage, "duplicate-language";
    DocumentError::NoTextForAny => DocumentError::NoTextForAny, "texts-without-any";
    DocumentError::Text => DocumentError::Text, "text-that-xml-cannot-hold";
    DocumentError::LongText => DocumentError::LongText, "text-that-is-too-long";
    DocumentError::TooManyLanguages => DocumentError::TooManyLanguages, "too-many-languages";
    DocumentError::TwoStanzas => DocumentError::TwoStanzas, "test-of-two-stanzas";
    DocumentError::VerdictOfNothing => DocumentError::VerdictOfNothing, "test-of-no-verdict";
    DocumentError::StanzaOfNothing => DocumentError::StanzaOfNothing, "test-of-no-stanza";
    DocumentError::ExpectsNothing => DocumentError::ExpectsNothing, "test-that-expects-nothing";
}

golden_cases! { pattern_errors: PatternError;
    PatternError::Length => PatternError::Length, "pattern-of-nothing";
    PatternError::Braces => PatternError::Braces, "pattern-with-other-braces";
    PatternError::SecondVersion => PatternError::SecondVersion, "pattern-with-two-versions";
    PatternError::VersionGoesOn => PatternError::VersionGoesOn, "pattern-whose-version-goes-on";
}

golden_cases! { content_types_errors: ContentTypesError;
    ContentTypesError::Duplicate => ContentTypesError::Duplicate, "duplicate-media-type";
}

golden_cases! { media_type_errors: MediaTypeError;
    MediaTypeError::Name => MediaTypeError::Name, "media-type-with-a-wildcard";
    MediaTypeError::Parameter => MediaTypeError::Parameter, "media-type-parameter-without-a-value";
    MediaTypeError::DuplicateParameter => MediaTypeError::DuplicateParameter, "duplicate-media-type-parameter";
    MediaTypeError::TooLong => MediaTypeError::TooLong, "media-type-that-is-too-long";
}

golden_cases! { dialect_errors: DialectError;
    DialectError::Namespace => DialectError::Namespace, "namespace-with-a-space";
    DialectError::KnownNamespace => DialectError::KnownNamespace, "known-namespace";
    DialectError::NamespaceOfContent => DialectError::NamespaceOfContent, "namespace-of-a-content";
    DialectError::FeaturePrefix => DialectError::FeaturePrefix, "feature-prefix-without-a-colon";
    DialectError::WideFeaturePrefix => DialectError::WideFeaturePrefix, "feature-prefix-of-known-features";
    DialectError::KnownFormType => DialectError::KnownFormType, "form-of-software";
    DialectError::KnownElement => DialectError::KnownElement, "element-of-every-message";
    DialectError::SecondMeaning => DialectError::SecondMeaning, "element-with-two-meanings";
    DialectError::Name => DialectError::Name, "name-that-is-reserved";
    DialectError::DuplicateAttribute => DialectError::DuplicateAttribute, "duplicate-attribute";
    DialectError::Element => DialectError::Element, "element-without-a-namespace";
    DialectError::Source => DialectError::Source, "place-that-is-none";
    DialectError::Wrapper => DialectError::Wrapper, "wrapper-without-a-message";
    DialectError::ElementTaken => DialectError::ElementTaken, "element-that-is-taken";
    DialectError::NoClass => DialectError::NoClass, "content-without-a-class";
    DialectError::TwoClasses => DialectError::TwoClasses, "content-with-two-classes";
    DialectError::ClassByNoType => DialectError::ClassByNoType, "class-by-no-type";
    DialectError::TypeKind => DialectError::TypeKind, "class-by-what-is-no-type";
    DialectError::NoWord => DialectError::NoWord, "class-by-no-word";
    DialectError::TwoTypes => DialectError::TwoTypes, "content-with-two-types";
    DialectError::NoFeature => DialectError::NoFeature, "feature-without-a-name";
    DialectError::DuplicateFeature => DialectError::DuplicateFeature, "duplicate-feature";
    DialectError::TooManyElements => DialectError::TooManyElements, "too-many-elements";
}

golden_cases! { seed_errors: SeedError, never (
    // What the gate has passed can be read again.
    SeedError::Tree(_)
);
    SeedError::Xml(_) => seed_error("seed-without-xml"), "seed-without-xml";
    SeedError::NoQuery => seed_error("seed-without-query"), "seed-without-query";
    SeedError::IllFormed { .. } => seed_error("seed-without-set"), "seed-without-set";
}

fn seed_error(case: &str) -> SeedError {
    let seed = files::root().join(format!("tests/golden/policies/content-types/{case}.xml"));
    let cache = CapabilitiesCache::new(CacheLimits { entries: 0, bytes: 0 });
    cache.seed(&fs::read(seed).unwrap()).unwrap_err()
}

#[test]
fn every_golden_policy_of_metadata_is_judged_as_expected() {
    assert_judged("metadata", load::<MetadataDocument>, &[metadata_errors()]);
}

#[test]
fn every_golden_policy_of_limits_is_judged_as_expected() {
    assert_judged("limits", load::<LimitsDocument>, &[limits_errors()]);
}

#[test]
fn every_golden_policy_of_content_types_is_judged_as_expected() {
    let errors =
        [document_errors(), pattern_errors(), content_types_errors(), media_type_errors(), seed_errors()];
    assert_judged("content-types", load_with_files, &errors);
}

#[test]
fn every_golden_dialect_is_judged_as_expected() {
    assert_judged("dialects", load::<DialectDocument>, &[dialect_errors()]);
}

/// What an operator who runs `vestibule policy test policies` is told.
#[test]
fn the_tests_of_the_shipped_policies_pass() {
    for file in files::yaml_files("policies/content-types") {
        let LoadedPolicy { value: (policy, tests), .. } = config::load_content_types(&file).unwrap();
        let rehearsal = Rehearsal::new(policy).unwrap();
        assert_passed(&file, &policy::run_tests(&rehearsal, &tests));
    }
    for file in files::yaml_files("policies/dialects") {
        let DialectFile { dialect, tests } = config::load_policy::<DialectDocument>(&file).unwrap().value;
        assert_passed(&file, &policy::run_tests(&dialect, &tests));
    }
    for file in files::yaml_files("policies/limits") {
        let LimitsFile { limits, tests } = config::load_policy::<LimitsDocument>(&file).unwrap().value;
        assert_passed(&file, &policy::run_tests(&limit::Rehearsal::new(limits, Instant::now()), &tests));
    }
    for file in files::yaml_files("policies/metadata") {
        let MetadataPolicy { policy, tests, .. } = config::load_metadata(&file).unwrap().value;
        assert_passed(&file, &policy::run_tests(&policy, &tests));
    }
}

/// What docs/privacy.md lists of the metadata policies is what there is.
#[test]
fn the_page_tells_every_sink_event_action_and_policy() {
    let page = fs::read_to_string(files::root().join("docs/privacy.md")).unwrap();
    let listed = |head: &str| -> Vec<String> {
        let rows = page.lines().skip_while(|line| !line.starts_with(head)).skip(2);
        let names = rows.map_while(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
        names.collect()
    };
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(listed("| sink |"), names(&SinkName::ALL.map(SinkName::name)));
    assert_eq!(listed("| event |"), names(&Event::ALL.map(Event::name)));
    assert_eq!(listed("| action |").into_iter().collect::<BTreeSet<_>>(), actions());
    let shipped = files::yaml_files("policies/metadata");
    let shipped = shipped.iter().map(|file| file.strip_prefix(files::root()).unwrap().display().to_string());
    assert_eq!(listed("| file |").into_iter().collect::<BTreeSet<_>>(), shipped.collect());
}

/// The actions of the printed schema: words, and keys of mappings.
fn actions() -> BTreeSet<String> {
    let schema = policy::schema::<MetadataDocument>();
    let forms = schema.pointer("/$defs/ActionDocument/oneOf").unwrap().as_array().unwrap();
    let keys =
        forms.iter().filter_map(|form| form["properties"].as_object()).flat_map(|keys| keys.keys().cloned());
    let words = forms.iter().flat_map(|form| form["enum"].as_array().cloned().unwrap_or_default());
    let word = forms.iter().map(|form| form["const"].clone());
    keys.chain(words.chain(word).filter_map(|word| word.as_str().map(str::to_owned))).collect()
}

fn assert_passed(file: &Path, outcomes: &[TestOutcome]) {
    assert!(outcomes.len() >= 3, "{} has tests", file.display());
    for TestOutcome { name, mismatches } in outcomes {
        assert_eq!(mismatches.as_slice(), [], "{}: {}", file.display(), name.value);
    }
}

/// The folder's files are judged as its `expected.txt` says, and each of `errors` is shown by the file of its case.
fn assert_judged(folder: &str, load: fn(&Path) -> Judgement, errors: &[Vec<(&'static str, String)>]) {
    let folder = format!("tests/golden/policies/{folder}");
    let mut cases = files::yaml_files(&folder);
    cases.sort();
    let found: String = cases.iter().map(|case| lines(case, load(case))).collect();
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

/// The warnings of a file that is right, or its problems.
type Judgement = Result<Vec<Problem>, Vec<Problem>>;

/// A line for each problem or warning.
fn lines(file: &Path, judgement: Judgement) -> String {
    let name = file.file_name().unwrap().to_string_lossy();
    let (problems, kind) = match judgement {
        Ok(warnings) => (warnings, "warning: "),
        Err(problems) => (problems, ""),
    };
    problems.iter().map(|problem| format!("{name}:{}: {kind}{}\n", problem.at, problem.cause)).collect()
}

fn load<D: PolicyDocument>(file: &Path) -> Judgement {
    policy::load::<D>(&fs::read_to_string(file).unwrap()).map(|loaded| loaded.warnings)
}

/// A content-types file is judged together with the files that it names.
fn load_with_files(file: &Path) -> Judgement {
    let problems = |found: Vec<FileProblem>| found.into_iter().map(|found| found.problem).collect();
    match config::load_content_types(file) {
        Ok(loaded) => Ok(problems(loaded.warnings)),
        Err(error) => Err(problems(error.problems)),
    }
}
