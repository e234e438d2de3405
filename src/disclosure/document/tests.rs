use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::disclosure::tests::{load, rule};
use crate::policy::{self, Cause, Position};

const DEFAULT_DENY: &str = include_str!("../../../policies/metadata/default-deny.yaml");
const OPERATIONS: &str = include_str!("../../../policies/metadata/operations.yaml");

#[test]
fn the_shipped_policies_load_without_warnings() {
    for text in [DEFAULT_DENY, OPERATIONS] {
        assert_eq!(policy::load::<MetadataDocument>(text).unwrap().warnings, []);
    }
}

#[test]
fn a_rule_tells_its_purpose_basis_and_retention() {
    let policy = load(OPERATIONS);
    let rule = policy.rule(SinkName::Access, Event::Session).unwrap();
    assert!(rule.purpose.contains("operating"));
    assert!(rule.basis.contains("GDPR"));
    assert_eq!(rule.retention, Duration::from_secs(14 * 86_400));
    assert_eq!(*rule.action(Field::Account, UNIX_EPOCH), Action::Pseudonym);
    assert_eq!(*rule.action(Field::Resource, UNIX_EPOCH), Action::Drop);
}

#[test]
fn an_action_that_does_not_fit_its_field_is_refused_at_the_field() {
    for &field in Field::ALL {
        for (action, yaml, error) in [
            (Action::Pseudonym, "pseudonym", MetadataError::PseudonymMisfit(field)),
            (
                Action::Truncate(Truncation::new(24, 48).unwrap()),
                "{ truncate: { v4: 24, v6: 48 } }",
                MetadataError::TruncateMisfit(field),
            ),
        ] {
            let text =
                rule("access", "[session, refusal]", "tests", "1d", &format!("{}: {yaml}", field.name()));
            match policy::load::<MetadataDocument>(&text) {
                Ok(_) => assert!(action.fits(field), "{}: {yaml}", field.name()),
                Err(_) if field == Field::SessionId && action == Action::Pseudonym => {
                    assert_eq!(problem(&text), (7, 15, MetadataError::SessionIdPseudonym.to_string()));
                }
                Err(_) => {
                    assert!(!action.fits(field));
                    assert_eq!(problem(&text), (7, 15, error.to_string()));
                }
            }
        }
    }
}

#[test]
fn what_a_rule_cannot_mean_is_refused_with_its_place() {
    let cases = [
        (
            rule("access", "[session]", "tests", "1d", "refusal-kind: keep"),
            (7, 15, MetadataError::FieldNotInEvents(Field::RefusalKind)),
        ),
        (rule("access", "[session]", "' '", "1d", "time: keep"), (4, 14, MetadataError::NoPurpose)),
        (rule("access", "[session]", "tests", "0d", "time: keep"), (6, 16, MetadataError::NoRetention)),
        (
            rule("access", "[session, session]", "tests", "1d", "time: keep"),
            (3, 23, MetadataError::SecondRule),
        ),
    ];
    for (text, (line, column, error)) in cases {
        assert_eq!(problem(&text), (line, column, error.to_string()), "{text}");
    }
}

#[test]
fn a_rule_that_discloses_nothing_is_warned_about() {
    let text = rule("access", "[session]", "tests", "1d", "time: drop");
    let warnings = policy::load::<MetadataDocument>(&text).unwrap().warnings;
    let at = Position { line: 4, column: 14 };
    assert_eq!(warnings, [Problem::invalid(at, &MetadataError::NothingDisclosed)]);
}

#[test]
fn content_and_credentials_cannot_be_named() {
    for name in ["body", "stanza", "password", "token", "resumption-id"] {
        let text = rule("access", "[session]", "tests", "1d", &format!("{name}: keep"));
        let problems = policy::load::<MetadataDocument>(&text).unwrap_err();
        assert!(
            matches!(problems[..], [Problem { cause: Cause::UnknownKey { .. }, .. }]),
            "{name}: {problems:?}"
        );
    }
}

#[test]
fn an_unknown_field_does_not_hide_what_else_is_wrong() {
    let text = rule("access", "[session]", "tests", "1d", "{ acount: keep, host: pseudonym }");
    let problems: Vec<String> =
        policy::load::<MetadataDocument>(&text).unwrap_err().iter().map(Problem::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("did you mean `account`?"), "{problems:?}");
    assert!(problems[1].contains("`pseudonym` fits"), "{problems:?}");
}

#[test]
fn what_is_designed_but_not_built_is_not_supported_yet() {
    let texts = [
        rule("diagnostics", "[session]", "tests", "1d", "time: keep"),
        rule("gatekeeper", "[session]", "tests", "1d", "time: keep"),
        rule("metrics", "[session]", "tests", "1d", "time: keep"),
        rule("access", "[session]", "tests", "1d", "time: round"),
        rule("access", "[session]", "tests", "1d", "time: { round: 1min }"),
        rule("access", "[session]", "tests", "1d", "duration: bucket"),
        rule("access", "[session]", "tests", "1d", "duration: { bucket: [1s, 1min] }"),
        "rules: []\nexceptions: []\n".to_owned(),
        "rules: []\nnever_together: []\n".to_owned(),
        "rules: []\nshadow: other.yaml\n".to_owned(),
        "rules: []\ntests: []\n".to_owned(),
        "rules: []\nwidens: sha256:00\n".to_owned(),
    ];
    for text in texts {
        let problems = policy::load::<MetadataDocument>(&text).unwrap_err();
        assert!(problems.iter().all(|problem| problem.cause == Cause::NotSupportedYet), "{text}{problems:?}");
    }
}

#[test]
fn a_prefix_out_of_range_is_refused() {
    let fields = "client-address: { truncate: { v4: 32, v6: 48 } }";
    let problems =
        policy::load::<MetadataDocument>(&rule("access", "[session]", "tests", "1d", fields)).unwrap_err();
    assert!(matches!(problems[..], [Problem { cause: Cause::OutOfRange { .. }, .. }]), "{problems:?}");
}

/// The only problem of a file: its line, column and reason.
fn problem(text: &str) -> (u64, u64, String) {
    let problems = policy::load::<MetadataDocument>(text).unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    (problem.at.line, problem.at.column, problem.cause.to_string())
}
