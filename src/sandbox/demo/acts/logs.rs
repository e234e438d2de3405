//! What came to rest: nothing under the shipped policy, and figures without people under the one for operations.

use super::enlisting::Cast;
use super::figures::through_vestibule;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::Enlisted;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{PROVIDER_USERS, ProviderUser};
use crate::sandbox::demo::scene::{Listing, Scene};
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::encryption::Payload;

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
pub async fn play(
    stage: &Stage,
    cast: &Cast,
    quiet: Vec<String>,
    operations: &str,
) -> Result<Scene, ActError> {
    let sessions = through_vestibule(stage);
    let front = stage.open_front("operations", operations)?;
    let talked = talk(&front, cast).await;
    // Vestibule is stopped whatever happened.
    let lines = front.end().await;
    let (facts, lines) = (facts(cast, talked?), lines?);
    let audit = stage.witness.lines_of("audit");
    let occurs = |fact: &&Fact| fact.occurs_in(&lines) || fact.occurs_in(&audit);
    let (found, absent): (Vec<&Fact>, Vec<&Fact>) = facts.iter().partition(occurs);
    let findings = vec![
        nothing_logged(&quiet, sessions),
        Finding::new(
            Claim::OperationsLogged,
            lines.len() == 2,
            format!("{} lines for 2 sessions", lines.len()),
        ),
        nobody_named(&found, &lines, &audit),
    ];
    let listing = |caption: &str, lines| Listing { caption: caption.to_owned(), lines };
    Ok(Scene {
        title: "What was written down",
        explanation: "A proxy sees who talks to whom, when and from where. Vestibule writes down only what a policy \
                      allows, field by field; the shipped default allows nothing. For the last part, Alice and \
                      Mallory came back and talked to each other, with operations.yaml in its place.",
        listings: vec![
            listing(&format!("Logged of {sessions} sessions under default-deny.yaml"), quiet),
            listing("Logged of 2 sessions under operations.yaml", lines),
            listing("Searched for in these lines and not found", vec![names_of(&absent)]),
        ],
        findings,
        ..Scene::default()
    })
}

/// Two of the provider's users, through the gatekeeper. Returns the ports that they came from.
async fn talk(front: &Front, cast: &Cast) -> Result<Vec<String>, ActError> {
    let mut alice = cast.alice.arrive(front, "").await?;
    let mut mallory = cast.mallory.arrive(front, "").await?;
    alice.write(&mallory.jid, SECRET_ID, Payload::text(SECRET)).await?;
    mallory.read().await?;
    let addresses = [alice.client.local_address(), mallory.client.local_address()];
    alice.close().await?;
    mallory.close().await?;
    Ok(addresses.into_iter().flatten().map(|address| address.port().to_string()).collect())
}

fn facts(cast: &Cast, ports: Vec<String>) -> Vec<Fact> {
    let users = |word: fn(&ProviderUser) -> &str| PROVIDER_USERS.map(|user| word(user).to_owned()).to_vec();
    let enlisted = |word: fn(&Enlisted) -> &str| {
        [&cast.alice, &cast.carol, &cast.mallory].map(|enlisted| word(enlisted).to_owned()).to_vec()
    };
    vec![
        Fact { what: "visible identifiers", words: users(|user| user.visible_id) },
        Fact { what: "internal identifiers", words: enlisted(|enlisted| &enlisted.internal_id) },
        Fact { what: "resources", words: users(|user| user.resource) },
        Fact { what: "passwords", words: users(|user| user.password) },
        Fact { what: "tokens", words: enlisted(|enlisted| &enlisted.token) },
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
fn nobody_named(found: &[&Fact], lines: &[String], audit: &[String]) -> Finding {
    let detail = if found.is_empty() {
        format!("{} lines searched, and {} of the audit log", lines.len(), audit.len())
    } else {
        format!("found in {} lines: {}", lines.len(), names_of(found))
    };
    let observed = found.is_empty() && !lines.is_empty() && !audit.is_empty();
    Finding::new(Claim::NobodyNamed, observed, detail)
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
