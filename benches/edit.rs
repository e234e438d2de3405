//! What content types cost where a frame is read: parsing it, finding where to splice, writing the result, and the gate's
//! look at it. Each row is a client's frame, or one from the gatekeeper, under a shipped policy.

#![allow(clippy::expect_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::content_types::{
    CacheLimits, CapabilitiesCache, ContentEdit, ContentTypesDocument, ContentTypesPolicy, DialectDocument,
    Recipient, Rules, vocabulary_of,
};
use vestibule::framing::{Decoded, Frame, FrameDecoder, Vocabulary};
use vestibule::limit::Limits;
use vestibule::policy;

const HEADER: &str = "<stream:stream to='gatekeeper.example' version='1.0' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

const PRESENCE: &str = "<presence id='p1' xml:lang='en'><show>away</show><status>At the sea</status>\
    <priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' \
    ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>";

/// Frames of a client that carry the advertisement itself, with the carriers `bind` and `presence`.
const ADVERTISED: [(&str, &str); 4] = [
    ("presence, empty", "<presence/>"),
    ("presence", PRESENCE),
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

/// The set whose hashes the presences below name: the example of XEP-0115, 5.2.
const SEED: &str = "<seeds><query xmlns='http://jabber.org/protocol/disco#info'>\
    <identity category='client' name='Exodus 0.9.1' type='pc'/><feature var='http://jabber.org/protocol/caps'/>\
    <feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>\
    <feature var='http://jabber.org/protocol/muc'/></query></seeds>";

/// Presences with hashes of that set, with the carrier `disco`.
const HASHED: [(&str, &str); 3] = [
    ("presence, hash of XEP-0115", PRESENCE),
    (
        "presence, hash of XEP-0390",
        "<presence id='p1' xml:lang='en'><show>away</show><status>At the sea</status><priority>5</priority>\
         <c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>\
         CYEpCSTmIyvtrwic1NPddIpuV44E9NGYGaZx1kYKFoE=</hash></c></presence>",
    ),
    (
        "presence, hashes of both",
        "<presence id='p1' xml:lang='en'><show>away</show><status>At the sea</status><priority>5</priority>\
         <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' \
         ver='QgayPKawpkPSDYmwT/WM94uAlu0='/><c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' \
         algo='sha-256'>CYEpCSTmIyvtrwic1NPddIpuV44E9NGYGaZx1kYKFoE=</hash></c></presence>",
    ),
];

const QUESTION: &str = "<iq from='gatekeeper.example' type='get' id='d1'>\
    <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";

/// Messages from the gatekeeper that are read to be judged, and whether they are edited.
const JUDGED: [(&str, &str, bool); 3] = [
    (
        "message, a text for a voice message",
        "<message from='bob@gatekeeper.example/phone' to='anna@provider.example' type='chat' id='m1'>\
         <voice xmlns='urn:x-vestibule:content:0' type='audio/ogg;codecs=opus' size='48213'>\
         ZW5jcnlwdGVkIGNvbnRlbnQsIGFzIGl0IGNvbWVz</voice><request xmlns='urn:xmpp:receipts'/></message>",
        true,
    ),
    (
        "message, an image that passes",
        "<message from='bob@gatekeeper.example/phone' to='anna@provider.example' type='chat' id='m1'>\
         <image xmlns='urn:x-vestibule:content:0' type='image/jpeg' size='48213'>\
         ZW5jcnlwdGVkIGNvbnRlbnQsIGFzIGl0IGNvbWVz</image><request xmlns='urn:xmpp:receipts'/></message>",
        false,
    ),
    (
        "carbon of a text that passes",
        "<message from='anna@provider.example' to='anna@provider.example/phone' type='chat'>\
         <received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' \
         from='bob@gatekeeper.example/phone' to='anna@provider.example' type='chat' id='m1'><body>Shall we meet at \
         the station at half past seven?</body></message></forwarded></received></message>",
        false,
    ),
];

const DEFAULT: &str = include_str!("../policies/content-types/default.yaml");
const ENFORCING: &str = include_str!("../policies/content-types/enforcing.yaml");

/// A client that has sent a presence without capabilities, and the gate's vocabulary.
struct Session {
    recipient: Recipient,
    vocabulary: Arc<Vocabulary>,
}

impl Session {
    fn new(policy: &str, carriers: &str) -> Self {
        let policy = compile(&policy.replace("[bind]", carriers));
        let vocabulary = vocabulary_of(&policy.dialect);
        let known = CapabilitiesCache::new(CacheLimits { entries: 8, bytes: 1 << 16 });
        assert_eq!(known.seed(SEED.as_bytes()), Ok(1));
        let rules = Rules::new(policy, &vocabulary, Arc::new(known));
        let mut recipient = Recipient::new(Arc::new(rules), "gatekeeper.example", None);
        recipient.bound();
        let mut session = Self { recipient, vocabulary: Arc::new(vocabulary) };
        session.with_frame("<presence/>", |recipient, frame| {
            recipient.edit_client_frame(frame, usize::MAX).expect("a parsed frame");
        });
        session
    }

    /// Gives `measure` the text as the frame that the gate makes of it.
    fn with_frame(&mut self, text: &str, measure: impl FnOnce(&mut Recipient, &Frame<'_>)) {
        let mut decoder = FrameDecoder::new(Arc::clone(&self.vocabulary), Limits::default().from_client);
        decoder.decode(HEADER.as_bytes()).expect("a header");
        match decoder.decode(text.as_bytes()) {
            Ok((_, Some(Decoded::Frame(frame)))) => measure(&mut self.recipient, &frame),
            _ => panic!("the gate refuses the frame"),
        }
    }
}

fn compile(policy: &str) -> ContentTypesPolicy {
    let dialect = include_str!("../policies/dialects/vestibule.yaml");
    let dialect =
        policy::load::<DialectDocument>(dialect).expect("the shipped dialect is valid").value.dialect;
    let file = policy::load::<ContentTypesDocument>(policy).expect("the shipped policy is valid").value;
    file.compile(dialect, Vec::new(), &mut Vec::new()).expect("the policy fits its dialect")
}

/// Writes the edited frame and has the gate look at it, as the relay does.
fn apply(frame: &Frame<'_>, edit: Option<ContentEdit>, out: &mut Vec<u8>) {
    out.clear();
    edit.expect("an edit").edit.apply(frame.bytes, out);
    frame.verify(black_box(out)).expect("the gate passes what is edited");
}

fn client_frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("edit");
    let advertised = ADVERTISED.iter().map(|row| (row, "[bind, presence]"));
    let hashed = HASHED.iter().map(|row| (row, "[disco]"));
    for (&(name, text), carriers) in advertised.chain(hashed) {
        Session::new(DEFAULT, carriers).with_frame(text, |recipient, frame| {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let mut out = Vec::new();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let edit = recipient.edit_client_frame(black_box(frame), usize::MAX);
                    apply(frame, edit.expect("a parsed frame"), &mut out);
                });
            });
        });
    }
    group.finish();
}

