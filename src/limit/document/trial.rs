//! `tests` of a limits file: what a client sends or what comes from an address in; how long it waits, or why it is
//! refused, out.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::LimitsError;
use crate::limit::{Arrivals, RateLimit, Refusal, Rehearsal, Traffic, Wait};
use crate::policy::{ByteSize, Located, Mismatch, Period, PolicyTest, Problem};

/// A test of the limits: `vestibule policy test` runs it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct LimitsTest {
    /// What it shows.
    name: Located<String>,
    /// What the clients of one account send, once they are authenticated.
    #[serde(default)]
    client: Option<ClientDocument>,
    /// What comes from one address. The connections stay open.
    #[serde(default)]
    address: Option<AddressDocument>,
    expect: Located<ExpectationDocument>,
}

/// Stanzas.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct ClientDocument {
    #[schemars(range(min = 1, max = 1_000_000))]
    stanzas: u32,
    /// Bytes of each.
    size: ByteSize,
    /// How many are sent in a second. Left out, all at once.
    #[serde(default)]
    #[schemars(range(min = 1))]
    per_second: Option<u32>,
    /// The sessions of the account, which send in turn. Left out, one.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    sessions: Option<u32>,
}

/// Connections.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct AddressDocument {
    #[schemars(range(min = 1, max = 1_000_000))]
    connections: u32,
    /// How many are opened in a second. Left out, all at once.
    #[serde(default)]
    #[schemars(range(min = 1))]
    per_second: Option<u32>,
    /// Authentications that fail on each connection.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    failed_authentications: u32,
}

/// What is expected. What is left out is not looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct ExpectationDocument {
    /// The longest that a stanza waits, in whole milliseconds.
    #[serde(default)]
    waits: Option<Located<Period>>,
    /// What it waits for.
    #[serde(default)]
    by: Option<Located<RateLimit>>,
    /// Connections that are let in.
    #[serde(default)]
    admitted: Option<Located<u32>>,
    /// Why the first that is not let in, or not let stay, is refused.
    #[serde(default)]
    refused: Option<Located<Refusal>>,
}

impl LimitsTest {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let ExpectationDocument { waits, by, admitted, refused } = &self.expect.value;
        let mut wrong = |at, error| problems.push(Problem::invalid(at, &error));
        if self.client.is_some() == self.address.is_some() {
            return wrong(self.name.at, LimitsError::NotOneTraffic);
        }
        if waits.is_none() && by.is_none() && admitted.is_none() && refused.is_none() {
            wrong(self.expect.at, LimitsError::ExpectsNothing);
        }
        if self.client.is_some() {
            if let Some(admitted) = admitted {
                wrong(admitted.at, LimitsError::ExpectationOfAddress);
            }
            if let Some(refused) = refused.as_ref().filter(|word| word.value.is_of_address()) {
                wrong(refused.at, LimitsError::RefusalOfAddress);
            }
        } else {
            let misplaced = waits.as_ref().map(|waits| waits.at).or(by.as_ref().map(|by| by.at));
            if let Some(at) = misplaced {
                wrong(at, LimitsError::ExpectationOfClient);
            }
            if let Some(refused) = refused.as_ref().filter(|word| !word.value.is_of_address()) {
                wrong(refused.at, LimitsError::RefusalOfClient);
            }
        }
    }

    fn of_client(&self, outcome: Result<Wait, Refusal>) -> Vec<Mismatch> {
        let ExpectationDocument { waits, by, refused, .. } = &self.expect.value;
        let (wait, refusal) = match outcome {
            Ok(wait) => (wait, None),
            Err(refusal) => (Wait::default(), Some(refusal)),
        };
        let milliseconds = |time: Duration| format!("{}ms", time.as_millis());
        let of_wait = waits.as_ref().and_then(|expected| {
            let (time, found) = (expected.value.duration(), milliseconds(wait.time));
            Mismatch::unless_equal("the longest wait", expected.at, &milliseconds(time), &found)
        });
        let of_limit = by.as_ref().and_then(|expected| {
            let found = wait.by.map_or("none", RateLimit::name);
            Mismatch::unless_equal("the limit", expected.at, expected.value.name(), found)
        });
        of_wait.into_iter().chain(of_limit).chain(self.of_refusal(refused.as_ref(), refusal)).collect()
    }

    /// A refusal that is not expected is one mismatch, wherever something else is expected.
    fn of_refusal(&self, expected: Option<&Located<Refusal>>, found: Option<Refusal>) -> Option<Mismatch> {
        let (at, word) = expected.map_or((self.expect.at, "none"), |word| (word.at, word.value.name()));
        Mismatch::unless_equal("the refusal", at, word, found.map_or("none", Refusal::name))
    }

    fn of_address(&self, admitted: u32, refusal: Option<Refusal>) -> Vec<Mismatch> {
        let expected = &self.expect.value;
        let of_number = expected.admitted.as_ref().and_then(|number| {
            let (expected, found) = (number.value.to_string(), admitted.to_string());
            Mismatch::unless_equal("the connections that are let in", number.at, &expected, &found)
        });
        of_number.into_iter().chain(self.of_refusal(expected.refused.as_ref(), refusal)).collect()
    }
}

impl PolicyTest for LimitsTest {
    type Subject = Rehearsal;

    fn name(&self) -> &Located<String> {
        &self.name
    }

    fn mismatches(&self, rehearsal: &Rehearsal) -> Vec<Mismatch> {
        if let Some(client) = &self.client {
            let traffic = Traffic {
                stanzas: client.stanzas,
                size: usize::try_from(client.size.bytes()).unwrap_or(usize::MAX),
                per_second: client.per_second,
                sessions: client.sessions.unwrap_or(1),
            };
            return self.of_client(rehearsal.send(traffic));
        }
        let Some(address) = &self.address else { return Vec::new() };
        let arrivals = Arrivals {
            connections: address.connections,
            per_second: address.per_second,
            failed_authentications: address.failed_authentications,
        };
        let reception = rehearsal.arrive(arrivals);
        self.of_address(reception.admitted, reception.refused)
    }
}
