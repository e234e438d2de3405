use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use zeroize::Zeroizing;

use super::*;
use crate::disclosure::catalogue::{Datum, Event, Field, Form, SessionId, Value};
use crate::disclosure::disclosed::{DisclosedValue, SinkName};
use crate::disclosure::policy::{Exception, Rule};
use crate::disclosure::pseudonym::PseudonymKeys;
use crate::disclosure::tests::{load, rule};
use crate::disclosure::{Action, Buckets, Rounding, Truncation};

/// What stands in a policy that lets out more, what in its place in the base, the change that this is, and whether each of
/// both lets out something that the other one does not.
const WIDER: &[(&str, &str, &str, bool)] = &[
    ("purpose: other", "purpose: tests", "purpose", true),
    ("basis: other", "basis: tests", "basis", true),
    ("retention: 15d", "retention: 14d", "retention", false),
    // Left out, it is the provider itself who sees it.
    ("recipients: [somebody]", "recipients: []", "recipient", true),
    ("recipients: [the provider itself, somebody]", "recipients: []", "recipient", false),
    ("account: keep", "account: pseudonym", "account", false),
    (
        "client-address: { truncate: { v4: 25, v6: 48 } }",
        "client-address: { truncate: { v4: 24, v6: 48 } }",
        "client-address",
        false,
    ),
    (
        "client-address: { truncate: { v4: 24, v6: 49 } }",
        "client-address: { truncate: { v4: 24, v6: 48 } }",
        "client-address",
        false,
    ),
    ("client-address: pseudonym", "client-address: { truncate: { v4: 24, v6: 48 } }", "client-address", true),
    ("duration: { bucket: [1s, 1min, 1h] }", "duration: { bucket: [1min, 1h] }", "duration", false),
    ("duration: { bucket: [2min, 1h] }", "duration: { bucket: [1min, 1h] }", "duration", true),
    ("time: { round: 30min }", "time: { round: 1h }", "time", false),
    ("time: { round: 90min }", "time: { round: 1h }", "time", true),
    ("time: keep", "time: { round: 1h }", "time", false),
    ("edits: keep", "edits: drop", "edits", false),
    ("period: 2d", "period: 1d", "pseudonyms", false),
    ("2026-12-02", "2026-12-01", "host", false),
    ("reason: other", "reason: tests", "reason", true),
];

#[test]
fn what_widens_is_more_and_the_other_way_round_less() {
    let base = base();
    for &(wider, narrower, what, both) in WIDER {
        assert!(base.contains(narrower), "{narrower}");
        let (old, new) = (statement(&base), statement(&base.replacen(narrower, wider, 1)));
        let comparison = compare(&old, &new);
        assert_eq!(whats(&comparison.more), [what], "{wider}");
        assert_eq!(whats(&comparison.less), if both { vec![what] } else { vec![] }, "{wider}");
    }
}

#[test]
fn a_new_rule_lets_out_its_fields_and_a_rule_that_is_gone_does_not() {
    let (nothing, base) = (statement("rules: []\n"), statement(&base()));
    let mut more = compare(&nothing, &base).more;
    more.retain(|change| change.sink.as_deref() == Some("access"));
    assert_eq!(whats(&more), ["time", "client-address", "account", "duration", "host"]);
    assert!(more.iter().all(|change| change.before.is_none() && change.event.as_deref() == Some("session")));
    assert_eq!(more.last().unwrap().until.as_deref(), Some("2026-12-01T12:00:00Z"));
    assert_eq!(whats(&compare(&base, &nothing).more), [""; 0]);
}

#[test]
fn a_set_that_is_given_up_is_more_where_a_sink_holds_all_of_it() {
    let rules = |sink: &str, field: &str| {
        rule("access", "[session]", "tests", "1d", "account: keep")
            + &rule(sink, "[connection]", "tests", "1d", field).replacen("rules:\n", "", 1)
    };
    let apart = "never_together:\n  - [client-address, account]\n".to_owned();
    let old = statement(&(apart + &rules("access", "sni: keep")));
    let more = |new: &str| compare(&old, &statement(new)).more;
    assert_eq!(whats(&more(&rules("access", "sni: keep"))), [""; 0]);
    assert_eq!(whats(&more(&rules("gatekeeper", "client-address: keep"))), ["client-address"]);
    let joined = more(&rules("access", "client-address: keep"));
    assert_eq!(whats(&joined), ["client-address", "never_together"]);
    assert_eq!(joined[1].before.as_deref(), Some("client-address, account"));
}

