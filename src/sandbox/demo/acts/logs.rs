//! What came to rest: nothing under the shipped policy, and figures without people under the one for operations.

use super::Pair;
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::scene::{Listing, Scene};
use crate::sandbox::demo::stage::{EVERYBODY, Front, Person, Stage};

/// What is said while `operations.yaml` holds.
const SECRET: &str = "Meet me under the clock";

/// `quiet` is what was logged in the acts before, when `default-deny.yaml` held.
pub async fn play(stage: &Stage, quiet: Vec<String>, operations: &str) -> Result<Scene, ActError> {
    let sessions = stage.gatekeeper.sessions().len();
    let front = stage.open_front("operations", operations)?;
    let talked = talk(&front).await;
    let logged = front.end().await;
    let ports = talked?;
    let lines = logged?;

    let facts = facts(ports);
    let logged: Vec<&str> =
        facts.iter().filter(|(_, words)| occurs(&lines, words)).map(|(fact, _)| *fact).collect();
    let absent: Vec<&str> =
        facts.iter().map(|(fact, _)| *fact).filter(|fact| !logged.contains(fact)).collect();
    Ok(Scene {
        title: "What was written down",
        explanation: "A proxy sees who talks to whom, when and from where. Vestibule writes down only what a policy \
                      allows, field by field; the shipped default allows nothing. For the last part, Alice and Bob \
                      came back and talked once more, with operations.yaml in its place.",
        listings: vec![
            Listing {
                caption: format!("Logged of {sessions} sessions under default-deny.yaml"),
                lines: quiet.clone(),
            },
            Listing {
                caption: "Logged of 2 sessions under operations.yaml".to_owned(),
                lines: lines.clone(),
            },
            Listing {
                caption: "Searched for in these lines and not found".to_owned(),
                lines: vec![absent.join(", ")],
            },
        ],
        findings: vec![
            Finding::new(
                Claim::NothingLogged,
                quiet.is_empty(),
                format!("{} lines for {sessions} sessions", quiet.len()),
            ),
            Finding::new(
                Claim::OperationsLogged,
                lines.len() == 2,
                format!("{} lines for 2 sessions", lines.len()),
            ),
            nobody_named(&logged, facts.len()),
        ],
        ..Scene::default()
    })
}

/// Alice and Bob once more. Returns the ports that they came from.
async fn talk(front: &Front) -> Result<Vec<String>, ActError> {
    let mut pair = Pair::arrive(front).await?;
    let message =
        format!("<message to='bob@gatekeeper.example' id='secret-10'><body>{SECRET}</body></message>");
    pair.alice_to_bob(message.as_bytes()).await?;
    let addresses = [pair.alice.local_address(), pair.bob.local_address()];
    pair.close().await?;
    Ok(addresses.into_iter().flatten().map(|address| address.port().to_string()).collect())
}

/// What a log could betray: what it is, and the words by which it would be recognised.
fn facts(ports: Vec<String>) -> Vec<(&'static str, Vec<String>)> {
    let of_everybody =
        |word: fn(&Person) -> &'static str| EVERYBODY.map(|person| word(person).to_owned()).to_vec();
    vec![
        ("accounts", of_everybody(|person| person.account)),
        ("resources", of_everybody(|person| person.resource)),
        ("passwords", of_everybody(|person| person.password())),
        ("what was said", vec![SECRET.to_owned()]),
        ("stanza ids", vec!["secret-10".to_owned()]),
        ("client addresses", vec!["127.0.0.1".to_owned()]),
        ("client ports", ports),
    ]
}

/// Whether one of the words stands in one of the lines, not as a part of a longer word or number.
fn occurs(lines: &[String], words: &[String]) -> bool {
    let stands_in = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    };
    words.iter().any(|word| lines.iter().any(|line| stands_in(line, word)))
}

fn nobody_named(logged: &[&str], searched: usize) -> Finding {
    let detail = if logged.is_empty() {
        format!("{searched} kinds of facts searched for, none found")
    } else {
        format!("found: {}", logged.join(", "))
    };
    Finding::new(Claim::NobodyNamed, logged.is_empty(), detail)
}
