//! What one line of the access log costs: the observation and the decision, which the session's task pays, and the
//! rendering, which the writer's thread pays.

#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;
use std::time::{Duration, UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use vestibule::disclosure::document::MetadataDocument;
use vestibule::disclosure::{
    Access, Disclosed, DisclosurePolicy, Event, Interest, Observation, PseudonymKeys, SessionId, Value,
};
use vestibule::policy;
use vestibule::telemetry::access_log;
use zeroize::Zeroizing;

const OPERATIONS: &str = include_str!("../policies/metadata/operations.yaml");

fn decide(criterion: &mut Criterion) {
    let policy = operations();
    let keys = keys();
    let interest = policy.interest(UNIX_EPOCH);
    criterion.bench_function("disclosure/decide", |bencher| {
        bencher.iter(|| decide_session(&policy, interest, &keys));
    });
    let (policy, interest) = (DisclosurePolicy::default(), Interest::default());
    criterion.bench_function("disclosure/decide_nothing", |bencher| {
        bencher.iter(|| decide_session(&policy, black_box(interest), &keys));
    });
}

fn render(criterion: &mut Criterion) {
    let policy = operations();
    let disclosed =
        decide_session(&policy, policy.interest(UNIX_EPOCH), &keys()).expect("the policy discloses sessions");
    let mut line = Vec::new();
    criterion.bench_function("disclosure/render", |bencher| {
        bencher.iter(|| {
            line.clear();
            access_log::render(black_box(&disclosed), &mut line);
            line.len()
        });
    });
}

fn decide_session(
    policy: &DisclosurePolicy,
    interest: Interest,
    keys: &PseudonymKeys,
) -> Option<Disclosed<Access>> {
    let mut observation: Observation<'_> = interest.observe(Event::Session, UNIX_EPOCH)?;
    for value in session() {
        observation.record(black_box(value));
    }
    policy.disclose(&observation, keys)
}

fn session() -> [Value<'static>; 14] {
    [
        Value::Time(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        Value::SessionId(SessionId::new([7; 16])),
        Value::ClientAddress([203, 0, 113, 7].into()),
        Value::ClientPort(50_000),
        Value::TlsVersion("1.3"),
        Value::Host("gatekeeper.example"),
        Value::Account("juliet@client.example"),
        Value::Duration(Duration::from_secs(61)),
        Value::BytesFromClient(100_000),
        Value::BytesFromGatekeeper(200_000),
        Value::StanzasFromClient(300),
        Value::StanzasFromGatekeeper(400),
        Value::Edits(2),
        Value::EndReason("closed"),
    ]
}

fn operations() -> DisclosurePolicy {
    policy::load::<MetadataDocument>(OPERATIONS).expect("the shipped policy is valid").value.policy
}

fn keys() -> PseudonymKeys {
    let mut keys = PseudonymKeys::new(Zeroizing::new([5; 4096]));
    keys.prepare(&operations());
    keys
}

criterion_group!(benches, decide, render);
criterion_main!(benches);
