use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::disclosure::tests::{load, rule};
use crate::disclosure::{Action, Buckets, Field, Rounding, Truncation};
use crate::policy::{self, Cause, Moment, Position, run_tests};

const SHIPPED: [&str; 4] = [
    include_str!("../../../policies/metadata/default-deny.yaml"),
    include_str!("../../../policies/metadata/operations.yaml"),
    include_str!("../../../policies/metadata/abuse.yaml"),
    include_str!("../../../policies/metadata/incident.yaml"),
];
const OPERATIONS: &str = SHIPPED[1];
const INCIDENT: &str = SHIPPED[3];

#[test]
fn the_shipped_policies_load_without_warnings_and_pass_their_tests() {
    for text in SHIPPED {
        let loaded = policy::load::<MetadataDocument>(text).unwrap();
        assert_eq!(loaded.warnings, []);
        for outcome in run_tests(&loaded.value.policy, &loaded.value.tests) {
            assert_eq!(outcome.mismatches, [], "{}", outcome.name.value);
        }
    }
}

#[test]
fn the_template_for_incidents_lets_out_what_operations_does_once_its_exceptions_are_over() {
    let (operations, incident) = (load(OPERATIONS), load(INCIDENT));
    let now = time("2026-01-01T00:00:00Z");
    assert_eq!(incident.interest(now), operations.interest(now));
    for (sink, event, rule) in operations.rules() {
        let other = incident.rule(sink, event).unwrap();
        assert!(Field::ALL.iter().all(|&field| rule.action(field, now) == other.action(field, now)));
    }
    assert_eq!(incident.rules().count(), operations.rules().count());
}

#[test]
fn a_rule_tells_its_purpose_basis_retention_and_recipients() {
    let text = "rules:\n  - { sink: access, events: [session], purpose: p, basis: b, retention: 14d, recipients: [a, c], fields: { account: pseudonym } }\n";
    let policy = load(text);
    let rule = policy.rule(SinkName::Access, Event::Session).unwrap();
    assert_eq!((rule.purpose.as_str(), rule.basis.as_str()), ("p", "b"));
    assert_eq!(rule.retention, Duration::from_secs(14 * 86_400));
    assert_eq!(rule.recipients, ["a", "c"]);
    assert_eq!(*rule.action(Field::Account, UNIX_EPOCH), Action::Pseudonym);
    assert_eq!(*rule.action(Field::Resource, UNIX_EPOCH), Action::Drop);
}

#[test]
fn a_text_of_which_nothing_can_be_seen_is_none() {
    let text = |blank: &str, what: &str| {
        let [purpose, basis, recipient, reason, name] = ["purpose", "basis", "recipient", "reason", "name"]
            .map(|word| if word == what { blank } else { word });
        format!(
            "rules:\n  - {{ sink: access, events: [session], purpose: {purpose}, basis: {basis}, retention: 14d, \
             recipients: [{recipient}], fields: {{ time: keep }} }}\nexceptions:\n  - {{ sink: access, events: [session], \
             fields: {{ host: keep }}, reason: {reason}, until: 2026-12-01T12:00:00Z }}\ntests:\n  - {{ name: {name}, event: \
             session, given: {{ time: 2026-12-01T12:00:00Z }}, expect: {{}} }}\n"
        )
    };
    load(&text("\"\u{439}\"", "purpose"));
    let cases = [
        ("purpose", MetadataError::NoPurpose),
        ("basis", MetadataError::NoBasis),
        ("recipient", MetadataError::NoRecipient),
        ("reason", MetadataError::NoReason),
        ("name", MetadataError::NoTestName),
    ];
    for (what, error) in cases {
        for blank in
            ["", " ", "\u{200b}", "\u{202e} \u{feff}", "\u{3164}", "\u{ffa0}", "\u{2800}", "\u{fe0f}"]
        {
            assert_eq!(problem(&text(&format!("\"{blank}\""), what)).2, error.to_string(), "{blank:?}");
        }
    }
}