#[test]
fn a_longer_period_is_more_only_where_something_can_be_linked() {
    for (field, is_more) in [("host: keep", false), ("session-id: keep", true), ("account: pseudonym", true)]
    {
        let rule = rule("access", "[session]", "tests", "1d", field);
        let of = |days| statement(&format!("pseudonyms: {{ period: {days}d }}\n{rule}"));
        assert_eq!(compare(&of(1), &of(2)).widens(), is_more, "{field}");
    }
}

#[test]
fn an_exception_that_says_less_than_its_rule_is_not_more() {
    let rule = rule("access", "[session]", "tests", "1d", "time: keep");
    let exception = "exceptions:\n  - { sink: access, events: [session], fields: { time: { round: 1h } }, reason: tests, until: 2026-12-01T12:00:00Z }\n";
    let comparison = compare(&statement(&rule), &statement(&(rule.clone() + exception)));
    assert_eq!(whats(&comparison.more), ["reason"]);
    assert_eq!(whats(&comparison.less), ["time"]);
}

#[test]
fn only_an_announced_policy_may_widen() {
    let old = statement("rules: []\n");
    let text = rule("access", "[session]", "tests", "1d", "time: keep");
    let refused = may_replace(&old, &load(&text)).unwrap_err();
    assert_eq!(refused.before, old.digest);
    assert!(refused.to_string().contains(&format!("`widens: {}`", old.digest)), "{refused}");
    let announced = load(&format!("widens: {}\n{text}", old.digest));
    assert!(may_replace(&old, &announced).unwrap().widens());
    let another = load(&format!("widens: {}\n{text}", Digest::of(b"another")));
    assert!(may_replace(&old, &another).is_err());
    assert!(!may_replace(&load(&text).statement(), &load("rules: []\n")).unwrap().widens());
}

#[test]
fn a_refusal_tells_what_is_let_out_more_with_each_change_in_a_line() {
    let old = statement(&rule("access", "[session]", "tests", "1d", "account: pseudonym"));
    let mut text = rule("access", "[session]", "\"a\\nb\\e\"", "2d", "account: keep");
    text += "exceptions:\n  - { sink: access, events: [session], fields: { host: keep }, reason: tests, until: 2026-12-01T12:00:00Z }\n";
    let refused = may_replace(&old, &load(&text)).unwrap_err().to_string();
    let lines: Vec<&str> = refused.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  access, session, account: as a pseudonym -> as observed",
            "  access, session, host: nothing -> as observed until 2026-12-01T12:00:00Z",
            "  access, session, purpose: tests -> a\\u{a}b\\u{1b}",
            "  access, session, retention: 1 day -> 2 days",
            "  access, session, reason: nothing -> tests",
        ]
    );
}

#[test]
fn names_that_are_not_known_are_compared_as_text() {
    let mut old = statement(&rule("access", "[session]", "tests", "1d", "time: keep"));
    old.rules[0].sink = "carrier-pigeon".to_owned();
    old.rules[0].fields[0].field = "mood".to_owned();
    let mut new = old.clone();
    assert_eq!(compare(&old, &new), Comparison::default());
    new.rules[0].fields[0].field = "weather".to_owned();
    assert_eq!(whats(&compare(&old, &new).more), ["weather"]);
}

