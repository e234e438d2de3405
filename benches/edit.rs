//! What an edit of a client's frame costs: parsing it, finding where to splice, and writing the result.

#![allow(clippy::expect_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::content_types::{
    CacheLimits, CapabilitiesCache, ContentTypesDocument, ContentTypesPolicy, DialectDocument, Recipient,
    Rules, vocabulary_of,
};
use vestibule::framing::{Decoded, Frame, FrameDecoder};
use vestibule::limit::Limits;
use vestibule::policy;

const HEADER: &str = "<stream:stream to='gatekeeper.example' version='1.0' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

const FRAMES: [(&str, &str); 4] = [
    ("presence, empty", "<presence/>"),
    (
        "presence",
        "<presence id='p1' xml:lang='en'><show>away</show><status>At the sea</status><priority>5</priority>\
         <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' \
         ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>",
    ),
    (
        "bind request",
        "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind></iq>",
    ),
    (
        "presence with the client's own words",
        "<presence><content-types xmlns='urn:x-vestibule:content-types:0'><accept class='text' type='text/plain'/>\
         </content-types><show>away</show></presence>",
    ),
];

/// The shipped policy with both carriers.
fn policy() -> ContentTypesPolicy {
    let dialect = include_str!("../policies/dialects/vestibule.yaml");
    let dialect =
        policy::load::<DialectDocument>(dialect).expect("the shipped dialect is valid").value.dialect;
    let file = include_str!("../policies/content-types/default.yaml").replace("[bind]", "[bind, presence]");
    let file = policy::load::<ContentTypesDocument>(&file).expect("the shipped policy is valid").value;
    file.compile(dialect, Vec::new(), &mut Vec::new()).expect("the policy fits its dialect")
}

/// Gives `measure` the text as the frame that the gate makes of it, and a client that sends it.
fn with_frame(text: &str, measure: impl FnOnce(&Frame<'_>, Recipient)) {
    let policy = policy();
    let vocabulary = vocabulary_of(&policy.dialect);
    let known = Arc::new(CapabilitiesCache::new(CacheLimits { entries: 8, bytes: 1 << 16 }));
    let rules = Arc::new(Rules::new(policy, &vocabulary, known));
    let recipient = Recipient::new(rules, "gatekeeper.example", None);
    let mut decoder = FrameDecoder::new(Arc::new(vocabulary), Limits::default().from_client);
    decoder.decode(HEADER.as_bytes()).expect("a header");
    match decoder.decode(text.as_bytes()) {
        Ok((_, Some(Decoded::Frame(frame)))) => measure(&frame, recipient),
        _ => panic!("the gate refuses the frame"),
    }
}

fn edits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("edit");
    for (name, text) in FRAMES {
        with_frame(text, |frame, mut recipient| {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let mut out = Vec::new();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    let edit = recipient.edit_client_frame(black_box(frame), usize::MAX);
                    edit.expect("a parsed frame").expect("an edit").edit.apply(frame.bytes, &mut out);
                    black_box(out.len())
                });
            });
        });
    }
    group.finish();
}

/// What each frame that is not edited costs.
fn concerns(criterion: &mut Criterion) {
    with_frame("<message to='a@b'><body>hello</body></message>", |frame, recipient| {
        criterion.bench_function("concerns, message", |bencher| {
            bencher.iter(|| recipient.concerns_client_frame(black_box(frame)));
        });
    });
}

criterion_group!(benches, edits, concerns);
criterion_main!(benches);
