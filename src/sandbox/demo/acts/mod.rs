//! The acts, in the order in which they are played. Each plays its part for real and returns what was seen as a scene.

pub mod absence;
pub mod arrival;
pub mod conversation;
pub mod encryption;
pub mod enlisting;
pub mod figures;
pub mod group;
pub mod hostile;
pub mod logs;
pub mod media;
pub mod own_words;
pub mod resumption;
pub mod revocation;
pub mod secrecy;
pub mod unwanted;

use std::time::Duration;

use super::ActError;
use super::cast::{Heard, Online};
use super::people::BOB;
use super::stage::Stage;
use crate::sandbox::connection::{Transcript, Transcripts};
use crate::sandbox::encryption::Payload;
use crate::sandbox::gatekeeper::SessionRecord;
use crate::stanza::namespace::STREAM_LIMITS;

/// How long an act waits for something that only other parties can see.
const PATIENCE: Duration = Duration::from_secs(5);

/// The two who talk to each other: Alice through Vestibule, Bob with the gatekeeper directly.
pub struct Pair {
    pub alice: Online,
    pub bob: Online,
}

impl Pair {
    /// Bob says something and Alice hears it. Returns what reached her socket.
    pub async fn bob_to_alice(&mut self, message: &[u8]) -> Result<Vec<u8>, ActError> {
        self.bob.say(message).await?;
        self.alice.hear().await
    }

    /// Alice writes something to Bob, who reads it. Returns what left her and what came.
    pub async fn alice_writes(&mut self, id: &str, payload: Payload) -> Result<(Vec<u8>, Heard), ActError> {
        let sent = self.alice.write(&BOB.bare_jid(), id, payload).await?;
        Ok((sent, self.bob.read().await?))
    }

    /// Bob writes something to Alice, who reads it. Returns what left him and what came.
    pub async fn bob_writes(&mut self, id: &str, payload: Payload) -> Result<(Vec<u8>, Heard), ActError> {
        let sent = self.bob.write(&self.alice.jid, id, payload).await?;
        Ok((sent, self.alice.read().await?))
    }

    pub async fn close(self) -> Result<(), ActError> {
        self.alice.close().await?;
        self.bob.close().await
    }
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

    /// The session of somebody who is online through Vestibule.
    pub fn between(online: &Online, stage: &Stage) -> Result<Self, ActError> {
        let record = session_of(stage, online)?;
        Ok(Self::of(&online.client.transcripts(), &record.transcripts))
    }
}

impl Passage {
    /// The first frame that was sent with this text in it, and the frame that was received in its place: Vestibule
    /// passes frames one for one.
    pub fn first_with(&self, text: &str) -> Option<(&[u8], &[u8])> {
        let place = self.sent.iter().position(|frame| contains(frame, text))?;
        Some((&self.sent[place], self.received.get(place)?))
    }

    /// Whether all frames with this text in them passed untouched, and how many there were. What stream features say of
    /// limits (XEP-0478), Vestibule says in its own place.
    pub fn untouched(&self, text: &str) -> (bool, usize) {
        let frames = |frames: &[Vec<u8>]| -> Vec<Vec<u8>> {
            let with_text = frames.iter().filter(|frame| contains(frame, text));
            with_text.map(|frame| without_limits(frame)).collect()
        };
        let (sent, received) = (frames(&self.sent), frames(&self.received));
        (!sent.is_empty() && sent == received, sent.len())
    }
}

/// The latest session that is bound as this one.
fn session_of(stage: &Stage, online: &Online) -> Result<SessionRecord, ActError> {
    let sessions = stage.gatekeeper.sessions();
    let latest = sessions.into_iter().rev().find(|session| session.full_jid.as_ref() == Some(&online.jid));
    latest.ok_or(ActError::Unseen(online.name))
}

fn frames(transcript: &Transcript) -> Vec<Vec<u8>> {
    transcript.frames().map(<[u8]>::to_vec).collect()
}

/// A frame without the element that says what a client may send.
fn without_limits(frame: &[u8]) -> Vec<u8> {
    const END: &str = "</limits>";
    let text = String::from_utf8_lossy(frame);
    let start = text.find(&format!("<limits xmlns='{STREAM_LIMITS}'"));
    let parts = start.and_then(|start| {
        let (before, limits) = text.split_at(start);
        Some((before, limits.split_once(END)?.1))
    });
    parts.map_or_else(|| frame.to_vec(), |(before, after)| [before, after].concat().into_bytes())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
