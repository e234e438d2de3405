//! The compiled policy: from an observation to what one sink may write about it.
//!
//! It does not read YAML (`document` does) and keeps no state: the same observation, keys and policy give the same
//! disclosure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::action::Action;
use super::catalogue::{Datum, Event, Field, Value};
use super::digest::Digest;
use super::disclosed::{Disclosed, DisclosedValue, Sink, SinkName};
use super::observation::{Interest, Observation};
use super::pseudonym::PseudonymKeys;

/// How long pseudonyms can be linked, unless the policy says otherwise.
pub const PSEUDONYM_PERIOD: Duration = Duration::from_secs(86_400);

/// What one sink may see of one event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the disclosure is for. Pseudonyms of different purposes cannot be linked.
    pub purpose: String,
    /// The legal basis.
    pub basis: String,
    /// How long what was written may be kept.
    pub retention: Duration,
    /// Who gets to see the sink's content, as the public report says it. Empty: the provider itself, or for the sink
    /// `gatekeeper` the gatekeeper.
    pub recipients: Vec<String>,
    /// What is not dropped.
    actions: BTreeMap<Field, Action>,
    exceptions: Vec<Exception>,
}

/// Fields of a rule that are open for a reason and for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub reason: String,
    /// From this moment on it is over, by itself.
    pub until: SystemTime,
    /// What happens to the fields until then, in place of the rule's own actions.
    pub actions: BTreeMap<Field, Action>,
}

impl Rule {
    /// A rule that lets nothing out until [`set`](Self::set) is called.
    pub(super) fn new(purpose: String, basis: String, retention: Duration, recipients: Vec<String>) -> Self {
        Self { purpose, basis, retention, recipients, actions: BTreeMap::new(), exceptions: Vec::new() }
    }

    /// What happens to `field` of an event at the time `at`. Of several exceptions the first in the file holds.
    pub fn action(&self, field: Field, at: SystemTime) -> &Action {
        self.exceptions
            .iter()
            .filter(|exception| at < exception.until)
            .find_map(|exception| exception.actions.get(&field))
            .or_else(|| self.actions.get(&field))
            .unwrap_or(&Action::Drop)
    }

    /// The fields that are not dropped outside of exceptions, with what happens to them.
    pub fn actions(&self) -> impl Iterator<Item = (Field, &Action)> {
        self.actions.iter().map(|(field, action)| (*field, action))
    }

    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// Whether no field is let out, not even by an exception.
    pub fn discloses_nothing(&self) -> bool {
        self.fields().next().is_none()
    }

    /// The fields that are let out at any time, some of them perhaps twice.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.actions
            .keys()
            .chain(self.exceptions.iter().flat_map(|exception| exception.actions.keys()))
            .copied()
    }

    /// What `sink` gets of `observation` by this rule, in the catalogue's order.
    pub(super) fn disclose(
        &self,
        sink: SinkName,
        observation: &Observation<'_>,
        keys: &PseudonymKeys,
    ) -> Vec<(Field, DisclosedValue)> {
        let mut fields = Vec::with_capacity(self.actions.len());
        for value in observation.values() {
            let action = self.action(value.field(), observation.at());
            let disclosed = disclose_value(sink, &self.purpose, action, value, keys);
            fields.extend(disclosed.map(|disclosed| (value.field(), disclosed)));
        }
        fields
    }

    pub(super) fn set(&mut self, field: Field, action: Action) {
        match action {
            Action::Drop => self.actions.remove(&field),
            action => self.actions.insert(field, action),
        };
    }

    pub(super) fn open(&mut self, exception: Exception) {
        self.exceptions.push(exception);
    }
}

/// An operator's policy: at most one rule for each sink and event. The default has none and discloses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosurePolicy {
    rules: [[Option<Rule>; Event::ALL.len()]; SinkName::ALL.len()],
    /// Sets of fields that no sink holds together.
    pub(super) never_together: Vec<Vec<Field>>,
    /// How long pseudonyms can be linked: the life of their keys.
    pub pseudonym_period: Duration,
    /// Of the text that the policy was loaded from.
    pub digest: Digest,
    /// The policy that this one knowingly widens.
    pub widens: Option<Digest>,
}

impl Default for DisclosurePolicy {
    fn default() -> Self {
        Self {
            rules: Default::default(),
            never_together: Vec::new(),
            pseudonym_period: PSEUDONYM_PERIOD,
            digest: Digest::of(b""),
            widens: None,
        }
    }
}

impl DisclosurePolicy {
    /// What any sink may see of events from the time `at` on.
    pub fn interest(&self, at: SystemTime) -> Interest {
        let mut interest = Interest::default();
        for (_, event, rule) in self.rules() {
            let exceptions = rule.exceptions.iter().filter(|exception| at < exception.until);
            let open = exceptions.flat_map(|exception| exception.actions.keys());
            let fields = rule.actions.keys().chain(open).filter(|field| field.occurs_in(event));
            fields.for_each(|&field| interest.add(event, field));
        }
        interest
    }

