//! The gate against a second opinion: what it accepts, rxml accepts and sees the same way; what only one of them
//! refuses is in the closed lists of [`differences`].

mod differences;
mod input;
mod opinion;

use proptest::prelude::*;
use vestibule::framing::RefusalKind;

use differences::{is_stricter, lone_carriage_return, refused_by_rxml, rxml_is_stricter};
use input::{mutate, mutation, stream};
use opinion::{Verdict, by_rxml, by_the_gate};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_seen_as_rxml_sees_them(input in stream()) {
        compare(&input)?;
    }

    #[test]
    fn damaged_streams_are_judged_as_rxml_judges_them(
        input in stream(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let stanzas = mutate(input[HEADER.len()..].to_vec(), &mutations);
        compare(&[HEADER.as_bytes(), &stanzas].concat())?;
        compare(&[HEADER.as_bytes(), &stanzas, b"</stream:stream>"].concat())?;
    }

    #[test]
    fn damaged_headers_are_judged_as_rxml_judges_them(mutations in prop::collection::vec(mutation(), 1..4)) {
        let header = mutate(HEADER.as_bytes().to_vec(), &mutations);
        compare(&header)?;
        compare(&[&header, b"</stream:stream>".as_slice()].concat())?;
    }
}

/// Holds the two against each other on one input.
fn compare(input: &[u8]) -> Result<(), TestCaseError> {
    let (gate, refusal) = by_the_gate(input);
    let rxml = by_rxml(input);
    let truncated = refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Truncated);
    match refusal {
        Some(refusal) if !truncated => {
            let known = refused_by_rxml(input) || is_stricter(refusal, input);
            prop_assert!(known, "only the gate refuses ({refusal}) {}", input.escape_ascii());
        }
        _ if rxml.verdict == Verdict::Refused => {
            prop_assert!(rxml_is_stricter(input), "only the gate accepts {}", input.escape_ascii());
        }
        _ => {
            let expected = if truncated { Verdict::Incomplete } else { Verdict::Complete };
            prop_assert_eq!(rxml.verdict, expected, "{}", input.escape_ascii());
            let same = gate == rxml.frames || lone_carriage_return(input);
            prop_assert!(same, "{gate:?} is not {:?}: {}", rxml.frames, input.escape_ascii());
        }
    }
    Ok(())
}
