use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use zeroize::Zeroizing;

use super::document::MetadataDocument;
use super::*;
use crate::policy;

const DEFAULT_DENY: &str = include_str!("../../policies/metadata/default-deny.yaml");

#[test]
fn no_field_is_content_or_a_credential() {
    for field in Field::ALL {
        assert!(!matches!(field.class(), Class::Content | Class::Credential), "{}", field.name());
    }
}

#[test]
fn the_page_lists_exactly_the_catalogue() {
    let page = include_str!("../../docs/privacy.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .map(|line| line.split(" | ").collect())
        .filter(|row: &Vec<&str>| row.len() == 9)
        .collect();
    // The table's head comes first.
    let listed: Vec<String> = rows[1..].iter().map(|row| row[..8].join(" | ")).collect();
    let yes = |field: Field, event| if field.occurs_in(event) { "yes" } else { "" };
    let expected: Vec<String> = Field::ALL
        .iter()
        .map(|&field| {
            let (class, form) = (field.class().name(), field.form().name());
            let events = Event::ALL.map(|event| yes(field, event)).join(" | ");
            format!("| `{}` | {class} | {form} | {events}", field.name())
        })
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn the_page_lists_exactly_what_is_withheld() {
    let page = include_str!("../../docs/privacy.md");
    let section = page.split("## What no policy can name").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |withheld: &Withheld| {
        let class = format!("{:?}", withheld.class).to_lowercase();
        format!("| `{}` | {class} | {} |", withheld.name, withheld.use_)
    };
    assert_eq!(listed, WITHHELD.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn names_lead_back_to_their_fields() {
    for &field in Field::ALL {
        assert_eq!(Field::from_name(field.name()), Some(field));
    }
    assert_eq!(Field::from_name("body"), None);
}

#[test]
fn every_value_belongs_to_its_field_and_its_form() {
    let fields: Vec<Field> = every_value().iter().map(Value::field).collect();
    assert_eq!(fields, Field::ALL);
}

#[test]
fn without_a_rule_nothing_is_of_interest() {
    let interest = DisclosurePolicy::default().interest(UNIX_EPOCH);
    for event in Event::ALL {
        assert!(interest.observe(event, UNIX_EPOCH).is_none());
        assert!(Field::ALL.iter().all(|&field| !interest.wants(event, field)));
    }
}

#[test]
fn the_default_policy_lets_nothing_but_the_client_s_address_to_the_gatekeeper() {
    let interest = load(DEFAULT_DENY).interest(UNIX_EPOCH);
    for event in Event::ALL {
        for &field in Field::ALL {
            let wanted = (event, field) == (Event::Connection, Field::ClientAddress);
            assert_eq!(interest.wants(event, field), wanted, "{event:?} {field:?}");
        }
        assert!(load(DEFAULT_DENY).disclose::<Access>(&everything(event), &keys(1)).is_none());
    }
}

#[test]
fn without_a_rule_nothing_is_disclosed_even_of_what_was_observed() {
    let observation = everything(Event::Session);
    let policy = DisclosurePolicy::default();
    assert!(policy.disclose::<Access>(&observation, &keys(1)).is_none());
}

#[test]
fn a_rule_for_one_event_discloses_nothing_of_another() {
    let policy = policy_of("[session]", "time: keep");
    assert!(policy.disclose::<Access>(&everything(Event::Refusal), &keys(1)).is_none());
    assert!(policy.interest(UNIX_EPOCH).observe(Event::Refusal, UNIX_EPOCH).is_none());
}

#[test]
fn interest_is_what_the_rules_name_and_do_not_drop() {
    let interest =
        policy_of("[session, refusal]", "{ time: keep, host: drop, side: keep }").interest(UNIX_EPOCH);
    let wanted = |event| -> Vec<Field> {
        Field::ALL.iter().copied().filter(|&field| interest.wants(event, field)).collect()
    };
    assert_eq!(wanted(Event::Session), [Field::Time]);
    assert_eq!(wanted(Event::Refusal), [Field::Time, Field::Side]);
}

#[test]
fn an_observation_does_not_keep_what_nobody_may_see() {
    let mut observation = policy_of("[session]", "time: keep")
        .interest(UNIX_EPOCH)
        .observe(Event::Session, UNIX_EPOCH)
        .unwrap();
    observation.record(Value::Account("marker@client.example"));
    let kept: Vec<Field> = observation.values().map(|value| value.field()).collect();
    assert_eq!(kept, [Field::Time]);
}

#[test]
fn exactly_the_named_fields_are_disclosed() {
    for &field in Field::ALL {
        let event = Event::ALL.into_iter().find(|&event| field.occurs_in(event)).unwrap();
        let policy = policy_of(&format!("[{}]", event.name()), &format!("{}: keep", field.name()));
        let disclosed = policy.disclose::<Access>(&everything(event), &keys(1)).unwrap();
        let fields: Vec<Field> = disclosed.fields().iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, [field]);
    }
}

#[test]
fn a_kept_value_is_the_observed_one() {
    let account = Value::Account("juliet@client.example");
    assert_eq!(
        disclose("account: keep", account, 1),
        DisclosedValue::Text("juliet@client.example".to_owned())
    );
    assert_eq!(disclose("edits: keep", Value::Edits(7), 1), DisclosedValue::Number(7));
}

#[test]
fn a_dropped_field_is_not_disclosed() {
    let policy = policy_of("[session]", "{ time: keep, account: drop }");
    let disclosed = policy.disclose::<Access>(&everything(Event::Session), &keys(1)).unwrap();
    assert!(disclosed.fields().iter().all(|(field, _)| *field != Field::Account));
}

#[test]
fn truncation_leaves_only_the_first_bits_of_an_address() {
    let cases = [
        ("192.0.2.201", "192.0.2.0", 24),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::", 48),
        // The same host over IPv6 is not a way around the shorter prefix.
        ("::ffff:192.0.2.201", "192.0.2.0", 24),
    ];
    for (address, prefix, length) in cases {
        let fields = "client-address: { truncate: { v4: 24, v6: 48 } }";
        let disclosed = disclose(fields, Value::ClientAddress(parse(address)), 1);
        assert_eq!(disclosed, DisclosedValue::Prefix(parse(prefix), length), "{address}");
    }
}

#[test]
fn truncation_works_at_both_ends_of_its_range() {
    let first = Truncation::new(1, 1).unwrap();
    let last = Truncation::new(31, 127).unwrap();
    let (v4, v6) = (parse("255.255.255.255"), parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert_eq!(first.apply(v4), DisclosedValue::Prefix(parse("128.0.0.0"), 1));
    assert_eq!(first.apply(v6), DisclosedValue::Prefix(parse("8000::"), 1));
    assert_eq!(last.apply(v4), DisclosedValue::Prefix(parse("255.255.255.254"), 31));
    let most: IpAddr = parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
    assert_eq!(last.apply(v6), DisclosedValue::Prefix(most, 127));
}

#[test]
fn a_truncation_that_cuts_nothing_or_all_is_none() {
    for (v4, v6) in [(0, 48), (32, 48), (24, 0), (24, 128)] {
        assert_eq!(Truncation::new(v4, v6), None);
    }
}

#[test]
fn a_pseudonym_is_stable_under_one_key_and_differs_for_other_values() {
    let juliet = Value::Account("juliet@client.example");
    let romeo = Value::Account("romeo@client.example");
    let pseudonym = |value, key| disclose("account: pseudonym", value, key);
    assert_eq!(pseudonym(juliet, 1), pseudonym(juliet, 1));
    assert_ne!(pseudonym(juliet, 1), pseudonym(romeo, 1));
    assert_ne!(pseudonym(juliet, 1), pseudonym(juliet, 2), "a new secret cannot be linked to the old one");
}

#[test]
fn pseudonyms_of_different_purposes_cannot_be_linked() {
    let rule = |purpose| rule("access", "[session]", purpose, "14d", "account: pseudonym");
    let disclosed = ["operations", "abuse"].map(|purpose| {
        let policy = load(&rule(purpose));
        policy.disclose::<Access>(&everything(Event::Session), &keys(1)).unwrap().fields().to_vec()
    });
    assert_ne!(disclosed[0], disclosed[1]);
}

#[test]
fn the_same_text_in_two_fields_has_two_pseudonyms() {
    let account = disclose("account: pseudonym", Value::Account("same"), 1);
    let resource = disclose("resource: pseudonym", Value::Resource("same"), 1);
    assert_ne!(account, resource);
}

#[test]
fn an_address_has_one_pseudonym_however_it_was_written() {
    let pseudonym = |address| disclose("client-address: pseudonym", Value::ClientAddress(parse(address)), 1);
    assert_eq!(pseudonym("192.0.2.1"), pseudonym("::ffff:192.0.2.1"));
    assert_ne!(pseudonym("192.0.2.1"), pseudonym("192.0.2.2"));
}

#[test]
fn a_pseudonym_is_the_documented_digest() {
    // HMAC-SHA-256 of `account`, NUL and the account, under the HMAC of the sink, NUL and the purpose under the secret.
    use aws_lc_rs::hmac;
    let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let key = sign(&[1; 32], b"access\0tests");
    let expected = sign(key.as_ref(), b"account\0juliet@client.example");
    let DisclosedValue::Pseudonym(pseudonym) =
        disclose("account: pseudonym", Value::Account("juliet@client.example"), 1)
    else {
        panic!("not a pseudonym")
    };
    assert_eq!(pseudonym.as_bytes()[..], expected.as_ref()[..16]);
}

#[test]
fn a_kept_session_id_is_not_the_session_s_own() {
    let id = SessionId::new([9; 16]);
    let DisclosedValue::Pseudonym(disclosed) = disclose("session-id: keep", Value::SessionId(id), 1) else {
        panic!("not a pseudonym")
    };
    assert_ne!(disclosed.as_bytes(), id.as_bytes());
    let keys = keys(1);
    assert_eq!(keys.session_id(SinkName::Access, &id), disclosed, "the same in every policy and purpose");
}

#[test]
fn what_was_not_observed_is_not_disclosed() {
    let policy = policy_of("[session]", "{ host: keep, account: keep }");
    let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Session, UNIX_EPOCH).unwrap();
    assert!(policy.disclose::<Access>(&observation, &keys(1)).is_none());
    observation.record(Value::Host("gatekeeper.example"));
    assert_eq!(policy.disclose::<Access>(&observation, &keys(1)).unwrap().fields().len(), 1);
}

#[test]
fn debug_output_shows_no_value() {
    let policy = policy_of("[session]", "{ account: keep, resource: keep, client-address: keep, sni: keep }");
    let observation = everything(Event::Session);
    let disclosed = policy.disclose::<Access>(&observation, &keys(1)).unwrap();
    let output = format!(
        "{observation:?} {disclosed:?} {:?} {:?} {:?} {:?}",
        every_value(),
        disclosed.fields(),
        keys(1),
        SessionId::new(*b"marker-sessionid")
    );
    for marker in ["marker", "203.0.113", "4242", "6d61726b"] {
        assert!(!output.contains(marker), "{marker} in {output}");
    }
    assert!(output.contains("account (21 bytes)"), "{output}");
}

/// One rule as a file.
pub(super) fn rule(sink: &str, events: &str, purpose: &str, retention: &str, fields: &str) -> String {
    let fields = if fields.starts_with('{') { fields.to_owned() } else { format!("{{ {fields} }}") };
    format!(
        "rules:\n  - sink: {sink}\n    events: {events}\n    purpose: {purpose}\n    basis: tests\n    retention: {retention}\n    \
         fields: {fields}\n"
    )
}

fn policy_of(events: &str, fields: &str) -> DisclosurePolicy {
    load(&rule("access", events, "tests", "14d", fields))
}

pub(super) fn load(text: &str) -> DisclosurePolicy {
    policy::load::<MetadataDocument>(text).unwrap_or_else(|problems| panic!("{problems:?}")).value.policy
}

/// What a rule with one field makes of one value.
fn disclose(fields: &str, value: Value<'_>, key: u8) -> DisclosedValue {
    let policy = policy_of("[session]", fields);
    let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Session, UNIX_EPOCH).unwrap();
    observation.record(value);
    let disclosed = policy.disclose::<Access>(&observation, &keys(key)).unwrap();
    disclosed.fields()[0].1.clone()
}

fn keys(secret: u8) -> PseudonymKeys {
    PseudonymKeys::new(Zeroizing::new([secret; 32]))
}

fn parse(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// An observation with a value in every field, as if every sink wanted all of them.
fn everything(event: Event) -> Observation<'static> {
    let mut interest = Interest::default();
    for &field in Field::ALL {
        interest.add(event, field);
    }
    let mut observation = interest.observe(event, UNIX_EPOCH).unwrap();
    for value in every_value() {
        observation.record(value);
    }
    observation
}

/// A value for each field, in the catalogue's order; what a peer controls is a marker.
fn every_value() -> Vec<Value<'static>> {
    vec![
        Value::Time(UNIX_EPOCH),
        Value::SessionId(SessionId::new([9; 16])),
        Value::ClientAddress(parse("203.0.113.77")),
        Value::ClientPort(4242),
        Value::Sni("marker.example"),
        Value::Alpn("xmpp-client"),
        Value::TlsVersion("1.3"),
        Value::TlsCipher("TLS13_AES_128_GCM_SHA256"),
        Value::HandshakeResult("completed"),
        Value::Host("gatekeeper.example"),
        Value::ConnectResult("completed"),
        Value::Account("marker@client.example"),
        Value::Resource("marker"),
        Value::Duration(Duration::from_secs(60)),
        Value::Side("downstream"),
        Value::StanzaKind("message"),
        Value::StanzaType("chat"),
        Value::StanzaId("marker-1"),
        Value::From("marker@client.example/marker"),
        Value::To("marker@gatekeeper.example"),
        Value::StanzaBytes(320),
        Value::BytesFromClient(1),
        Value::BytesFromGatekeeper(2),
        Value::StanzasFromClient(3),
        Value::StanzasFromGatekeeper(4),
        Value::Edits(5),
        Value::AuthenticationFailures(6),
        Value::Throttled(Duration::from_secs(7)),
        Value::EndReason("closed"),
        Value::StreamError("policy-violation"),
        Value::RefusalKind("not-well-formed"),
        Value::RefusalOffset(6),
        Value::RefusalRule("RFC 6120, 11.1"),
    ]
}
