//! `tests` of a content-types policy: what is known of a client and a stanza in; profile, verdict and stanza out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DocumentError, Findings};
use crate::content_types::{Action, Facts, Rehearsal};
use crate::policy::{HostName, Located, Mismatch, PolicyTest, Position, Problem};

/// A test of the policy: `vestibule policy test` runs it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ContentTypesTest {
    /// What it shows.
    name: Located<String>,
    /// What is known of the client.
    #[serde(default)]
    client: FactsDocument,
    /// A stanza from the client, on a stream whose default namespace is `jabber:client`.
    #[serde(default)]
    client_sends: Option<Located<String>>,
    /// A stanza from the gatekeeper, on such a stream.
    #[serde(default)]
    gatekeeper_sends: Option<Located<String>>,
    expect: Located<ExpectationDocument>,
}

/// What is known of a client. What is left out, it has not said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
struct FactsDocument {
    /// The domain that the stream is for.
    #[serde(default)]
    host: Option<HostName>,
    /// The TLS server name (SNI).
    #[serde(default)]
    server_name: Option<HostName>,
    /// `software` of the SASL2 user agent (XEP-0388).
    #[serde(default)]
    user_agent: String,
    /// The node of the entity capabilities (XEP-0115).
    #[serde(default)]
    node: String,
    /// The resource that it asked for, or its Bind 2 tag (XEP-0386).
    #[serde(default)]
    resource: String,
}

/// What is expected. What is left out is not looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct ExpectationDocument {
    /// The profile of the client, before the stanza is sent.
    #[serde(default)]
    profile: Option<Located<String>>,
    /// What becomes of the content that the gatekeeper sends. Of several contents the most that is done to any.
    #[serde(default)]
    verdict: Option<Located<Action>>,
    /// The stanza as the other side gets it, byte for byte, but for white space around it.
    #[serde(default)]
    stanza: Option<Located<String>>,
}

/// What became of a stanza.
struct Played {
    stanza: String,
    verdict: Action,
}

impl ContentTypesTest {
    /// `profiles` are the names of the policy's profiles.
    pub(super) fn check(&self, profiles: &[&str], findings: &mut Findings<'_>) {
        let Self { client_sends, gatekeeper_sends, .. } = self;
        let ExpectationDocument { profile, verdict, stanza } = &self.expect.value;
        if let Some(profile) = profile
            && !profiles.contains(&profile.value.as_str())
        {
            let known = profiles.iter().copied();
            findings.problems.push(Problem::unknown_reference(profile.at, &profile.value, "profile", known));
        }
        if let (Some(_), Some(second)) = (client_sends, gatekeeper_sends) {
            findings.problem(second.at, &DocumentError::TwoStanzas);
        }
        if let (Some(verdict), None) = (verdict, gatekeeper_sends) {
            findings.problem(verdict.at, &DocumentError::VerdictOfNothing);
        }
        if let (Some(stanza), None, None) = (stanza, client_sends, gatekeeper_sends) {
            findings.problem(stanza.at, &DocumentError::StanzaOfNothing);
        }
        if let (None, None, None) = (profile, verdict, stanza) {
            findings.problem(self.expect.at, &DocumentError::ExpectsNothing);
        }
    }

    fn facts(&self) -> Facts {
        let FactsDocument { host, server_name, user_agent, node, resource } = self.client.clone();
        Facts {
            host: host.map(|host| host.to_string()).unwrap_or_default(),
            server_name: server_name.map(|name| name.to_string()),
            user_agent: Some(user_agent),
            node: Some(node),
            resource: Some(resource),
        }
    }

    /// What becomes of the stanza, if there is one.
    fn play(&self, rehearsal: &Rehearsal) -> Result<Option<Played>, Mismatch> {
        let failed = |at: Position| move |error| Mismatch::new(at, format!("{error}"));
        if let Some(sent) = &self.client_sends {
            let got = rehearsal.client_sends(self.facts(), &sent.value).map_err(failed(sent.at))?;
            return Ok(Some(Played { stanza: got, verdict: Action::Pass }));
        }
        let Some(sent) = &self.gatekeeper_sends else { return Ok(None) };
        let (stanza, verdict) =
            rehearsal.gatekeeper_sends(self.facts(), &sent.value).map_err(failed(sent.at))?;
        Ok(Some(Played { stanza, verdict }))
    }
}

impl PolicyTest for ContentTypesTest {
    type Subject = Rehearsal;

    fn name(&self) -> &Located<String> {
        &self.name
    }

    fn mismatches(&self, rehearsal: &Rehearsal) -> Vec<Mismatch> {
        let ExpectationDocument { profile, verdict, stanza } = &self.expect.value;
        let selected = rehearsal.profile(&self.facts()).name.as_str();
        let differs = |what, expected: &Option<Located<String>>, found: &str| {
            let expected = expected.as_ref()?;
            Mismatch::unless_equal(what, expected.at, expected.value.trim(), found)
        };
        let mut mismatches = Vec::from_iter(differs("the profile", profile, selected));
        match self.play(rehearsal) {
            Ok(None) => {}
            Ok(Some(played)) => {
                let of_verdict = verdict.as_ref().and_then(|expected| {
                    let (expected, at) = (expected.value.name(), expected.at);
                    Mismatch::unless_equal("the verdict", at, expected, played.verdict.name())
                });
                mismatches.extend(of_verdict);
                mismatches.extend(differs("the stanza", stanza, &played.stanza));
            }
            Err(mismatch) => mismatches.push(mismatch),
        }
        mismatches
    }
}
