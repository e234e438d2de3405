//! What goes over the wire of something that is encrypted: a copy for each device, inside of an element whose name is the
//! class, as the dialect has it. So it can be routed, judged and replaced by those who cannot read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use vodozemac::olm::OlmMessage;

use super::payload::{LONGEST_DOCUMENT, Outside};
use super::{DeviceId, MOST_DEVICES};
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::ENCRYPTION;

/// Bytes of one copy: the document, and what the ratchet adds to it.
const LONGEST_COPY: usize = LONGEST_DOCUMENT + 512;
/// The words for the two kinds of messages (Olm: types 0 and 1).
const KINDS: [&str; 2] = ["pre-key", "message"];

/// Why an element is no envelope. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("it has not the form of something encrypted")]
    Malformed,
    #[error("it has too many copies, or one that is too long")]
    Size,
}

/// What one device has written for others.
pub struct Envelope {
    /// Which of the sender's devices wrote it.
    pub device: DeviceId,
    /// What it says of what is in it: the name of the dialect's element, if it stands in one.
    pub class: Option<String>,
    /// What it says of a medium besides its class.
    pub outside: Option<Outside>,
    pub copies: Vec<(DeviceId, OlmMessage)>,
}

impl Envelope {
    /// As it stands in a message, in the dialect's namespace of contents.
    pub fn write(&self, contents: &str) -> String {
        let copies: String = self.copies.iter().map(|(id, message)| write_copy(id, message)).collect();
        let encrypted =
            format!("<encrypted xmlns='{ENCRYPTION}' device='{}'>{copies}</encrypted>", self.device.as_str());
        let outside = self
            .outside
            .as_ref()
            .map(|Outside { media_type, size }| format!(" type='{}' size='{size}'", escape(media_type)));
        match &self.class {
            Some(class) => {
                format!("<{class} xmlns='{contents}'{}>{encrypted}</{class}>", outside.unwrap_or_default())
            }
            None => encrypted,
        }
    }

    /// Reads what is encrypted in a message. `None` if nothing is.
    pub fn read(message: &Element, contents: &str) -> Option<Result<Self, EnvelopeError>> {
        let bare = message.child(ENCRYPTION, "encrypted").map(|encrypted| (encrypted, None));
        let in_class = || {
            let mut classes = message.children.iter().filter(|child| child.namespace == contents);
            classes.find_map(|class| Some((class.child(ENCRYPTION, "encrypted")?, Some(class))))
        };
        let (encrypted, class) = bare.or_else(in_class)?;
        Some(Self::of(encrypted, class))
    }

    /// The copy for a device.
    pub fn copy_for(&self, device: &DeviceId) -> Option<&OlmMessage> {
        self.copies.iter().find(|(id, _)| id == device).map(|(_, message)| message)
    }

    fn of(encrypted: &Element, class: Option<&Element>) -> Result<Self, EnvelopeError> {
        let device = encrypted.attribute("device").and_then(DeviceId::new).ok_or(EnvelopeError::Malformed)?;
        if encrypted.children.len() > MOST_DEVICES {
            return Err(EnvelopeError::Size);
        }
        let copies = encrypted.children.iter().map(read_copy).collect::<Result<_, _>>()?;
        let outside = class.map(outside).transpose()?.flatten();
        Ok(Self { device, class: class.map(|class| class.name.clone()), outside, copies })
    }
}

/// Both or neither of the attributes are there.
fn outside(class: &Element) -> Result<Option<Outside>, EnvelopeError> {
    match (class.attribute("type"), class.attribute("size")) {
        (None, None) => Ok(None),
        (Some(media_type), Some(size)) => {
            let size = size.parse().map_err(|_| EnvelopeError::Malformed)?;
            Ok(Some(Outside { media_type: media_type.to_owned(), size }))
        }
        _ => Err(EnvelopeError::Malformed),
    }
}

fn write_copy(id: &DeviceId, message: &OlmMessage) -> String {
    let (kind, bytes) = message.to_parts();
    let kind = KINDS.get(kind).copied().unwrap_or_default();
    format!("<copy device='{}' kind='{kind}'>{}</copy>", id.as_str(), BASE64.encode(bytes))
}

fn read_copy(copy: &Element) -> Result<(DeviceId, OlmMessage), EnvelopeError> {
    let malformed = EnvelopeError::Malformed;
    if !copy.is(ENCRYPTION, "copy") {
        return Err(malformed);
    }
    let device = copy.attribute("device").and_then(DeviceId::new).ok_or(malformed)?;
    let kind = copy.attribute("kind").ok_or(malformed)?;
    let kind = KINDS.iter().position(|known| *known == kind).ok_or(malformed)?;
    // Four characters of Base64 for three bytes.
    if copy.text.len() > LONGEST_COPY.div_ceil(3) * 4 {
        return Err(EnvelopeError::Size);
    }
    let bytes = BASE64.decode(&copy.text).map_err(|_| malformed)?;
    Ok((device, OlmMessage::from_parts(kind, &bytes).map_err(|_| malformed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_the_form_of_an_envelope_is_refused() {
        let two_copies = "<copy device='a' kind='message'>AAAA</copy>".repeat(MOST_DEVICES + 1);
        let long = "A".repeat(80 << 10);
        for (content, error) in [
            ("<encrypted/>".to_owned(), EnvelopeError::Malformed),
            ("<encrypted device='A'/>".to_owned(), EnvelopeError::Malformed),
            ("<encrypted device='a'><x/></encrypted>".to_owned(), EnvelopeError::Malformed),
            (
                "<encrypted device='a'><copy device='b' kind='x'>AAAA</copy></encrypted>".to_owned(),
                EnvelopeError::Malformed,
            ),
            (
                "<encrypted device='a'><copy device='b' kind='message'>!</copy></encrypted>".to_owned(),
                EnvelopeError::Malformed,
            ),
            (
                "<encrypted device='a'><copy device='b' kind='message'>AAAA</copy></encrypted>".to_owned(),
                EnvelopeError::Malformed,
            ),
            (format!("<encrypted device='a'>{two_copies}</encrypted>"), EnvelopeError::Size),
            (
                format!("<encrypted device='a'><copy device='b' kind='message'>{long}</copy></encrypted>"),
                EnvelopeError::Size,
            ),
        ] {
            let content = content.replace("<encrypted", "<encrypted xmlns='urn:x-vestibule:encryption:0'");
            let message = Element::of_stanza(format!("<message>{content}</message>").as_bytes()).unwrap();
            assert_eq!(Envelope::read(&message, "urn:c").unwrap().err(), Some(error), "{content:.200}");
        }
    }
}