/// A client's answer to disco#info, with the question: an answer is edited once for each.
fn discovery(criterion: &mut Criterion) {
    let features = (0..40).map(|number| format!("<feature var='urn:example:feature:{number}'/>"));
    let answer = format!(
        "<iq to='gatekeeper.example' type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity category='client' type='phone' name='Client'/>{}</query></iq>",
        features.collect::<String>()
    );
    // A frame borrows its decoder, and both frames are edited by one recipient.
    let mut asking = Session::new(DEFAULT, "[disco]");
    let mut answering = Session::new(DEFAULT, "[disco]");
    asking.with_frame(QUESTION, |_, question| {
        answering.with_frame(&answer, |recipient, answer| {
            let mut out = Vec::new();
            criterion.bench_function("edit/disco#info of 40 features, question and answer", |bencher| {
                bencher.iter(|| {
                    recipient.edit_gatekeeper_frame(black_box(question), usize::MAX).expect("a parsed frame");
                    let edit = recipient.edit_client_frame(black_box(answer), usize::MAX);
                    apply(answer, edit.expect("a parsed frame"), &mut out);
                });
            });
        });
    });
}

fn enforcement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("enforce");
    for (name, text, is_edited) in JUDGED {
        Session::new(ENFORCING, "[bind]").with_frame(text, |recipient, frame| {
            let mut out = Vec::new();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let edit = recipient.edit_gatekeeper_frame(black_box(frame), usize::MAX);
                    let edit = edit.expect("a parsed frame");
                    assert_eq!(edit.is_some(), is_edited);
                    if is_edited {
                        apply(frame, edit, &mut out);
                    }
                });
            });
        });
    }
    group.finish();
}

/// What each frame that is not edited costs.
fn concerns(criterion: &mut Criterion) {
    let text = "<message to='a@b'><body>hello</body></message>";
    Session::new(DEFAULT, "[bind, presence]").with_frame(text, |recipient, frame| {
        criterion.bench_function("concerns, message", |bencher| {
            bencher.iter(|| recipient.concerns_client_frame(black_box(frame)));
        });
    });
}

criterion_group!(benches, client_frames, discovery, enforcement, concerns);
criterion_main!(benches);
