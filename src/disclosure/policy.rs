//! The compiled policy: from an observation to what one sink may write about it.
//!
//! It does not read YAML (`document` does) and keeps no state: the same observation, keys and policy give the same
//! disclosure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::disclosed::{Disclosed, DisclosedValue, Sink, SinkName};
use super::field::{Class, Datum, Event, Field, Form};
use super::observation::{Interest, Observation};
use super::pseudonym::PseudonymKeys;

/// What happens to one field on its way into a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The field is left out.
    #[default]
    Drop,
    /// The value is written as it was observed; a session's id as this sink's own.
    Keep,
    /// Only an address's first bits are written.
    Truncate(Truncation),
    /// The value is replaced by a keyed digest.
    Pseudonym,
}

impl Action {
    /// Whether this action can be applied to `field`.
    pub fn fits(self, field: Field) -> bool {
        match self {
            Self::Drop | Self::Keep => true,
            Self::Truncate(_) => field.form() == Form::Address,
            // A session's id is already a pseudonym of the sink.
            Self::Pseudonym => match field.form() {
                Form::Address => true,
                Form::Text => field.class() == Class::Identifier,
                _ => false,
            },
        }
    }
}

/// How many of an address's first bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    v4: u8,
    v6: u8,
}

impl Truncation {
    /// `None` unless both lengths really cut something off and leave something: 1 to 31 bits of IPv4, 1 to 127 of IPv6.
    pub fn new(v4: u8, v6: u8) -> Option<Self> {
        ((1..=31).contains(&v4) && (1..=127).contains(&v6)).then_some(Self { v4, v6 })
    }

    pub(super) fn apply(self, address: IpAddr) -> DisclosedValue {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX << (32 - u32::from(self.v4));
                DisclosedValue::Prefix(Ipv4Addr::from_bits(v4.to_bits() & mask).into(), self.v4)
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - u32::from(self.v6));
                DisclosedValue::Prefix(Ipv6Addr::from_bits(v6.to_bits() & mask).into(), self.v6)
            }
        }
    }
}

/// What one sink may see of one event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the disclosure is for. Pseudonyms of different purposes cannot be linked.
    pub purpose: String,
    /// The legal basis, if the operator states one.
    pub basis: Option<String>,
    /// How long what was written may be kept. Vestibule states it; deleting is the sink's part.
    pub retention: Duration,
    actions: [Action; Field::ALL.len()],
}

impl Rule {
    /// A rule that lets nothing out until [`set`](Self::set) is called.
    pub(super) fn new(purpose: String, basis: Option<String>, retention: Duration) -> Self {
        Self { purpose, basis, retention, actions: [Action::Drop; Field::ALL.len()] }
    }

    /// What happens to `field`.
    pub fn action(&self, field: Field) -> Action {
        self.actions[field as usize]
    }

    pub(super) fn set(&mut self, field: Field, action: Action) {
        self.actions[field as usize] = action;
    }
}

/// An operator's policy: at most one rule for each sink and event. The default has none and discloses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisclosurePolicy {
    rules: [[Option<Rule>; Event::ALL.len()]; SinkName::ALL.len()],
}

impl DisclosurePolicy {
    /// What any sink may see.
    pub fn interest(&self) -> Interest {
        let mut interest = Interest::default();
        for (sink, event) in SinkName::ALL.into_iter().flat_map(|sink| Event::ALL.map(|event| (sink, event)))
        {
            let Some(rule) = self.rule(sink, event) else { continue };
            for field in Field::ALL.iter().copied().filter(|field| field.occurs_in(event)) {
                if rule.action(field) != Action::Drop {
                    interest.add(event, field);
                }
            }
        }
        interest
    }

    /// The rule for `sink` and `event`, if there is one.
    pub fn rule(&self, sink: SinkName, event: Event) -> Option<&Rule> {
        self.rules[sink as usize][event as usize].as_ref()
    }

    /// What sink `S` may write about `observation`; `None` if no rule lets it see the event, or if nothing of what the
    /// rule names was observed.
    pub fn disclose<S: Sink>(
        &self,
        observation: &Observation<'_>,
        keys: &PseudonymKeys,
    ) -> Option<Disclosed<S>> {
        let event = observation.event();
        let rule = self.rule(S::NAME, event)?;
        let fields: Vec<_> = Field::ALL
            .iter()
            .filter_map(|&field| {
                let datum = observation.value(field)?.datum();
                Some((field, disclose_value(S::NAME, rule, field, datum, keys)?))
            })
            .collect();
        (!fields.is_empty()).then(|| Disclosed::new(event, fields))
    }

    pub(super) fn set(&mut self, sink: SinkName, event: Event, rule: Rule) {
        self.rules[sink as usize][event as usize] = Some(rule);
    }
}

/// The form in which `rule` lets the value of `field` out. An action that does not fit the value lets nothing out.
fn disclose_value(
    sink: SinkName,
    rule: &Rule,
    field: Field,
    datum: Datum<'_>,
    keys: &PseudonymKeys,
) -> Option<DisclosedValue> {
    match rule.action(field) {
        Action::Drop => None,
        Action::Keep => Some(match datum {
            Datum::Moment(moment) => DisclosedValue::Moment(moment),
            Datum::Span(span) => DisclosedValue::Span(span),
            Datum::Address(address) => DisclosedValue::Address(address.to_canonical()),
            Datum::Number(number) => DisclosedValue::Number(number),
            Datum::Text(text) => DisclosedValue::Text(text.to_owned()),
            Datum::Token(token) => DisclosedValue::Token(token),
            Datum::Session(id) => DisclosedValue::Pseudonym(keys.session_id(sink, &id)),
        }),
        Action::Truncate(truncation) => match datum {
            // An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) has the whole IPv4 address in its last 32 bits and would be
            // cut at the wrong place.
            Datum::Address(address) => Some(truncation.apply(address.to_canonical())),
            _ => None,
        },
        Action::Pseudonym => {
            let pseudonym = |value: &[u8]| keys.pseudonym(sink, &rule.purpose, field, value);
            match datum {
                Datum::Address(address) => Some(match address.to_canonical() {
                    IpAddr::V4(v4) => pseudonym(&v4.octets()),
                    IpAddr::V6(v6) => pseudonym(&v6.octets()),
                }),
                Datum::Text(text) => Some(pseudonym(text.as_bytes())),
                _ => None,
            }
            .map(DisclosedValue::Pseudonym)
        }
    }
}
