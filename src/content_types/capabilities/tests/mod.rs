//! What several tests need: a profile, the frames of a conversation, and a reader of its own for what was edited.

mod admission;
mod advertisement;
mod hostile;
mod learning;
mod questions;
mod second_reader;
mod session;
mod vectors;

use std::sync::Arc;

use super::cache::{CacheLimits, CapabilitiesCache};
use super::disco_info::{DiscoInfo, DiscoInfoError, Reading};
use super::hash::{Algorithm, CapabilityHash, Family, HashKind};
use super::{Capabilities, CapabilitiesOutcome, DiscoAdvertisement};
use crate::content_types::{Accept, ContentClass, ContentTypes, Conversation, DiscoWords, MediaType};
use crate::framing::Frame;
use crate::stanza::{Edit, Tree, testing};

const PREFIX: &str = "urn:example:content:";
const FORM: &str = "urn:example:content";
const SHA_1: HashKind = HashKind { family: Family::Capabilities, algorithm: Algorithm::Sha1 };
const SHA3_256: HashKind = HashKind { family: Family::Capabilities2, algorithm: Algorithm::Sha3_256 };

fn words() -> DiscoWords {
    DiscoWords { feature_prefix: PREFIX.to_owned(), form_type: FORM.to_owned() }
}

fn advertisement() -> Arc<DiscoAdvertisement> {
    let mut content_types = ContentTypes::default();
    for (class, conversation, media_type, max_size) in [
        (ContentClass::Text, Conversation::OneToOne, "text/plain;charset=utf-8", None),
        (ContentClass::Image, Conversation::OneToOne, "image/png", Some(16 << 20)),
        (ContentClass::Image, Conversation::OneToOne, "image/jpeg", None),
        (ContentClass::Text, Conversation::Group, "text/plain;note=\"<'&\"", Some(4096)),
    ] {
        let media_type = MediaType::parse(media_type).unwrap();
        content_types.push(Accept { class, conversation, media_type, max_size }).unwrap();
    }
    Arc::new(DiscoAdvertisement::new(&content_types, &words()))
}

/// A profile that can receive nothing.
fn empty_advertisement() -> Arc<DiscoAdvertisement> {
    Arc::new(DiscoAdvertisement::new(&ContentTypes::default(), &words()))
}

fn cache() -> CapabilitiesCache {
    CapabilitiesCache::new(CacheLimits { entries: 100, bytes: 1 << 20 })
}

fn read(query: &str) -> Result<DiscoInfo, DiscoInfoError> {
    read_in(query, None)
}

fn read_in(query: &str, stream_language: Option<&str>) -> Result<DiscoInfo, DiscoInfoError> {
    testing::with_frame(query, |frame| {
        let tree = Tree::of(frame).unwrap();
        DiscoInfo::read(frame.bytes, &tree, tree.root(), stream_language)
    })
}

fn hash_of(query: &str, kind: HashKind) -> CapabilityHash {
    CapabilityHash { kind, digest: read(query).ok().unwrap().hash(kind, Reading::Explicit).unwrap() }
}

fn applied(edit: Option<Edit>, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    edit.unwrap_or_default().apply(bytes, &mut out);
    String::from_utf8(out).unwrap()
}

/// The element `query` of service discovery, with a node if it is not empty.
fn query(node: &str, content: &str) -> String {
    let node = if node.is_empty() { String::new() } else { format!(" node='{node}'") };
    format!("<query xmlns='http://jabber.org/protocol/disco#info'{node}>{content}</query>")
}

/// A session with its client and its gatekeeper.
struct Peers<'c> {
    capabilities: Capabilities,
    cache: &'c CapabilitiesCache,
    advertisement: Arc<DiscoAdvertisement>,
    stream_language: Option<&'static str>,
    last: CapabilitiesOutcome,
}

impl<'c> Peers<'c> {
    fn new(cache: &'c CapabilitiesCache) -> Self {
        Self {
            capabilities: Capabilities::default(),
            cache,
            advertisement: advertisement(),
            stream_language: None,
            last: CapabilitiesOutcome::default(),
        }
    }

    /// What the gatekeeper sees of a frame of the client's.
    fn client(&mut self, bytes: &str) -> String {
        testing::with_frame(bytes, |frame| {
            let outcome = self.outcome(frame);
            let mut edit = outcome.edit.unwrap_or_default();
            edit.merge(outcome.insertion.unwrap_or_default());
            self.last = CapabilitiesOutcome { edit: None, insertion: None, ..outcome };
            applied(Some(edit), frame.bytes)
        })
    }

    fn outcome(&mut self, frame: &Frame<'_>) -> CapabilitiesOutcome {
        let tree = Tree::of(frame).unwrap();
        if Capabilities::concerns_advertisement(frame) {
            self.capabilities.advertise(frame, &tree, self.cache, &self.advertisement)
        } else if self.capabilities.concerns_answer(frame) {
            self.capabilities.answer(frame, &tree, self.cache, self.stream_language)
        } else {
            CapabilitiesOutcome::default()
        }
    }

    /// What the client sees of a frame of the gatekeeper's.
    fn gatekeeper(&mut self, bytes: &str) -> String {
        testing::with_frame(bytes, |frame| {
            let tree = Tree::of(frame).unwrap();
            let concerns = Capabilities::concerns_question(frame);
            let edit = concerns
                .then(|| self.capabilities.ask(frame, &tree, self.cache, &self.advertisement))
                .flatten();
            applied(edit, frame.bytes)
        })
    }

    /// The answer to a question for `node` as the gatekeeper sees it, and the node that the client was asked for. The
    /// client answers with `content`.
    fn exchange(&mut self, node: &str, content: &str) -> (String, String) {
        let asked = self.gatekeeper(&question("q1", node));
        let client_node = testing::with_frame(&asked, |frame| {
            let tree = Tree::of(frame).unwrap();
            tree.elements()[1].value("node").unwrap_or_default().to_owned()
        });
        let answer = self.client(&answer("q1", &query(&client_node, content)));
        (answer, client_node)
    }
}

fn question(id: &str, node: &str) -> String {
    format!("<iq xmlns='jabber:client' type='get' id='{id}' from='g@example/r'>{}</iq>", query(node, ""))
}

fn answer(id: &str, query: &str) -> String {
    format!("<iq xmlns='jabber:client' type='result' id='{id}' to='g@example/r'>{query}</iq>")
}

fn presence(content: &str) -> String {
    format!("<presence xmlns='jabber:client'><show>away</show>{content}</presence>")
}

/// `<c/>` of XEP-0115.
fn c_0115(algorithm: &str, ver: &str) -> String {
    format!(
        "<c xmlns='http://jabber.org/protocol/caps' hash='{algorithm}' node='https://client.example' ver='{ver}'/>"
    )
}

/// `<c/>` of XEP-0390.
fn c_0390(hashes: &[(&str, &str)]) -> String {
    let hash = |(algorithm, digest): &(&str, &str)| {
        format!("<hash xmlns='urn:xmpp:hashes:2' algo='{algorithm}'>{digest}</hash>")
    };
    format!("<c xmlns='urn:xmpp:caps'>{}</c>", hashes.iter().map(hash).collect::<String>())
}

/// The content of a query that a client could send.
const CONTENT: &str = "<identity category='client' type='phone' name='Example 1.0'/>\
    <feature var='http://jabber.org/protocol/disco#info'/><feature var='urn:xmpp:ping'/>\
    <feature var='eu.example.devices+notify'/><feature var='vcard-temp'/>";
