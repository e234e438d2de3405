//! What is said, as it stands inside of the encryption: a small document with a version.
//!
//! It names its sender and whom it is for, so that nobody who passes ciphertexts on can present them as another's.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::DeviceId;
use crate::sandbox::media::MediaReference;

const VERSION: u32 = 0;
/// Bytes of a text.
pub const LONGEST_TEXT: usize = 4096;
/// Bytes of an identifier of a message.
const LONGEST_ID: usize = 128;
/// Bytes of a reaction: one emoji can be a sequence of many characters.
const LONGEST_REACTION: usize = 64;
/// Bytes of an address (RFC 7622, section 3.1).
const LONGEST_ADDRESS: usize = 2047;
/// Messages that one receipt is for.
const MOST_RECEIPTS: usize = 64;
/// Bytes of a whole document.
pub const LONGEST_DOCUMENT: usize = 48 << 10;
/// A document is filled up with white space to a multiple of this, so that its length tells little.
const BLOCK: usize = 256;

/// Why something is no payload. Nothing of what was said is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("it is no document")]
    Malformed,
    #[error("it has a version that is not known")]
    Version,
    #[error("it is too long, or empty")]
    Size,
}

/// A payload with all that has to be known of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    version: u32,
    /// By which others refer to it.
    pub id: String,
    /// The bare JID of who wrote it, and the device.
    pub from: String,
    pub device: DeviceId,
    /// The bare JID of whom it is for.
    pub to: String,
    pub payload: Payload,
}

/// What is said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Payload {
    Text {
        text: String,
    },
    /// An emoji for a message; an empty one takes it back.
    Reaction {
        to: String,
        emoji: String,
    },
    /// A text that refers to a message.
    Reply {
        to: String,
        text: String,
    },
    /// What has become of messages at their receiver's.
    Receipt {
        state: ReceiptState,
        of: Vec<String>,
    },
    /// A picture, a voice message, a video or a file: where it is, and what opens it.
    Media {
        reference: MediaReference,
    },
}

/// What is written on the outside of a medium, as content types need it. It is the reference's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    pub media_type: String,
    /// In bytes, once it is opened.
    pub size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    Delivered,
    Read,
}

impl Payload {
    pub fn text(text: &str) -> Self {
        Self::Text { text: text.to_owned() }
    }

    /// The class by which it is routed and judged: the element's name in the dialect. A receipt is no content.
    pub fn class(&self) -> Option<&'static str> {
        match self {
            Self::Text { .. } | Self::Reply { .. } => Some("text"),
            Self::Reaction { .. } => Some("reaction"),
            Self::Media { reference } => Some(reference.class.name()),
            Self::Receipt { .. } => None,
        }
    }

    /// What can be seen of it besides its class.
    pub fn outside(&self) -> Option<Outside> {
        let Self::Media { reference } = self else { return None };
        Some(Outside { media_type: reference.media_type.clone(), size: reference.plain_size() })
    }

    /// The words in it that people wrote.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text { text } | Self::Reply { text, .. } => Some(text),
            Self::Reaction { emoji, .. } => Some(emoji),
            Self::Receipt { .. } | Self::Media { .. } => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Reaction { .. } => "reaction",
            Self::Reply { .. } => "reply",
            Self::Receipt { .. } => "receipt",
            Self::Media { .. } => "media",
        }
    }

    fn is_bounded(&self) -> bool {
        match self {
            Self::Text { text } => is_text(text),
            Self::Reaction { to, emoji } => is_id(to) && emoji.len() <= LONGEST_REACTION,
            Self::Reply { to, text } => is_id(to) && is_text(text),
            Self::Receipt { of, .. } => {
                (1..=MOST_RECEIPTS).contains(&of.len()) && of.iter().all(|id| is_id(id))
            }
            Self::Media { reference } => reference.check().is_ok(),
        }
    }
}

impl Document {
    pub fn new(id: &str, (from, device): (&str, &DeviceId), to: &str, payload: Payload) -> Self {
        let [id, from, to] = [id, from, to].map(str::to_owned);
        Self { version: VERSION, id, from, device: device.clone(), to, payload }
    }

    /// As it is encrypted.
    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, PayloadError> {
        self.check()?;
        // The room is made beforehand, so that nothing of it is left behind in memory by growing.
        let mut written = Zeroizing::new(Vec::with_capacity(2 * LONGEST_DOCUMENT));
        serde_json::to_writer(&mut *written, self).map_err(|_| PayloadError::Malformed)?;
        let filled = written.len().next_multiple_of(BLOCK);
        written.resize(filled, b' ');
        if written.len() <= LONGEST_DOCUMENT { Ok(written) } else { Err(PayloadError::Size) }
    }

