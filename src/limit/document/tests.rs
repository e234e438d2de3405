use super::*;
use crate::policy;

fn load(text: &str) -> Result<Limits, Vec<String>> {
    policy::load::<LimitsDocument>(text)
        .map(|loaded| loaded.value.limits)
        .map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(load("{}"), Ok(Limits::default()));
}

#[test]
fn the_shipped_file_says_what_the_defaults_are() {
    assert_eq!(load(include_str!("../../../policies/limits/default.yaml")), Ok(Limits::default()));
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not zero")
}

fn rate(stanzas_per_second: u32, stanza_burst: u32, kib_per_second: u32, kib_burst: u32) -> Rate {
    Rate {
        stanzas_per_second: number(stanzas_per_second),
        stanza_burst: number(stanza_burst),
        kib_per_second: number(kib_per_second),
        kib_burst: number(kib_burst),
    }
}

#[test]
fn every_key_reaches_its_limit() {
    let limits = load(
        "timeouts: { tls_handshake: 1s, header: 2s, authentication: 3s, idle: 4min, write_stall: 5s }\n\
         before_authentication: { element: 2 KiB, elements: 6 }\n\
         from_client: { stanza: 16 KiB, header: 3 KiB, depth: 7, attributes: 8, namespaces: 9, elements: 10,\n\
           rate: { stanzas_per_second: 15, stanza_burst: 16, kib_per_second: 17, kib_burst: 18 } }\n\
         from_gatekeeper: { stanza: 32 KiB, header: 4 KiB, depth: 11, attributes: 12, namespaces: 13, elements: 14,\n\
           rate: { stanzas_per_second: 25, stanza_burst: 26, kib_per_second: 27, kib_burst: 32 } }\n\
         connections: { at_once: 33, per_second: 34, burst: 35,\n\
           failed_authentications: { per_minute: 36, burst: 37 } }\n\
         accounts: { sessions: 38,\n\
           rate: { stanzas_per_second: 39, stanza_burst: 40, kib_per_second: 41, kib_burst: 42 } }\n",
    );
    let from_client = framing::Limits {
        stanza_bytes: 16 * 1024,
        header_bytes: 3 * 1024,
        depth: 7,
        attributes: 8,
        namespaces: 9,
        elements: 10,
    };
    let expected = Limits {
        timeouts: Timeouts {
            tls_handshake: Duration::from_secs(1),
            header: Duration::from_secs(2),
            authentication: Duration::from_secs(3),
            idle: Duration::from_secs(240),
            write_stall: Duration::from_secs(5),
        },
        before_authentication: framing::Limits { stanza_bytes: 2 * 1024, ..from_client },
        elements_before_authentication: 6,
        from_client,
        from_gatekeeper: framing::Limits {
            stanza_bytes: 32 * 1024,
            header_bytes: 4 * 1024,
            depth: 11,
            attributes: 12,
            namespaces: 13,
            elements: 14,
        },
        client_rate: Some(rate(15, 16, 17, 18)),
        gatekeeper_rate: Some(rate(25, 26, 27, 32)),
        connections: ConnectionLimits {
            at_once: number(33),
            per_second: number(34),
            burst: number(35),
            failures_per_minute: number(36),
            failure_burst: number(37),
        },
        accounts: AccountLimits { sessions: number(38), rate: rate(39, 40, 41, 42) },
    };
    assert_eq!(limits, Ok(expected));
}

#[test]
fn everything_that_cannot_be_is_told_with_its_place() {
    let problems = load(
        "timeouts: { idle: 0s }\n\
         before_authentication: { element: 20 KiB, elements: 0 }\n\
         from_client: { stanza: 10 KiB, rate: { kib_burst: 9 } }\n\
         from_gatekeeper: { stanza: 9999, header: 2 GiB }\n\
         accounts: { rate: { kib_burst: 8 } }\n",
    );
    let expected = [
        "1:19: a timeout is longer than zero",
        "2:35: before authentication a client may not send more than afterwards",
        "2:53: the number is out of range; right is 1 to 4294967295",
        "3:51: the burst is at least the largest stanza, 10 KiB",
        "4:28: a size from 10000 to 1073741824 bytes should stand here",
        "4:42: a size from 1024 to 1073741824 bytes should stand here",
        "5:32: the burst is at least the largest stanza, 10 KiB",
    ];
    assert_eq!(problems, Err(expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_larger_stanza_needs_larger_bursts_even_if_none_is_written() {
    let needs = |kib| format!("1:1: the burst is at least the largest stanza, {kib} KiB");
    // The session's and the account's.
    assert_eq!(load("from_client: { stanza: 4 MiB }"), Err(vec![needs(4096), needs(4096)]));
    assert!(load("from_gatekeeper: { stanza: 16 MiB }").is_ok());
    assert_eq!(load("from_gatekeeper: { stanza: 16 MiB, rate: {} }"), Err(vec![needs(16384)]));
}

#[test]
fn the_gatekeeper_has_a_rate_only_if_one_is_written() {
    let rate_of = |text| load(text).expect("valid").gatekeeper_rate;
    assert_eq!(rate_of("{}"), None);
    let written = rate_of("from_gatekeeper: { rate: { stanzas_per_second: 7 } }").expect("written");
    assert_eq!(written, Rate { stanzas_per_second: number(7), ..Rate::GATEKEEPER });
}
