//! What came to rest: nothing under the shipped policy, and figures without people under the one for operations.

use super::Pair;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{EVERYBODY, Person};
use crate::sandbox::demo::scene::{Listing, Scene};
use crate::sandbox::demo::stage::{Front, Stage};

/// What is said while `operations.yaml` holds.
const SECRET: &str = "Meet me under the clock";
const SECRET_ID: &str = "secret-10";

/// Something that a log could betray.
struct Fact {
    what: &'static str,
    /// The words by which it would be recognised.
    words: Vec<String>,
}

/// `quiet` is what was logged in the acts before, when `default-deny.yaml` held.
pub async fn play(stage: &Stage, quiet: Vec<String>, operations: &str) -> Result<Scene, ActError> {
    let sessions = stage.gatekeeper.sessions().len();
    let front = stage.open_front("operations", operations)?;
    let talked = talk(&front).await;
    // Vestibule is stopped whatever happened.
    let lines = front.end().await;
    let (facts, lines) = (facts(talked?), lines?);
    let (found, absent): (Vec<&Fact>, Vec<&Fact>) = facts.iter().partition(|fact| fact.occurs_in(&lines));
    let findings = vec![
        nothing_logged(&quiet, sessions),
        Finding::new(
            Claim::OperationsLogged,
            lines.len() == 2,
            format!("{} lines for 2 sessions", lines.len()),
        ),
        nobody_named(&found, &lines),
    ];
    let listing = |caption: &str, lines| Listing { caption: caption.to_owned(), lines };
    Ok(Scene {
        title: "What was written down",
        explanation: "A proxy sees who talks to whom, when and from where. Vestibule writes down only what a policy \
                      allows, field by field; the shipped default allows nothing. For the last part, Alice and Bob \
                      came back and talked once more, with operations.yaml in its place.",
        listings: vec![
            listing(&format!("Logged of {sessions} sessions under default-deny.yaml"), quiet),
            listing("Logged of 2 sessions under operations.yaml", lines),
            listing("Searched for in these lines and not found", vec![names_of(&absent)]),
        ],
        findings,
        ..Scene::default()
    })
}

/// Alice and Bob once more. Returns the ports that they came from.
async fn talk(front: &Front) -> Result<Vec<String>, ActError> {
    let mut pair = Pair::arrive(front).await?;
    let message =
        format!("<message to='bob@gatekeeper.example' id='{SECRET_ID}'><body>{SECRET}</body></message>");
    pair.alice_to_bob(message.as_bytes()).await?;
    let addresses = [pair.alice.local_address(), pair.bob.local_address()];
    pair.close().await?;
    Ok(addresses.into_iter().flatten().map(|address| address.port().to_string()).collect())
}

fn facts(ports: Vec<String>) -> Vec<Fact> {
    let everybodys = |word: fn(&Person) -> &str| EVERYBODY.map(|person| word(person).to_owned()).to_vec();
    vec![
        Fact { what: "accounts", words: everybodys(|person| person.account) },
        Fact { what: "resources", words: everybodys(|person| person.resource) },
        Fact { what: "passwords", words: everybodys(|person| person.password) },
        Fact { what: "what was said", words: vec![SECRET.to_owned()] },
        Fact { what: "stanza ids", words: vec![SECRET_ID.to_owned()] },
        Fact { what: "client addresses", words: vec!["127.0.0.1".to_owned()] },
        Fact { what: "client ports", words: ports },
    ]
}

impl Fact {
    fn occurs_in(&self, lines: &[String]) -> bool {
        self.words.iter().any(|word| lines.iter().any(|line| has_word(line, word)))
    }
}

/// Whether the word stands in the line, and not only as a part of a longer word or number.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

fn names_of(facts: &[&Fact]) -> String {
    facts.iter().map(|fact| fact.what).collect::<Vec<_>>().join(", ")
}

fn nothing_logged(quiet: &[String], sessions: usize) -> Finding {
    let detail = format!("{} lines for {sessions} sessions", quiet.len());
    Finding::new(Claim::NothingLogged, quiet.is_empty(), detail)
}

/// Lines that are not there name nobody either, but they show nothing.
fn nobody_named(found: &[&Fact], lines: &[String]) -> Finding {
    let detail = if found.is_empty() {
        format!("{} lines searched", lines.len())
    } else {
        format!("found in {} lines: {}", lines.len(), names_of(found))
    };
    Finding::new(Claim::NobodyNamed, found.is_empty() && !lines.is_empty(), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_only_as_a_whole() {
        assert!(has_word(r#"{"account":"bob"}"#, "bob"));
        assert!(has_word("from=127.0.0.1", "127.0.0.1"));
        assert!(!has_word("bobsleigh, kabob", "bob"));
        assert!(!has_word("127.0.0.10", "127.0.0.1"));
        assert!(!has_word("", "bob"));
    }
}
