//! Alice sends Bob a picture and a voice message, he sends her a picture and a video. What they send is sealed and stored,
//! and only where it is and what opens it is said in a message.

use std::io::Cursor;

use memchr::memmem;

use super::{Pair, contains, frames};
use crate::sandbox::client::{About, ApiError, Authorization, Media, MediaError, Source};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::{Enlisted, Heard};
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{ALICE, BOB};
use crate::sandbox::demo::picture::Content;
use crate::sandbox::demo::samples::{self, HEIGHT, WIDTH};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::encryption::Payload;
use crate::sandbox::media::{Dimensions, MediaClass, MediaReference, ReferenceError};
use crate::stanza::namespace::CHAT_STATES;

/// Bob's, which nobody opens: what is in it does not matter.
const VIDEO: &[u8] = &[0; 200_000];
/// So many bytes of a file are found in no other by accident.
const BEGINNING: usize = 16;
/// Where the metadata services of clouds are: what a proxy must never be talked into asking.
const ELSEWHERE: &str = "https://169.254.169.254/latest/meta-data/";

pub async fn play(stage: &Stage, alice: &Enlisted, pair: &mut Pair) -> Result<Scene, ActError> {
    let clients = Clients::new(stage, alice);
    let (picture, (voice, duration)) = (samples::fish(), samples::melody());
    let [shown, played] = [
        clients.alice_sends(pair, "i-20", &picture, image("image/png")).await?,
        clients
            .alice_sends(
                pair,
                "i-21",
                &voice,
                About { duration: Some(duration), ..About::new(MediaClass::Voice, "audio/wav") },
            )
            .await?,
    ];
    let back = clients.bob_sends(pair, "i-22", &samples::sunset(), image("image/jpeg")).await?;
    let refusal = clients.bob_sends_video(pair).await?;
    let elsewhere = clients.fetch_elsewhere(&shown.reference).await;
    let lines = vec![shown.line("Alice"), played.line("Alice"), back.line("Bob")];
    let (forth, came_back) =
        (arrived(Claim::MediaForth, &[&shown, &played]), arrived(Claim::MediaBack, &[&back]));
    let sealed = sealed(stage, &[&shown.opened, &played.opened, &back.opened, VIDEO]);
    Ok(Scene {
        title: "They send each other pictures",
        explanation: "Media do not go through messages. Alice's client seals a picture under a key of its own and \
                      uploads it to her provider, which gives it a name that nobody can guess and keeps it for a \
                      day. Where it is and what opens it is said in a message. Bob's client does not call her \
                      provider: it asks the gatekeeper's media proxy, which fetches from known providers only and \
                      sees sealed bytes. What Bob sends is stored with the gatekeeper, where her client fetches it. \
                      Each receiver verifies every piece, and the whole.",
        listings: vec![
            Listing { caption: "What was sent, and what the other opened".to_owned(), lines },
            Listing {
                caption: "What Bob was told of a video for Alice".to_owned(),
                lines: vec![readable(&refusal.answer)],
            },
        ],
        contents: vec![
            Content::media(
                "What Bob's client shows",
                "image/png",
                shown.opened,
                "A fish, drawn by a program",
            ),
            Content::media("What it plays", "audio/wav", played.opened, "A melody of a few notes"),
            Content::media(
                "What Alice's client shows",
                "image/jpeg",
                back.opened,
                "A sunset, drawn by a program",
            ),
        ],
        findings: vec![
            forth,
            came_back,
            sealed,
            nowhere_else(&elsewhere),
            Finding::new(
                Claim::MediaNotAnnounced,
                contains(&refusal.answer, "not-acceptable") && !refusal.announced,
                format!("a refusal of {} bytes reached Bob", refusal.answer.len()),
            ),
        ],
        ..Scene::default()
    })
}

fn image(media_type: &str) -> About {
    let dimensions = Some(Dimensions { width: WIDTH, height: HEIGHT });
    About { dimensions, ..About::new(MediaClass::Image, media_type) }
}

/// What was sent, and what came of it.
struct Sent {
    reference: MediaReference,
    /// What the receiver has.
    opened: Vec<u8>,
    /// Whether it is what the sender had.
    is_same: bool,
}

impl Sent {
    fn line(&self, who: &str) -> String {
        let MediaReference { class, media_type, size, .. } = &self.reference;
        let same = if self.is_same { "the same" } else { "not the same" };
        let plain = self.reference.plain_size();
        format!(
            "{who:<5} {:<5} {media_type:<10} {plain:>6} bytes, sealed {size:>6}, opened: {same}",
            class.name()
        )
    }
}

/// What became of a video.
struct Refusal {
    answer: Vec<u8>,
    /// Whether Alice heard of it.
    announced: bool,
}

/// What the two have to send and to fetch with.
struct Clients {
    alice: Media,
    bob: Media,
}

impl Clients {
    fn new(stage: &Stage, alice: &Enlisted) -> Self {
        let (issuer, api) = (&stage.issuer, stage.api());
        Self {
            alice: Media {
                caller: stage.caller.clone(),
                authorization: Authorization::Token(alice.token.clone()),
                endpoint: format!("{issuer}/media"),
                source: Source::Direct { origins: vec![issuer.clone(), api.clone()] },
            },
            bob: Media {
                caller: stage.caller.clone(),
                authorization: Authorization::Password {
                    account: BOB.account.to_owned(),
                    password: BOB.password.to_owned(),
                },
                endpoint: format!("{api}/media"),
                source: Source::Proxy { url: format!("{api}/media-proxy") },
            },
        }
    }