proptest! {
    // Most pairs differ in more than one way, so that it takes many to meet each way alone.
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn a_policy_lets_out_neither_more_nor_less_than_itself(policy in policies()) {
        prop_assert_eq!(compare(&policy.statement(), &policy.statement()), Comparison::default());
    }

    #[test]
    fn what_is_more_is_less_the_other_way_round(old in policies(), new in policies()) {
        let (there, back) = (compare(&old.statement(), &new.statement()), compare(&new.statement(), &old.statement()));
        let reversed: Vec<Change> = back.less.into_iter().map(Change::reversed).collect();
        prop_assert_eq!(there.more, reversed);
    }

    #[test]
    fn what_lets_out_less_is_never_more(
        old in policies(),
        sets in sets(),
        days in 1..3_u64,
        stays in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut stays = stays.into_iter().cycle();
        let mut new = old.statement();
        new.never_together = sets.iter().map(|set| set.iter().map(|field| field.name().to_owned()).collect()).collect();
        for rule in &mut new.rules {
            // Exceptions stay: the field behind one may say more than it.
            rule.fields.retain(|_| stays.next().unwrap());
        }
        new.rules.retain(|_| stays.next().unwrap());
        if !new.rules.iter().any(RuleStatement::discloses_linkable) {
            new.pseudonym_period = days * 86_400;
        }
        prop_assert_eq!(compare(&old.statement(), &new).more, Vec::new());
    }

    #[test]
    fn no_widening_is_missed(old in policies(), new in policies(), seen in observed()) {
        let comparison = compare(&old.statement(), &new.statement());
        for (sink, event, _) in new.rules() {
            let known = seen.let_out(&old, sink, event);
            for (field, value) in seen.let_out(&new, sink, event) {
                let known = known.iter().find(|(known, _)| *known == field).map(|(_, value)| value);
                if known.is_some_and(|known| tells(known, &value, seen.datum(field))) {
                    continue;
                }
                let is_pseudonym = matches!(value, DisclosedValue::Pseudonym(_));
                let told = comparison.more.iter().any(|change| {
                    change.sink.as_deref() == Some(sink.name())
                        && change.event.as_deref() == Some(event.name())
                        && (change.what == field.name() || (is_pseudonym && change.what == "purpose"))
                });
                prop_assert!(told, "{:?}: {:?}", field, comparison);
            }
        }
    }
}

/// Whether who knows `known` of an `observed` value can work out `value`.
fn tells(known: &DisclosedValue, value: &DisclosedValue, observed: Datum<'_>) -> bool {
    match (known, value) {
        (DisclosedValue::Moment(known), DisclosedValue::Moment(value)) => {
            matches!(observed, Datum::Moment(observed) if observed == *known) || value <= known
        }
        (DisclosedValue::Prefix(_, known), DisclosedValue::Prefix(_, value)) => value <= known,
        (DisclosedValue::NumberRange(from, to), DisclosedValue::NumberRange(wider, end)) => {
            wider <= from && end.is_none_or(|end| to.is_some_and(|to| to <= end))
        }
        (DisclosedValue::SpanRange(from, to), DisclosedValue::SpanRange(wider, end)) => {
            wider <= from && end.is_none_or(|end| to.is_some_and(|to| to <= end))
        }
        // Nothing leads from a digest or a part to anything else.
        (
            DisclosedValue::Prefix(..)
            | DisclosedValue::NumberRange(..)
            | DisclosedValue::SpanRange(..)
            | DisclosedValue::Pseudonym(_),
            value,
        ) => known == value,
        // The whole value is known.
        _ => true,
    }
}

/// The values of an event.
#[derive(Clone, Debug)]
struct Seen {
    at: SystemTime,
    number: u16,
    span: Duration,
    address: IpAddr,
}

impl Seen {
    /// What `sink` gets by `policy` if this is what is observed.
    fn let_out(
        &self,
        policy: &DisclosurePolicy,
        sink: SinkName,
        event: Event,
    ) -> Vec<(Field, DisclosedValue)> {
        let observation = policy.interest(self.at).observe(event, self.at);
        let Some((mut observation, rule)) = observation.zip(policy.rule(sink, event)) else {
            return Vec::new();
        };
        for &field in Field::ALL.iter().filter(|field| field.occurs_in(event)) {
            observation.record(Value::of(field, self.datum(field)).unwrap());
        }
        rule.disclose(sink, &observation, &PseudonymKeys::new(Zeroizing::new([7; 32])))
    }

    fn datum(&self, field: Field) -> Datum<'static> {
        match field.form() {
            Form::Moment => Datum::Moment(self.at),
            Form::Span => Datum::Span(self.span),
            Form::Address => Datum::Address(self.address),
            Form::Number => Datum::Number(self.number.into()),
            Form::Text => Datum::Text("juliet@client.example"),
            Form::Token => Datum::Token("token"),
            Form::Session => Datum::Session(SessionId::new([3; 16])),
        }
    }
}

fn observed() -> impl Strategy<Value = Seen> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
    ];
    (0..40_u64, any::<u16>(), 0..20_000_u64, address).prop_map(|(at, number, span, address)| Seen {
        at: UNIX_EPOCH + Duration::from_millis(at * 500),
        number,
        span: Duration::from_millis(span),
        address,
    })
}

