//! Alice sends Bob a picture and a voice message, he sends her a picture and a video. What they send is sealed and stored,
//! and only where it is and what opens it is said in a message.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Pair, contains, frames};
use crate::sandbox::client::{About, ApiError, Authorization, Media, MediaError, Source};
use crate::sandbox::demo::ActError;
use crate::sandbox::demo::cast::Enlisted;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::people::{ALICE, BOB};
use crate::sandbox::demo::samples::{self, HEIGHT, WIDTH};
use crate::sandbox::demo::scene::{Listing, Scene, readable};
use crate::sandbox::demo::stage::Stage;
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::Words;
use crate::sandbox::media::{Dimensions, MediaClass, MediaReference};
use crate::stanza::namespace::CHAT_STATES;

/// Where the metadata services of clouds are: what a proxy must never be talked into asking.
const ELSEWHERE: &str = "https://169.254.169.254/latest/meta-data/";

pub async fn play(stage: &Stage, alice: &Enlisted, pair: &mut Pair) -> Result<Scene, ActError> {
    let clients = Clients::new(stage, alice);
    let (picture, (voice, duration)) = (samples::fish(), samples::melody());
    let forth = [
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
    let elsewhere = clients.fetch_elsewhere(&forth[0].reference).await;
    let mut lines: Vec<String> = forth.iter().map(|sent| sent.line("Alice")).collect();
    lines.push(back.line("Bob"));
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
        findings: vec![
            arrived(Claim::MediaForth, &forth),
            arrived(Claim::MediaBack, &[back]),
            sealed(stage),
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
    /// Whether the receiver opened what the sender had.
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
        let message = telling(&BOB.bare_jid(), id, &reference).map_err(of_alice)?;
        let heard = pair.alice_to_bob(message.as_bytes()).await?;
        let opened = open(&self.bob, &heard).await.map_err(of_bob)?;
        Ok(Sent { reference, is_same: opened == plain })
    }

    async fn bob_sends(
        &self,
        pair: &mut Pair,
        id: &str,
        plain: &[u8],
        about: About,
    ) -> Result<Sent, ActError> {
        let reference = upload(&self.bob, plain, about).await.map_err(of_bob)?;
        let message = telling(&pair.alice.jid, id, &reference).map_err(of_bob)?;
        let heard = pair.bob_to_alice(message.as_bytes()).await?;
        let opened = open(&self.alice, &heard).await.map_err(of_alice)?;
        Ok(Sent { reference, is_same: opened == plain })
    }

    /// What is inside does not matter: nobody will open it.
    async fn bob_sends_video(&self, pair: &mut Pair) -> Result<Refusal, ActError> {
        let about = About::new(MediaClass::Video, "video/mp4");
        let reference = upload(&self.bob, &[0; 200_000], about).await.map_err(of_bob)?;
        let message = telling(&pair.alice.jid, "i-23", &reference).map_err(of_bob)?;
        pair.bob.say(message.as_bytes()).await?;
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

/// The message that tells of a blob: its class, its type and its size can be seen. Of the rest, which is for who receives
/// it alone, this is the only form.
fn telling(to: &str, id: &str, reference: &MediaReference) -> Result<String, MediaError> {
    let (class, contents) = (reference.class.name(), Words::default().contents);
    let (media_type, size) = (&reference.media_type, reference.plain_size());
    let content = BASE64.encode(reference.to_json()?);
    Ok(format!(
        "<message to='{to}' type='chat' id='{id}'><{class} xmlns='{contents}' type='{media_type}' \
         size='{size}'>{content}</{class}></message>"
    ))
}

/// Fetches what a message tells of.
async fn open(to: &Media, message: &[u8]) -> Result<Vec<u8>, MediaError> {
    let message = Element::of_stanza(message);
    let contents = Words::default().contents;
    let content = message
        .as_ref()
        .and_then(|message| message.children.iter().find(|child| child.namespace == contents))
        .and_then(|content| BASE64.decode(&content.text).ok());
    let reference = MediaReference::parse(&content.unwrap_or_default())?;
    let mut plain = Vec::new();
    to.download(&reference, &mut plain).await?;
    Ok(plain)
}

fn of_alice(source: MediaError) -> ActError {
    ActError::Media { who: ALICE.name, source }
}

fn of_bob(source: MediaError) -> ActError {
    ActError::Media { who: BOB.name, source }
}

fn arrived(claim: Claim, sent: &[Sent]) -> Finding {
    let same = sent.iter().filter(|sent| sent.is_same).count();
    let bytes: u64 = sent.iter().map(|sent| sent.reference.plain_size()).sum();
    let detail = format!("{same} of {} opened as they were sent, {bytes} bytes", sent.len());
    Finding::new(claim, same == sent.len() && bytes > 0, detail)
}

/// The first words of each of the files are looked for where they are stored.
fn sealed(stage: &Stage) -> Finding {
    let stores = [stage.provider.media().contents(), stage.gatekeeper.media().contents()];
    let counts = [stores[0].len(), stores[1].len()];
    let readable =
        |blob: &&Vec<u8>| ["PNG", "IHDR", "JFIF", "RIFF", "WAVE"].iter().any(|word| contains(blob, word));
    let found = stores.iter().flatten().filter(readable).count();
    let detail =
        format!("{} blobs with the provider, {} with the gatekeeper, {found} readable", counts[0], counts[1]);
    Finding::new(Claim::MediaSealed, counts == [2, 2] && found == 0, detail)
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