#[test]
fn every_action_is_read_as_it_is_written() {
    let cases = [
        ("duration: { bucket: [1min, 1h] }", Field::Duration, buckets(&[60_000, 3_600_000])),
        (
            "bytes-from-client: { bucket: [1 KiB, 1048576] }",
            Field::BytesFromClient,
            buckets(&[1_024, 1 << 20]),
        ),
        (
            "time: { round: 1h }",
            Field::Time,
            Action::Round(Rounding::new(Duration::from_secs(3_600)).unwrap()),
        ),
        (
            "client-address: { truncate: { v4: 24, v6: 48 } }",
            Field::ClientAddress,
            Action::Truncate(Truncation::new(24, 48).unwrap()),
        ),
    ];
    for (fields, field, action) in cases {
        let policy = load(&rule("access", "[session]", "tests", "1d", fields));
        assert_eq!(*policy.rule(SinkName::Access, Event::Session).unwrap().action(field, UNIX_EPOCH), action);
    }
}

#[test]
fn all_that_may_stand_in_the_place_of_an_action_or_a_bound_is_told() {
    let of_fields = |fields: &str| problem(&rule("access", "[session]", "tests", "1d", fields));
    let actions =
        "nothing is chosen here; right would be `drop`, `keep`, `pseudonym`, `truncate`, `bucket` or `round`";
    assert_eq!(of_fields("edits: {}"), (7, 22, actions.to_owned()));
    let (line, column, reason) = of_fields("duration: { bucket: [1m, 1h] }");
    assert_eq!((line, column), (7, 36));
    assert!(
        reason.starts_with("a size such as") && reason.contains("or a length of time such as"),
        "{reason}"
    );
}

#[test]
fn an_action_that_does_not_fit_its_field_is_refused_at_the_field() {
    for &field in Field::ALL {
        let event = Event::ALL.into_iter().find(|&event| field.occurs_in(event)).unwrap();
        let actions = [
            (Action::Pseudonym, "pseudonym", MetadataError::PseudonymMisfit(field)),
            (
                Action::Truncate(Truncation::new(24, 48).unwrap()),
                "{ truncate: { v4: 24, v6: 48 } }",
                MetadataError::TruncateMisfit(field),
            ),
            (
                Action::Round(Rounding::new(Duration::from_secs(1)).unwrap()),
                "{ round: 1s }",
                MetadataError::RoundMisfit(field),
            ),
        ];
        for (action, yaml, error) in actions {
            let error = match (field, &action) {
                (Field::SessionId, Action::Pseudonym) => MetadataError::SessionIdPseudonym,
                _ => error,
            };
            let fields = format!("{}: {yaml}", field.name());
            let text = rule("access", &format!("[{}]", event.name()), "tests", "1d", &fields);
            if action.fits(field) {
                load(&text);
            } else {
                assert_eq!(problem(&text), (7, 15, error.to_string()), "{fields}");
            }
        }
    }
}

#[test]
fn metrics_have_labels_of_which_there_are_few_values_only() {
    for &field in Field::ALL {
        let event = Event::ALL.into_iter().find(|&event| field.occurs_in(event)).unwrap();
        let text = rule(
            "metrics",
            &format!("[{}]", event.name()),
            "tests",
            "1d",
            &format!("{}: keep", field.name()),
        );
        if field == Field::Host || field.form() == crate::disclosure::Form::Token {
            load(&text);
        } else {
            assert_eq!(problem(&text), (7, 15, MetadataError::MetricsMisfit(field).to_string()));
        }
    }
    load(&rule(
        "metrics",
        "[session]",
        "tests",
        "1d",
        "{ edits: { bucket: [1] }, duration: { bucket: [1s] } }",
    ));
    for fields in
        ["time: { round: 1h }", "account: pseudonym", "client-address: { truncate: { v4: 8, v6: 16 } }"]
    {
        let (_, _, reason) = problem(&rule("metrics", "[session]", "tests", "1d", fields));
        assert!(reason.starts_with("the labels of metrics"), "{reason}");
    }
}

