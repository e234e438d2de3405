//! The acts, in the order in which they are played. Each plays its part for real and returns what was seen as a scene.

pub mod arrival;
pub mod conversation;
pub mod figures;
pub mod hostile;
pub mod logs;
pub mod own_words;
pub mod unwanted;

use std::time::Duration;

use super::ActError;
use super::people::{ALICE, BOB, Person};
use super::stage::{Front, Stage};
use crate::sandbox::client::Client;
use crate::sandbox::connection::{Transcript, Transcripts};
use crate::sandbox::gatekeeper::SessionRecord;
use crate::stanza::namespace::CLIENT;

/// How long an act waits for something that only other parties can see.
const PATIENCE: Duration = Duration::from_secs(5);

/// The two who talk to each other.
pub struct Pair {
    pub alice: Client,
    pub bob: Client,
}

impl Pair {
    /// Both bind, become available and wait until they see each other.
    pub async fn arrive(front: &Front) -> Result<Self, ActError> {
        let alice = arrive(front, &ALICE, "").await?;
        let bob = arrive(front, &BOB, "").await?;
        let mut pair = Self { alice, bob };
        see(&mut pair.alice, &ALICE, &BOB).await?;
        see(&mut pair.bob, &BOB, &ALICE).await?;
        Ok(pair)
    }

    /// Alice says something and Bob hears it. Returns what reached his socket.
    pub async fn alice_to_bob(&mut self, message: &[u8]) -> Result<Vec<u8>, ActError> {
        self.alice.send(message).await.map_err(|error| ALICE.failed(error))?;
        hear(&mut self.bob, &BOB).await
    }

    /// Bob says something and Alice hears it. Returns what reached her socket.
    pub async fn bob_to_alice(&mut self, message: &[u8]) -> Result<Vec<u8>, ActError> {
        self.bob.send(message).await.map_err(|error| BOB.failed(error))?;
        hear(&mut self.alice, &ALICE).await
    }

    pub async fn close(self) -> Result<(), ActError> {
        self.alice.close().await.map_err(|error| ALICE.failed(error))?;
        self.bob.close().await.map_err(|error| BOB.failed(error))
    }
}

/// Connects, binds with `extra` in the request, and becomes available.
async fn arrive(front: &Front, person: &Person, extra: &str) -> Result<Client, ActError> {
    let mut client = front.connect(person).await?;
    let binding = async {
        client.bind(person.resource, extra).await?;
        client.send(b"<presence><show>chat</show></presence>").await
    };
    binding.await.map_err(|error| person.failed(error))?;
    Ok(client)
}

async fn see(client: &mut Client, person: &Person, other: &Person) -> Result<(), ActError> {
    let jid = other.full_jid();
    let seen = client
        .receive_where(|stanza| stanza.is(CLIENT, "presence") && stanza.attribute("from") == Some(&jid))
        .await;
    seen.map(drop).map_err(|error| person.failed(error))
}

async fn hear(client: &mut Client, person: &Person) -> Result<Vec<u8>, ActError> {
    let heard = client.receive_where(|stanza| stanza.is(CLIENT, "message")).await;
    heard.map(|stanza| stanza.bytes).map_err(|error| person.failed(error))
}

/// The frames of one session on both sides of Vestibule.
pub struct Wire {
    pub from_client: Passage,
    pub from_gatekeeper: Passage,
}

/// The frames of one direction, as they were sent and as they were received.
pub struct Passage {
    pub sent: Vec<Vec<u8>>,
    pub received: Vec<Vec<u8>>,
}

impl Wire {
    pub fn of(client: &Transcripts, gatekeeper: &Transcripts) -> Self {
        Self {
            from_client: Passage { sent: frames(&client.sent()), received: frames(&gatekeeper.received()) },
            from_gatekeeper: Passage {
                sent: frames(&gatekeeper.sent()),
                received: frames(&client.received()),
            },
        }
    }

    /// The session of a client that is bound as this person.
    pub fn between(client: &Client, stage: &Stage, person: &Person) -> Result<Self, ActError> {
        let record = session_of(stage, person)?;
        Ok(Self::of(&client.transcripts(), &record.transcripts))
    }
}

impl Passage {
    /// The first frame that was sent with this text in it, and the frame that was received in its place: Vestibule
    /// passes frames one for one.
    pub fn first_with(&self, text: &str) -> Option<(&[u8], &[u8])> {
        let place = self.sent.iter().position(|frame| contains(frame, text))?;
        Some((&self.sent[place], self.received.get(place)?))
    }

    /// Whether all frames with this text in them passed untouched, and how many there were.
    pub fn untouched(&self, text: &str) -> (bool, usize) {
        let sent: Vec<_> = self.sent.iter().filter(|frame| contains(frame, text)).collect();
        let received: Vec<_> = self.received.iter().filter(|frame| contains(frame, text)).collect();
        (!sent.is_empty() && sent == received, sent.len())
    }
}

/// The latest session that was bound as this person.
fn session_of(stage: &Stage, person: &Person) -> Result<SessionRecord, ActError> {
    let jid = person.full_jid();
    let sessions = stage.gatekeeper.sessions();
    let latest = sessions.into_iter().rev().find(|session| session.full_jid.as_ref() == Some(&jid));
    latest.ok_or(ActError::Unseen(person.name))
}

fn frames(transcript: &Transcript) -> Vec<Vec<u8>> {
    transcript.frames().map(<[u8]>::to_vec).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