    /// The rule for `sink` and `event`, if there is one.
    pub fn rule(&self, sink: SinkName, event: Event) -> Option<&Rule> {
        self.rules[sink as usize][event as usize].as_ref()
    }

    /// Every rule with its place, by sink and event.
    pub fn rules(&self) -> impl Iterator<Item = (SinkName, Event, &Rule)> {
        let places = SinkName::ALL.into_iter().flat_map(|sink| Event::ALL.map(|event| (sink, event)));
        places.filter_map(|(sink, event)| Some((sink, event, self.rule(sink, event)?)))
    }

    /// The exceptions that are over at the time `at`, with their places.
    pub fn ended_exceptions(&self, at: SystemTime) -> impl Iterator<Item = (SinkName, Event, &Exception)> {
        self.rules().flat_map(move |(sink, event, rule)| {
            let ended = rule.exceptions.iter().filter(move |exception| at >= exception.until);
            ended.map(move |exception| (sink, event, exception))
        })
    }

    /// Takes out the exceptions that are over at the time `at`, for good: a clock that is set back does not open them again.
    pub fn end_exceptions(&mut self, at: SystemTime) {
        let rules = self.rules.iter_mut().flatten().flatten();
        rules.for_each(|rule| rule.exceptions.retain(|exception| at < exception.until));
    }

    /// The next end of an exception after `at`.
    pub fn next_end(&self, at: SystemTime) -> Option<SystemTime> {
        let ends = self.rules().flat_map(|(_, _, rule)| &rule.exceptions).map(|exception| exception.until);
        ends.filter(|until| *until > at).min()
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
        let fields = rule.disclose(S::NAME, observation, keys);
        (!fields.is_empty()).then(|| Disclosed::new(event, rule.retention, fields))
    }

    /// Tells `would` which fields which sink would get of `observation`, without their values.
    pub fn rehearse(&self, observation: &Observation<'_>, mut would: impl FnMut(SinkName, Field)) {
        for sink in SinkName::ALL {
            let Some(rule) = self.rule(sink, observation.event()) else { continue };
            let fields = observation.values().map(|value| value.field());
            fields
                .filter(|field| *rule.action(*field, observation.at()) != Action::Drop)
                .for_each(|field| would(sink, field));
        }
    }

    pub(super) fn set(&mut self, sink: SinkName, event: Event, rule: Rule) {
        self.rules[sink as usize][event as usize] = Some(rule);
    }

    pub(super) fn rule_mut(&mut self, sink: SinkName, event: Event) -> Option<&mut Rule> {
        self.rules[sink as usize][event as usize].as_mut()
    }
}

/// The form in which an action lets a value out. An action that does not fit the value lets nothing out.
fn disclose_value(
    sink: SinkName,
    purpose: &str,
    action: &Action,
    value: Value<'_>,
    keys: &PseudonymKeys,
) -> Option<DisclosedValue> {
    let pseudonym =
        |bytes: &[u8]| keys.pseudonym(sink, purpose, value.field(), bytes).map(DisclosedValue::Pseudonym);
    Some(match (action, value.datum()) {
        (Action::Keep, Datum::Moment(moment)) => DisclosedValue::Moment(moment),
        (Action::Keep, Datum::Span(span)) => DisclosedValue::Span(span),
        (Action::Keep, Datum::Address(address)) => DisclosedValue::Address(address.to_canonical()),
        (Action::Keep, Datum::Number(number)) => DisclosedValue::Number(number),
        (Action::Keep, Datum::Text(text)) => DisclosedValue::Text(text.to_owned()),
        (Action::Keep, Datum::Token(token)) => DisclosedValue::Token(token),
        (Action::Keep, Datum::Session(id)) => DisclosedValue::Pseudonym(keys.session_id(sink, &id)?),
        // An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) has the whole IPv4 address in its last 32 bits and would be
        // cut at the wrong place.
        (Action::Truncate(truncation), Datum::Address(address)) => truncation.apply(address.to_canonical()),
        (Action::Bucket(buckets), Datum::Number(number)) => buckets.number(number),
        (Action::Bucket(buckets), Datum::Span(span)) => buckets.span(span),
        (Action::Round(rounding), Datum::Moment(moment)) => rounding.apply(moment),
        (Action::Pseudonym, Datum::Address(address)) => match address.to_canonical() {
            IpAddr::V4(v4) => pseudonym(&v4.octets())?,
            IpAddr::V6(v6) => pseudonym(&v6.octets())?,
        },
        (Action::Pseudonym, Datum::Text(text)) => pseudonym(text.as_bytes())?,
        (
            Action::Drop | Action::Truncate(_) | Action::Bucket(_) | Action::Round(_) | Action::Pseudonym,
            _,
        ) => return None,
    })
}