#[test]
fn only_the_events_that_a_sink_takes_have_rules() {
    for sink in SinkName::ALL {
        for event in Event::ALL {
            let fields = if sink.stamps_time() { "time: keep" } else { "tls-version: keep" };
            let text = rule(sink.name(), &format!("[{}]", event.name()), "tests", "1d", fields);
            if sink.takes(event) {
                load(&text);
            } else {
                let error = MetadataError::SinkDoesNotTake(sink, event);
                assert_eq!(problem(&text), (3, 14, error.to_string()));
            }
        }
    }
}

#[test]
fn a_sink_that_tells_the_time_by_itself_has_it_in_every_rule() {
    for sink in SinkName::ALL.into_iter().filter(|sink| sink.stamps_time()) {
        let error = MetadataError::StampedTime(sink).to_string();
        let of_sink = |fields: &str| rule(sink.name(), "[session]", "tests", "1d", fields);
        assert_eq!(problem(&of_sink("host: keep")), (2, 11, error.clone()));
        for fields in ["time: drop", "time: { round: 1h }"] {
            assert_eq!(problem(&of_sink(fields)), (7, 15, error.clone()));
        }
        for fields in ["time: drop", "time: { round: 1h }"] {
            let text = of_sink("time: keep") + &exception(sink.name(), fields);
            assert_eq!(problem(&text), (13, 15, error.clone()));
        }
        load(&(of_sink("time: keep, host: keep") + &exception(sink.name(), "time: keep, sni: keep")));
        let never = "never_together:\n  - [client-address, time]\n";
        let (_, _, reason) = problem(&(of_sink("time: keep, client-address: keep") + never));
        assert!(reason.contains(sink.name()), "{reason}");
    }
    load(&rule("access", "[session]", "tests", "1d", "host: keep"));
}

#[test]
fn a_rule_that_discloses_nothing_is_warned_about() {
    let text = rule("access", "[session]", "tests", "1d", "time: drop");
    let warnings = policy::load::<MetadataDocument>(&text).unwrap().warnings;
    let at = Position { line: 4, column: 14 };
    assert_eq!(warnings, [Problem::invalid(at, &MetadataError::NothingDisclosed)]);
}

#[test]
fn a_rule_that_discloses_by_an_exception_only_is_not_warned_about() {
    let text = rule("access", "[session]", "tests", "1d", "{}") + &exception("access", "time: keep");
    assert_eq!(policy::load::<MetadataDocument>(&text).unwrap().warnings, []);
}

#[test]
fn an_exception_holds_until_its_end_and_no_longer() {
    let text = rule("access", "[session]", "tests", "1d", "account: pseudonym")
        + &exception("access", "account: keep");
    let file = policy::load::<MetadataDocument>(&text).unwrap().value;
    let rule = file.policy.rule(SinkName::Access, Event::Session).unwrap();
    let end = time("2026-12-01T12:00:00Z");
    assert_eq!(*rule.action(Field::Account, end - Duration::from_millis(1)), Action::Keep);
    assert_eq!(*rule.action(Field::Account, end), Action::Pseudonym);
    assert_eq!(file.policy.next_end(UNIX_EPOCH), Some(end));
    let [told] = &file.ends[..] else { panic!("one end") };
    assert_eq!((told.value, told.at.line), (end, 12));
}

