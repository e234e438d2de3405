//! Properties of the relay by itself, without streams or time.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::limit::{Addresses, SECRET_LENGTH};
use crate::stanza;

const HEADER: &str = "<stream:stream to='gatekeeper.example' version='1.0' xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams'>";

fn relay(now: Instant) -> Relay {
    let limits = Arc::new(Limits::default());
    let host = Host {
        name: "gatekeeper.example".into(),
        limits: Arc::clone(&limits),
        content_types: None,
        refuses_external: false,
        signals_namespace: "urn:example:signals".into(),
    };
    let addresses = Arc::new(Addresses::new([limits.connections], &[0; SECRET_LENGTH], now));
    let opening = Opening {
        hosts: Arc::new([Arc::new(host)]),
        vocabulary: Arc::new(stanza::vocabulary(&[], &[])),
        limits,
        named: None,
        server_name: None,
        budget: Arc::new(Budget::new(1 << 20)),
        address: addresses.admit(std::net::Ipv4Addr::LOCALHOST.into(), now).expect("the first"),
        accounts: Arc::new(Accounts::new(&[0; SECRET_LENGTH])),
        stream_id: 1,
        learn: Learn::default(),
        accepted: now,
    };
    Relay::new(opening, now)
}

/// Takes what is to be written to a side.
fn written(relay: &mut Relay, side: Side, now: Instant) -> Vec<u8> {
    let bytes = relay.poll_transmit(side).unwrap_or_default().to_vec();
    relay.handle_sent(side, bytes.len(), now);
    relay.handle_flushed(side);
    bytes
}

/// Everything that one side gets when the other one sends `input` in pieces of these sizes.
fn relayed(relay: &mut Relay, from: Side, input: &[u8], sizes: &[usize], now: Instant) -> [Vec<u8>; 2] {
    let mut sizes = sizes.iter().copied().cycle();
    let (mut passed, mut answered) = (Vec::new(), Vec::new());
    let mut rest = input;
    while !rest.is_empty() && relay.is_watched(from) && relay.poll_outcome().is_none() {
        let (piece, _) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        let taken = relay.handle_input(from, piece, now);
        rest = &rest[taken..];
        passed.extend(written(relay, from.other(), now));
        answered.extend(written(relay, from, now));
    }
    [passed, answered]
}

/// A session whose client is bound.
fn bound(now: Instant) -> Relay {
    let mut relay = relay(now);
    let say = |relay: &mut Relay, side, text: &str| {
        assert_eq!(relay.handle_input(side, text.as_bytes(), now), text.len());
        written(relay, side.other(), now);
    };
    say(&mut relay, Side::Downstream, HEADER);
    assert!(relay.poll_connect().is_some());
    relay.handle_connected(now);
    written(&mut relay, Side::Upstream, now);
    for (side, text) in [
        (Side::Upstream, HEADER),
        (Side::Upstream, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        (Side::Downstream, HEADER),
        (Side::Upstream, HEADER),
        (Side::Downstream, "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
        (Side::Upstream, "<iq type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
    ] {
        say(&mut relay, side, text);
    }
    assert_eq!(relay.phase(), Phase::Bound);
    relay
}

fn element() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("<presence/>".to_owned()),
        Just(" \n".to_owned()),
        Just("<r xmlns='urn:xmpp:sm:3'/>".to_owned()),
        "[a-zéß文 ]{0,40}".prop_map(|text| format!("<message to='bob'><body>{text}</body></message>")),
        "[a-z]{1,8}".prop_map(|id| format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>")),
        Just("<compress xmlns='http://jabber.org/protocol/compress'/>".to_owned()),
        Just("<message><body>&bad;</body></message>".to_owned()),
        Just("<other/>".to_owned()),
        Just("</stream:stream>".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_cutting_of_the_input_gives_the_same_output(
        elements in prop::collection::vec(element(), 0..20),
        sizes in prop::collection::vec(1_usize..60, 1..10),
        from_client in any::<bool>(),
    ) {
        let now = Instant::now();
        let from = if from_client { Side::Downstream } else { Side::Upstream };
        let input = elements.concat();
        let whole = relayed(&mut bound(now), from, input.as_bytes(), &[input.len().max(1)], now);
        let cut = relayed(&mut bound(now), from, input.as_bytes(), &sizes, now);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn no_bytes_of_a_client_make_the_relay_panic_or_leave_the_session_open_for_ever(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        sizes in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let now = Instant::now();
        let mut relay = relay(now);
        relayed(&mut relay, Side::Downstream, &bytes, &sizes, now);
        for _ in 0..10 {
            if let Some(deadline) = relay.poll_timeout() {
                relay.handle_timeout(deadline);
            }
        }
        prop_assert!(relay.poll_outcome().is_some());
    }
}

#[test]
fn an_idle_relay_is_small() {
    let now = Instant::now();
    let size = size_of_val(&bound(now));
    assert!(size <= 2048, "{size} bytes");
}
