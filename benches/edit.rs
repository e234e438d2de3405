//! What an edit of a client's frame costs: parsing it, finding where to splice, and writing the result.

#![allow(clippy::expect_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::content_types::{Advertiser, Carrier, ContentTypesDocument, DialectDocument};
use vestibule::framing::{Decoded, Frame, FrameDecoder};
use vestibule::limit::Limits;
use vestibule::{policy, stanza};

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

fn advertiser() -> Advertiser {
    let dialect = include_str!("../policies/dialects/vestibule.yaml");
    let dialect = policy::load::<DialectDocument>(dialect).expect("the shipped dialect is valid").value;
    let policy = include_str!("../policies/content-types/default.yaml");
    let policy = policy::load::<ContentTypesDocument>(policy).expect("the shipped policy is valid").value;
    let profile = &policy.profiles[policy.selection.default];
    Advertiser::new(&profile.content_types, &dialect, &[Carrier::Bind, Carrier::Presence])
}

/// Gives `measure` the text as the frame that the gate makes of it.
fn with_frame(advertiser: &Advertiser, text: &str, measure: impl FnOnce(&Frame<'_>)) {
    let vocabulary = Arc::new(stanza::vocabulary(&[advertiser.namespace()], &[]));
    let mut decoder = FrameDecoder::new(vocabulary, Limits::default().from_client);
    decoder.decode(HEADER.as_bytes()).expect("a header");
    match decoder.decode(text.as_bytes()) {
        Ok((_, Some(Decoded::Frame(frame)))) => measure(&frame),
        _ => panic!("the gate refuses the frame"),
    }
}

fn edits(criterion: &mut Criterion) {
    let advertiser = advertiser();
    let mut group = criterion.benchmark_group("edit");
    for (name, text) in FRAMES {
        with_frame(&advertiser, text, |frame| {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let mut out = Vec::new();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    let edit = advertiser.edit(black_box(frame)).expect("a parsed frame").expect("an edit");
                    edit.apply(frame.bytes, &mut out);
                    black_box(out.len())
                });
            });
        });
    }
    group.finish();
}

/// What each frame that is not edited costs.
fn concerns(criterion: &mut Criterion) {
    let advertiser = advertiser();
    with_frame(&advertiser, "<message to='a@b'><body>hello</body></message>", |frame| {
        criterion.bench_function("concerns, message", |bencher| {
            bencher.iter(|| advertiser.concerns(black_box(frame)));
        });
    });
}

criterion_group!(benches, edits, concerns);
criterion_main!(benches);
