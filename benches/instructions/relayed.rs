//! A bound session through the relay: the same chat message for a host without content types, and for hosts whose content
//! types let it pass as it is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use vestibule::content_types::{
    CacheLimits, CapabilitiesCache, ContentClass, ContentTypesDocument, Conversation, DialectDocument, Rules,
    vocabulary_of,
};
use vestibule::framing::Vocabulary;
use vestibule::limit::{Accounts, Addresses, Limits, SECRET_LENGTH};
use vestibule::policy;
use vestibule::relay::{Budget, Host, Learn, Opening, Phase, Relay, Side};
use vestibule::stanza;

const HOST: &str = "gatekeeper.example";
const HEADER: &str = "<stream:stream to='gatekeeper.example' version='1.0' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BIND: &str = "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const BOUND: &str = "<iq type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// What each side says, once the client's header has been answered with a connection: the client is bound, and nothing of
/// it is left to be learnt.
const NEGOTIATION: [(Side, &str); 7] = [
    (Side::Upstream, HEADER),
    (Side::Upstream, SUCCESS),
    (Side::Downstream, HEADER),
    (Side::Upstream, HEADER),
    (Side::Downstream, BIND),
    (Side::Upstream, BOUND),
    (Side::Downstream, "<presence/>"),
];

/// Who sends the message, and under which content types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Session {
    pub from: Side,
    /// The dialect of a policy that enforces, with every carrier; `None`: the host has no content types.
    pub dialect: Option<&'static str>,
    /// There is a metadata policy, and it has no interest in stanzas. Otherwise nobody asks for what it could learn.
    pub metadata: bool,
}

pub const XMPP: &str = include_str!("../../policies/dialects/xmpp.yaml");
pub const VESTIBULE: &str = include_str!("../../policies/dialects/vestibule.yaml");
const ENFORCING: &str = include_str!("../../policies/content-types/enforcing.yaml");

/// Passes `text` as often as `times` says, each time as one read brings it, and asserts that it leaves as it came.
pub fn pass_message(session: Session, text: &str, times: usize) {
    let now = Instant::now();
    let mut relay = bound(session.dialect, now);
    // The first one finds no room prepared for it.
    relayed(&mut relay, session.from, text, now);
    let edits = relay.counters().edits;
    relay.take_content_counts();
    for _ in 0..times {
        let passed = match session.metadata {
            false => pass(&mut relay, session.from, text, now),
            true => pass_and_learn(&mut relay, session.from, text, now),
        };
        assert_eq!(passed, text.len());
    }
    assert_eq!(relay.counters().edits, edits);
    let judged = session.dialect.is_some() && session.from == Side::Upstream;
    let counts = relay.take_content_counts().unwrap_or_default();
    let texts = counts.received[Conversation::OneToOne as usize][ContentClass::Text as usize] as usize;
    assert_eq!(
        (texts, counts.unadvertised),
        (if judged { times } else { 0 }, [[0; ContentClass::ALL.len()]; 2])
    );
}

/// What the measuring counts, by its name ([`crate::callgrind`]).
#[inline(never)]
fn pass(relay: &mut Relay, from: Side, text: &str, now: Instant) -> usize {
    relayed(relay, from, text, now)
}

/// The same, with what a turn does for the metadata policy.
#[inline(never)]
fn pass_and_learn(relay: &mut Relay, from: Side, text: &str, now: Instant) -> usize {
    relay.learn(Learn { account: true, ..Learn::default() });
    let sent = relayed(relay, from, text, now);
    assert!(relay.take_passed().is_none());
    sent
}

/// How many bytes the other side gets of what one side sends.
fn relayed(relay: &mut Relay, from: Side, text: &str, now: Instant) -> usize {
    let taken = relay.handle_input(from, text.as_bytes(), now);
    assert_eq!(taken, text.len());
    let sent = relay.poll_transmit(from.other()).map_or(0, <[u8]>::len);
    relay.handle_sent(from.other(), sent, now);
    relay.handle_flushed(from.other());
    sent
}

fn bound(dialect: Option<&str>, now: Instant) -> Relay {
    let mut relay = Relay::new(opening(dialect, now), now);
    relay.handle_input(Side::Downstream, HEADER.as_bytes(), now);
    assert!(relay.poll_connect().is_some());
    relay.handle_connected(now);
    relayed(&mut relay, Side::Downstream, "", now);
    for (from, text) in NEGOTIATION {
        relayed(&mut relay, from, text, now);
    }
    assert_eq!(relay.phase(), Phase::Bound);
    relay
}

fn opening(dialect: Option<&str>, now: Instant) -> Opening {
    let (vocabulary, rules) = match dialect {
        None => (stanza::vocabulary(&[], &[]), None),
        Some(dialect) => {
            let (vocabulary, rules) = rules(dialect);
            (vocabulary, Some(Arc::new(rules)))
        }
    };
    let limits = Arc::new(Limits::default());
    let host = Host {
        name: HOST.to_owned(),
        limits: Arc::clone(&limits),
        content_types: rules,
        refuses_external: false,
        signals_namespace: "urn:x-vestibule:signals:0".into(),
    };
    let addresses = Arc::new(Addresses::new([limits.connections], &[0; SECRET_LENGTH], now));
    Opening {
        hosts: Arc::new([Arc::new(host)]),
        vocabulary: Arc::new(vocabulary),
        limits,
        named: None,
        server_name: None,
        budget: Arc::new(Budget::new(1 << 20)),
        address: addresses.admit(Ipv4Addr::LOCALHOST.into(), now).expect("the first connection"),
        accounts: Arc::new(Accounts::new(&[0; SECRET_LENGTH])),
        stream_id: 1,
        learn: Learn::default(),
        accepted: now,
    }
}

fn rules(dialect: &str) -> (Vocabulary, Rules) {
    let dialect =
        policy::load::<DialectDocument>(dialect).expect("the shipped dialect is valid").value.dialect;
    let file = ENFORCING.replace("[bind]", "[bind, presence, disco]");
    let file = policy::load::<ContentTypesDocument>(&file).expect("the shipped policy is valid").value;
    let policy = file.compile(dialect, Vec::new(), &mut Vec::new()).expect("the policy fits its dialect");
    let vocabulary = vocabulary_of(&policy.dialect);
    let known = CapabilitiesCache::new(CacheLimits { entries: 8, bytes: 1 << 16 });
    let rules = Rules::new(policy, &vocabulary, Arc::new(known));
    (vocabulary, rules)
}