#[test]
fn content_and_credentials_cannot_be_named_and_it_is_said_why() {
    for withheld in crate::disclosure::WITHHELD {
        let fields = format!("{}: keep", withheld.name);
        let (line, column, reason) = problem(&rule("access", "[session]", "tests", "1d", &fields));
        assert_eq!((line, column, reason), (7, 15, MetadataError::Withheld(withheld).to_string()));
    }
    let (_, _, reason) = problem(&rule("access", "[session]", "tests", "1d", "body: keep"));
    assert_eq!(reason, "the field `body` is content, which no policy can let out");
    for name in ["password", "token", "stanza"] {
        let text = rule("access", "[session]", "tests", "1d", &format!("{name}: keep"));
        let problems = policy::load::<MetadataDocument>(&text).unwrap_err();
        assert!(matches!(problems[..], [Problem { cause: Cause::UnknownKey { .. }, .. }]), "{problems:?}");
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
fn a_set_is_held_by_all_rules_and_exceptions_of_a_sink_together() {
    let never = "never_together:\n  - [account, refusal-kind]\n";
    let session = rule("access", "[session]", "tests", "1d", "account: pseudonym");
    let refusal = |sink: &str| {
        let rule = rule(sink, "[refusal]", "tests", "1d", "time: keep, refusal-kind: keep");
        rule.trim_start_matches("rules:\n").to_owned()
    };
    load(&format!("{session}{}{never}", refusal("audit")));
    let (line, column, reason) = problem(&format!("{session}{}{never}", refusal("access")));
    let by = Position { line: 8, column: 11 };
    let error = MetadataError::Together { sink: SinkName::Access, by };
    assert_eq!((line, column, reason), (15, 5, error.to_string()));
    let dropped = session.replace("account: pseudonym", "account: drop, time: keep");
    load(&format!("{dropped}{}{never}", refusal("access")));
}

#[test]
fn a_prefix_out_of_range_is_refused() {
    let fields = "client-address: { truncate: { v4: 32, v6: 48 } }";
    let problems =
        policy::load::<MetadataDocument>(&rule("access", "[session]", "tests", "1d", fields)).unwrap_err();
    assert!(matches!(problems[..], [Problem { cause: Cause::OutOfRange { .. }, .. }]), "{problems:?}");
}

#[test]
fn a_test_that_is_wrong_fails_at_what_is_wrong_in_it() {
    let text = rule(
        "access",
        "[session]",
        "tests",
        "1d",
        "{ account: pseudonym, host: keep, tls-version: keep, edits: keep }",
    ) + "tests:\n  - name: all\n    event: session\n    given: { time: 2026-11-23T07:00:00Z, account: a@b.example, host: h.example, tls-version: '1.3', edits: 3 }\n    expect:\n      access: { account: a@b.example, host: h.example, edits: 1 KiB, time: 2026-11-23T07:00:00Z }\n      audit: { host: h.example }\n";
    let file = policy::load::<MetadataDocument>(&text).unwrap().value;
    let [outcome] = &run_tests(&file.policy, &file.tests)[..] else { panic!("one test") };
    let told: Vec<String> =
        outcome.mismatches.iter().map(|mismatch| format!("{} {}", mismatch.at, mismatch.reason)).collect();
    assert_eq!(
        told,
        [
            "13:70 `time` in `access` should be 2026-11-23T07:00:00Z, but is nothing",
            "13:7 `tls-version` in `access` should be nothing, but is 1.3",
            "13:17 `account` in `access` should be a@b.example, but is pseudonym",
            "13:56 `edits` in `access` should be 1024, but is 3",
            "14:16 `host` in `audit` should be h.example, but is nothing",
        ]
    );
}

/// An exception for the sessions of a sink.
fn exception(sink: &str, fields: &str) -> String {
    format!(
        "exceptions:\n  - sink: {sink}\n    events: [session]\n    reason: tests\n    until: 2026-12-01T13:00:00+01:00\n    \
         fields: {{ {fields} }}\n"
    )
}

fn buckets(bounds: &[u64]) -> Action {
    Action::Bucket(Buckets::new(bounds).unwrap())
}

fn time(text: &str) -> SystemTime {
    Moment::parse(text).unwrap().time()
}

/// The only problem of a file: its line, column and reason.
fn problem(text: &str) -> (u64, u64, String) {
    let problems = policy::load::<MetadataDocument>(text).unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    (problem.at.line, problem.at.column, problem.cause.to_string())
}
