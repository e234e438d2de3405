//! What is written and read with encryption, and what a person is shown of it.

use vestibule::sandbox::client::encryption::{self, EncryptionError};
use vestibule::sandbox::client::{Client, Participant, ParticipantError};
use vestibule::sandbox::connection::Stanza;
use vestibule::sandbox::encryption::{Device, Learnt, Opened, Payload, ReceiptState, SealError};

/// The client's device, once it is known whose it is.
pub struct Letters {
    device: Option<Device>,
    /// Whose devices are to be trusted with the keys that they have now.
    trust: Option<String>,
}

/// Something that was written, or why it was not.
pub enum Written {
    /// The message, and what there is to be told of its receiver's devices.
    Sent {
        message: String,
        notes: Vec<String>,
    },
    Refused(String),
}

/// Something that came.
pub struct Read {
    /// What a person is shown.
    pub line: Result<String, String>,
    /// What its sender is to be told, and who that is.
    pub receipt: Option<(String, Payload)>,
}

impl Letters {
    pub fn trusting(trust: Option<String>) -> Self {
        Self { device: None, trust }
    }

    /// Publishes the device of this user, as far as that is not done. Returns what there is to be told of it.
    pub async fn arrive(
        &mut self,
        participant: &Participant,
        client: &mut Client,
        jid: &str,
    ) -> Result<Vec<String>, ParticipantError> {
        let account = encryption::bare(jid).unwrap_or_default();
        let is_new = self.device.as_ref().is_none_or(|device| device.account() != account);
        let device = match self.device.take_if(|device| device.account() == account) {
            Some(device) => device,
            None => participant.device(&account)?,
        };
        let device = self.device.insert(device);
        let mut notes = Vec::new();
        match prepare(client, device, self.trust.take().as_deref()).await {
            Ok(trusted) => notes.extend(trusted),
            Err(EncryptionError::Client(error)) => return Err(error.into()),
            Err(error) => notes.push(format!("no keys are published: {error}")),
        }
        participant.keep(device)?;
        notes.extend(is_new.then(|| format!("this device is {}", device.fingerprint())));
        Ok(notes)
    }

    /// Writes to all devices of `to`. What a device has for its next message is kept once this one is sent.
    pub async fn write(
        &mut self,
        participant: &Participant,
        client: &mut Client,
        (id, to): (&str, &str),
        payload: Payload,
    ) -> Result<Written, ParticipantError> {
        let Some(device) = &mut self.device else { return Ok(Written::Refused(NO_DEVICE.to_owned())) };
        let sent = encryption::send(client, device, to, id, payload).await;
        participant.keep(device)?;
        match sent {
            Ok((message, learnt)) => Ok(Written::Sent { message, notes: notes(to, &learnt) }),
            Err(EncryptionError::Client(error)) => Err(error.into()),
            Err(error @ EncryptionError::Seal(SealError::NoDevice)) => {
                Ok(Written::Refused(format!("{error}; --clear writes without encryption")))
            }
            Err(error) => Ok(Written::Refused(error.to_string())),
        }
    }

    /// Reads what is encrypted in a message, if anything is.
    pub async fn read(
        &mut self,
        participant: &Participant,
        client: &mut Client,
        stanza: &Stanza,
    ) -> Result<Option<Read>, ParticipantError> {
        let Some(device) = &mut self.device else { return Ok(None) };
        let Some(opened) = encryption::open(client, device, &stanza.root).await else { return Ok(None) };
        participant.keep(device)?;
        Ok(Some(match opened {
            Ok(opened) => shown(&opened),
            Err(EncryptionError::Client(error)) => return Err(error.into()),
            Err(error) => Read { line: Err(error.to_string()), receipt: None },
        }))
    }
}

const NO_DEVICE: &str = "there are no keys to write with";

/// Publishes the device, and trusts those of an account. Returns what there is to be told of these.
async fn prepare(
    client: &mut Client,
    device: &mut Device,
    trust: Option<&str>,
) -> Result<Vec<String>, EncryptionError> {
    encryption::publish(client, device).await?;
    let Some(account) = trust.and_then(encryption::bare) else { return Ok(Vec::new()) };
    let trusted = encryption::trust(client, device, &account).await?;
    let fingerprints = device.fingerprints(&account).into_iter().filter(|(id, _)| trusted.contains(id));
    Ok(fingerprints.map(|(_, fingerprint)| format!("{account} is trusted with {fingerprint}")).collect())
}

fn notes(to: &str, learnt: &Learnt) -> Vec<String> {
    let new =
        learnt.new.iter().map(|device| format!("{to} has a device that is new here: {}", device.as_str()));
    let unsigned = learnt
        .unsigned
        .iter()
        .map(|device| format!("{to}: a device is not what it says: {}", device.as_str()));
    new.chain(unsigned).collect()
}

fn shown(opened: &Opened) -> Read {
    let Opened { document, is_own } = opened;
    let said = match &document.payload {
        Payload::Text { text } => text.clone(),
        Payload::Reply { to, text } => format!("(to {to}) {text}"),
        Payload::Reaction { to, emoji } => format!("({emoji} to {to})"),
        Payload::Receipt { state: ReceiptState::Delivered, of } => format!("(has {})", of.join(", ")),
        Payload::Receipt { state: ReceiptState::Read, of } => format!("(has read {})", of.join(", ")),
        // What opens it is not for the terminal.
        Payload::Media { reference } => {
            format!(
                "({}, {}, {} bytes)",
                reference.class.name(),
                reference.media_type,
                reference.plain_size()
            )
        }
    };
    let to = if *is_own { format!(" to {}", document.to) } else { String::new() };
    let line = Ok(format!("{}{to}: {said}", document.from));
    let is_answered = !is_own && !matches!(document.payload, Payload::Receipt { .. });
    let receipt = Payload::Receipt { state: ReceiptState::Delivered, of: vec![document.id.clone()] };
    Read { line, receipt: is_answered.then(|| (document.from.clone(), receipt)) }
}

#[cfg(test)]
mod tests {
    use vestibule::sandbox::encryption::Document;

    use super::*;

    fn opened(payload: Payload, is_own: bool) -> Opened {
        let device = Device::new("bob@h").unwrap();
        Opened { document: Document::new("m-1", ("bob@h", device.id()), "alice@h", payload), is_own }
    }

    #[test]
    fn what_others_say_is_shown_and_answered_by_a_receipt() {
        let read = shown(&opened(Payload::text("Hello"), false));
        assert_eq!(read.line.as_deref(), Ok("bob@h: Hello"));
        let (to, receipt) = read.receipt.unwrap();
        assert!(
            to == "bob@h"
                && receipt == Payload::Receipt { state: ReceiptState::Delivered, of: vec!["m-1".to_owned()] }
        );
        let reaction = Payload::Reaction { to: "m-0".to_owned(), emoji: "\u{1F44D}".to_owned() };
        assert_eq!(shown(&opened(reaction, false)).line.as_deref(), Ok("bob@h: (\u{1F44D} to m-0)"));
    }

    #[test]
    fn receipts_and_what_one_says_oneself_are_answered_by_none() {
        let receipt = Payload::Receipt { state: ReceiptState::Read, of: vec!["m-0".to_owned()] };
        let read = shown(&opened(receipt, false));
        assert!(read.line.as_deref() == Ok("bob@h: (has read m-0)") && read.receipt.is_none());
        let own = shown(&opened(Payload::text("Hello"), true));
        assert!(own.line.as_deref() == Ok("bob@h to alice@h: Hello") && own.receipt.is_none());
    }
}
