//! The compiled policy: from an observation to what one sink may write about it.
//!
//! It does not read YAML (`document` does) and keeps no state: the same observation, keys and policy give the same
//! disclosure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::disclosed::{Disclosed, DisclosedValue, Sink, SinkName};
use super::field::{Class, Datum, Event, Field, Form, Value};
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
    /// What is not dropped.
    actions: BTreeMap<Field, Action>,
}

impl Rule {
    /// A rule that lets nothing out until [`set`](Self::set) is called.
    pub(super) fn new(purpose: String, basis: Option<String>, retention: Duration) -> Self {
        Self { purpose, basis, retention, actions: BTreeMap::new() }
    }

    /// What happens to `field`.
    pub fn action(&self, field: Field) -> Action {
        self.actions.get(&field).copied().unwrap_or_default()
    }

    /// Whether no field is let out.
    pub fn discloses_nothing(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn set(&mut self, field: Field, action: Action) {
        match action {
            Action::Drop => self.actions.remove(&field),
            action => self.actions.insert(field, action),
        };
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
        for (_, event, rule) in self.rules() {
            rule.actions
                .keys()
                .filter(|field| field.occurs_in(event))
                .for_each(|&field| interest.add(event, field));
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
        let mut fields = Vec::with_capacity(rule.actions.len());
        for (&field, &action) in &rule.actions {
            let value = observation.value(field);
            let value = value.and_then(|value| disclose_value::<S>(&rule.purpose, action, value, keys));
            fields.extend(value.map(|value| (field, value)));
        }
        (!fields.is_empty()).then(|| Disclosed::new(event, fields))
    }

    /// The sinks with the purposes for which they may see something.
    pub(super) fn purposes(&self) -> impl Iterator<Item = (SinkName, &str)> {
        self.rules().map(|(sink, _, rule)| (sink, rule.purpose.as_str()))
    }

    fn rules(&self) -> impl Iterator<Item = (SinkName, Event, &Rule)> {
        let places = SinkName::ALL.into_iter().flat_map(|sink| Event::ALL.map(|event| (sink, event)));
        places.filter_map(|(sink, event)| Some((sink, event, self.rule(sink, event)?)))
    }

    pub(super) fn set(&mut self, sink: SinkName, event: Event, rule: Rule) {
        self.rules[sink as usize][event as usize] = Some(rule);
    }
}

/// The form in which an action lets a value out. An action that does not fit the value lets nothing out.
fn disclose_value<S: Sink>(
    purpose: &str,
    action: Action,
    value: Value<'_>,
    keys: &PseudonymKeys,
) -> Option<DisclosedValue> {
    let pseudonym = |bytes: &[u8]| keys.pseudonym(S::NAME, purpose, value.field(), bytes);
    match (action, value.datum()) {
        (Action::Drop, _) => None,
        (Action::Keep, Datum::Moment(moment)) => Some(DisclosedValue::Moment(moment)),
        (Action::Keep, Datum::Span(span)) => Some(DisclosedValue::Span(span)),
        (Action::Keep, Datum::Address(address)) => Some(DisclosedValue::Address(address.to_canonical())),
        (Action::Keep, Datum::Number(number)) => Some(DisclosedValue::Number(number)),
        (Action::Keep, Datum::Text(text)) => Some(DisclosedValue::Text(text.to_owned())),
        (Action::Keep, Datum::Token(token)) => Some(DisclosedValue::Token(token)),
        (Action::Keep, Datum::Session(id)) => keys.session_id(S::NAME, &id).map(DisclosedValue::Pseudonym),
        // An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) has the whole IPv4 address in its last 32 bits and would be
        // cut at the wrong place.
        (Action::Truncate(truncation), Datum::Address(address)) => {
            Some(truncation.apply(address.to_canonical()))
        }
        (Action::Pseudonym, Datum::Address(address)) => match address.to_canonical() {
            IpAddr::V4(v4) => pseudonym(&v4.octets()),
            IpAddr::V6(v6) => pseudonym(&v6.octets()),
        }
        .map(DisclosedValue::Pseudonym),
        (Action::Pseudonym, Datum::Text(text)) => pseudonym(text.as_bytes()).map(DisclosedValue::Pseudonym),
        (Action::Truncate(_) | Action::Pseudonym, _) => None,
    }
}