    async fn alice_sends(
        &self,
        pair: &mut Pair,
        id: &str,
        plain: &[u8],
        about: About,
    ) -> Result<Sent, ActError> {
        let reference = upload(&self.alice, plain, about).await.map_err(of_alice)?;
        let (_, heard) = pair.alice_writes(id, Payload::Media { reference: reference.clone() }).await?;
        let opened = open(&self.bob, &heard).await.map_err(of_bob)?;
        Ok(Sent { reference, is_same: opened == plain, opened })
    }

    async fn bob_sends(
        &self,
        pair: &mut Pair,
        id: &str,
        plain: &[u8],
        about: About,
    ) -> Result<Sent, ActError> {
        let reference = upload(&self.bob, plain, about).await.map_err(of_bob)?;
        let (_, heard) = pair.bob_writes(id, Payload::Media { reference: reference.clone() }).await?;
        let opened = open(&self.alice, &heard).await.map_err(of_alice)?;
        Ok(Sent { reference, is_same: opened == plain, opened })
    }

    async fn bob_sends_video(&self, pair: &mut Pair) -> Result<Refusal, ActError> {
        let about = About::new(MediaClass::Video, "video/mp4");
        let reference = upload(&self.bob, VIDEO, about).await.map_err(of_bob)?;
        pair.bob.write(&pair.alice.jid, "i-23", Payload::Media { reference }).await?;
        // When what is sent afterwards has come, nothing else is on its way.
        let after = format!(
            "<message to='{}' type='chat' id='i-24'><active xmlns='{CHAT_STATES}'/></message>",
            pair.alice.jid
        );
        pair.bob.say(after.as_bytes()).await?;
        pair.alice.receive(|stanza| stanza.attribute("id") == Some("i-24")).await?;
        pair.bob.catch_up().await?;
        let heard = frames(&pair.alice.client.transcripts().received());
        let answers = frames(&pair.bob.client.transcripts().received());
        let answer =
            answers.into_iter().find(|frame| contains(frame, "i-23") && contains(frame, "type='error'"));
        Ok(Refusal {
            answer: answer.unwrap_or_default(),
            announced: heard.iter().any(|frame| contains(frame, "i-23")),
        })
    }

    /// A message could name any URL.
    async fn fetch_elsewhere(&self, reference: &MediaReference) -> Result<u32, MediaError> {
        let reference = MediaReference { url: ELSEWHERE.to_owned(), ..reference.clone() };
        self.bob.download(&reference, &mut Vec::new()).await
    }
}

async fn upload(from: &Media, plain: &[u8], about: About) -> Result<MediaReference, MediaError> {
    from.upload(Cursor::new(plain.to_vec()), plain.len() as u64, about).await
}

/// Fetches what a message tells of.
async fn open(to: &Media, heard: &Heard) -> Result<Vec<u8>, MediaError> {
    let payload = heard.opened.as_ref().ok().map(|opened| &opened.document.payload);
    let Some(Payload::Media { reference }) = payload else { return Err(ReferenceError::Malformed.into()) };
    let mut plain = Vec::new();
    to.download(reference, &mut plain).await?;
    Ok(plain)
}

fn of_alice(source: MediaError) -> ActError {
    ActError::Media { who: ALICE.name, source }
}

fn of_bob(source: MediaError) -> ActError {
    ActError::Media { who: BOB.name, source }
}

fn arrived(claim: Claim, sent: &[&Sent]) -> Finding {
    let same = sent.iter().filter(|sent| sent.is_same).count();
    let bytes: u64 = sent.iter().map(|sent| sent.reference.plain_size()).sum();
    let detail = format!("{same} of {} opened as they were sent, {bytes} bytes", sent.len());
    Finding::new(claim, same == sent.len() && bytes > 0, detail)
}

/// The beginnings of the files are looked for where they are stored.
fn sealed(stage: &Stage, files: &[&[u8]]) -> Finding {
    let stores = [stage.provider.media().contents(), stage.gatekeeper.media().contents()];
    let counts = [stores[0].len(), stores[1].len()];
    let beginnings: Vec<&[u8]> = files.iter().filter_map(|file| file.get(..BEGINNING)).collect();
    let readable =
        |blob: &&Vec<u8>| beginnings.iter().any(|beginning| memmem::find(blob, beginning).is_some());
    let found = stores.iter().flatten().filter(readable).count();
    let detail =
        format!("{} blobs with the provider, {} with the gatekeeper, {found} readable", counts[0], counts[1]);
    let observed = counts == [2, 2] && beginnings.len() == files.len() && found == 0;
    Finding::new(Claim::MediaSealed, observed, detail)
}

fn nowhere_else(fetched: &Result<u32, MediaError>) -> Finding {
    let observed =
        matches!(fetched, Err(MediaError::Api(ApiError::Refused { status: 403, problem: "media-origin" })));
    let detail = match fetched {
        Ok(_) => "it was fetched".to_owned(),
        Err(error) => format!("{ELSEWHERE}: {error}"),
    };
    Finding::new(Claim::MediaNowhereElse, observed, detail)
}