/// Policies of few rules with few different parts, so that two of them are often nearly the same.
fn policies() -> impl Strategy<Value = DisclosurePolicy> {
    let rules = prop::collection::vec((select(&[SinkName::Access, SinkName::Audit][..]), rules()), 0..3);
    (rules, sets(), 1..3_u64).prop_map(|(rules, mut never_together, days)| {
        let mut policy = DisclosurePolicy::default();
        policy.pseudonym_period = Duration::from_secs(days * 86_400);
        for (sink, rule) in rules {
            policy.set(sink, Event::Session, rule);
        }
        // No policy is loaded in which a sink holds all of a set.
        for (_, _, rule) in policy.rules() {
            let fields: BTreeSet<Field> = rule.fields().collect();
            never_together.retain(|set| !set.iter().all(|field| fields.contains(field)));
        }
        policy.never_together = never_together;
        policy
    })
}

fn sets() -> impl Strategy<Value = Vec<Vec<Field>>> {
    subsequence(vec![vec![Field::Host, Field::Account], vec![Field::Account, Field::Duration]], 0..=2)
}

fn rules() -> impl Strategy<Value = Rule> {
    let words = || select(&["a", "b"][..]);
    let recipients = subsequence(vec!["x".to_owned(), "y".to_owned()], 0..=2);
    let exceptions = prop::collection::vec((words(), 0..10_u64, fields()), 0..3);
    (words(), words(), 1..3_u64, recipients, fields(), exceptions).prop_map(
        |(purpose, basis, retention, recipients, fields, exceptions)| {
            let retention = Duration::from_secs(retention);
            let mut rule = Rule::new(purpose.to_owned(), basis.to_owned(), retention, recipients);
            fields.into_iter().for_each(|(field, action)| rule.set(field, action));
            for (reason, until, fields) in exceptions {
                let until = UNIX_EPOCH + Duration::from_secs(2 * until);
                let actions = fields.into_iter().filter(|(_, action)| *action != Action::Drop).collect();
                rule.open(Exception { reason: reason.to_owned(), until, actions });
            }
            rule
        },
    )
}

/// Some fields of a session, each with an action that fits it.
fn fields() -> impl Strategy<Value = Vec<(Field, Action)>> {
    const FIELDS: [Field; 7] = [
        Field::Time,
        Field::SessionId,
        Field::ClientAddress,
        Field::Host,
        Field::Account,
        Field::Duration,
        Field::BytesFromClient,
    ];
    let field = select(&FIELDS[..]).prop_flat_map(|field| (Just(field), action(field)));
    prop::collection::vec(field, 0..8)
}

fn action(field: Field) -> BoxedStrategy<Action> {
    let whole = select(&[Action::Drop, Action::Keep][..]);
    let bounds = subsequence(vec![1, 1_000, 5_000, 10_000], 1..=3);
    match field.form() {
        Form::Address => prop_oneof![
            whole,
            Just(Action::Pseudonym),
            (select(&[8, 16, 24][..]), select(&[32, 48][..]))
                .prop_map(|(v4, v6)| Action::Truncate(Truncation::new(v4, v6).unwrap())),
        ]
        .boxed(),
        Form::Number | Form::Span => {
            prop_oneof![whole, bounds.prop_map(|bounds| Action::Bucket(Buckets::new(&bounds).unwrap()))]
                .boxed()
        }
        Form::Moment => {
            let round = |seconds| Action::Round(Rounding::new(Duration::from_secs(seconds)).unwrap());
            prop_oneof![whole, (1..5_u64).prop_map(round)].boxed()
        }
        Form::Text if Action::Pseudonym.fits(field) => prop_oneof![whole, Just(Action::Pseudonym)].boxed(),
        Form::Text | Form::Token | Form::Session => whole.boxed(),
    }
}

/// A policy in which each case above finds what it changes.
fn base() -> String {
    "pseudonyms: { period: 1d }\nnever_together:\n  - [from, to]\nrules:\n  - sink: access\n    events: [session]\n    \
     purpose: tests\n    basis: tests\n    retention: 14d\n    recipients: []\n    fields:\n      account: pseudonym\n      \
     client-address: { truncate: { v4: 24, v6: 48 } }\n      duration: { bucket: [1min, 1h] }\n      time: { round: 1h }\n      \
     edits: drop\nexceptions:\n  - sink: access\n    events: [session]\n    fields: { host: keep }\n    reason: tests\n    \
     until: 2026-12-01T12:00:00Z\n"
        .to_owned()
}

fn statement(text: &str) -> Statement {
    load(text).statement()
}

fn whats(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.what.as_str()).collect()
}