    /// As it was decrypted.
    pub fn read(written: &[u8]) -> Result<Self, PayloadError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        if written.len() > LONGEST_DOCUMENT {
            return Err(PayloadError::Size);
        }
        let Versioned { version } = serde_json::from_slice(written).map_err(|_| PayloadError::Malformed)?;
        if version != VERSION {
            return Err(PayloadError::Version);
        }
        let document: Self = serde_json::from_slice(written).map_err(|_| PayloadError::Malformed)?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), PayloadError> {
        let addressed = self.from.len() <= LONGEST_ADDRESS && self.to.len() <= LONGEST_ADDRESS;
        if is_id(&self.id) && addressed && self.payload.is_bounded() {
            Ok(())
        } else {
            Err(PayloadError::Size)
        }
    }
}

fn is_text(text: &str) -> bool {
    (1..=LONGEST_TEXT).contains(&text.len())
}

fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
}

/// What people say is not for logs.
impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.words().map_or(0, str::len);
        write!(formatter, "Payload({}, {length} bytes)", self.kind())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Document({:?})", self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(payload: Payload) -> Document {
        let device = DeviceId::new("d1").unwrap();
        Document::new("m-1", ("ann@h", &device), "ben@h", payload)
    }

    fn reference(url: &str) -> MediaReference {
        let json = serde_json::json!({
            "url": "https://provider.example/media/x", "key": "A".repeat(43), "size": 100, "sha256": "A".repeat(43),
            "media_type": "image/png", "class": "image",
        });
        let reference = MediaReference::parse(json.to_string().as_bytes()).unwrap();
        MediaReference { url: url.to_owned(), ..reference }
    }

    #[test]
    fn every_payload_is_read_as_it_was_written() {
        let to = "m-0".to_owned();
        for payload in [
            Payload::text("Fish & \"chips\" \u{1F41F}"),
            Payload::Reaction { to: to.clone(), emoji: "\u{1F44D}".to_owned() },
            Payload::Reaction { to: to.clone(), emoji: String::new() },
            Payload::Reply { to: to.clone(), text: "No".to_owned() },
            Payload::Receipt { state: ReceiptState::Read, of: vec![to.clone(); MOST_RECEIPTS] },
            Payload::Media { reference: reference("https://provider.example/media/x") },
        ] {
            let document = document(payload);
            assert!(Document::read(&document.write().unwrap()).unwrap() == document, "{document:?}");
        }
    }

    #[test]
    fn lengths_tell_little() {
        let length = |text: &str| document(Payload::text(text)).write().unwrap().len();
        assert_eq!(length("No"), length("Yes, at half past seven"));
        assert_eq!(length("No") % BLOCK, 0);
    }

    #[test]
    fn the_longest_text_fits_however_it_is_escaped() {
        assert!(document(Payload::text(&"\u{1}".repeat(LONGEST_TEXT))).write().is_ok());
    }

    #[test]
    fn what_is_too_long_or_empty_is_neither_written_nor_read() {
        let long = "x".repeat(LONGEST_ID + 1);
        for payload in [
            Payload::text(""),
            Payload::text(&"x".repeat(LONGEST_TEXT + 1)),
            Payload::Reaction { to: "m".to_owned(), emoji: "x".repeat(LONGEST_REACTION + 1) },
            Payload::Reaction { to: long.clone(), emoji: "x".to_owned() },
            Payload::Reply { to: String::new(), text: "x".to_owned() },
            Payload::Receipt { state: ReceiptState::Delivered, of: Vec::new() },
            Payload::Receipt { state: ReceiptState::Delivered, of: vec!["m".to_owned(); MOST_RECEIPTS + 1] },
            Payload::Media { reference: reference("http://provider.example/media/x") },
        ] {
            let document = document(payload);
            assert_eq!(document.write().err(), Some(PayloadError::Size), "{document:?}");
            let written = serde_json::to_vec(&document).unwrap();
            assert_eq!(Document::read(&written).err(), Some(PayloadError::Size), "{document:?}");
        }
        assert_eq!(Document::read(&[b' '; LONGEST_DOCUMENT + 1]).err(), Some(PayloadError::Size));
    }

    #[test]
    fn another_version_is_told_from_what_is_no_document() {
        let written = serde_json::to_string(&document(Payload::text("x"))).unwrap();
        for (wrong, error) in [
            (written.replace("\"version\":0", "\"version\":1"), PayloadError::Version),
            ("{\"version\":7}".to_owned(), PayloadError::Version),
            ("{\"version\":0}".to_owned(), PayloadError::Malformed),
            (written.replace("\"text\":{", "\"dance\":{"), PayloadError::Malformed),
            (written.replace("\"id\":", "\"ib\":"), PayloadError::Malformed),
            (String::new(), PayloadError::Malformed),
        ] {
            assert_eq!(Document::read(wrong.as_bytes()).err(), Some(error), "{wrong}");
        }
    }

    #[test]
    fn what_was_said_is_not_in_what_is_printed_for_programmers() {
        assert_eq!(format!("{:?}", document(Payload::text("secret"))), "Document(Payload(text, 6 bytes))");
    }
}
