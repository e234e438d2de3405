//! A client that encrypts: it publishes its device's keys, asks for those of others, and writes and reads with them.
//!
//! Before each message the gatekeeper is asked which devices there are, so that a new one gets the next message. What it
//! says is believed as far as `encryption` does.

use super::requests::{Refused, Request};
use super::{Client, ClientError};
use crate::sandbox::element::{Element, escape};
use crate::sandbox::encryption::{
    Device, DeviceId, Document, Envelope, EnvelopeError, LearnError, Learnt, OpenError, Opened, Payload,
    PublicDevice, PublicationError, SealError, read_devices, read_offers,
};
use crate::sandbox::gatekeeper::Words;
use crate::stanza::Jid;
use crate::stanza::namespace::ENCRYPTION;

/// Why something could not be encrypted, sent, received or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the gatekeeper refused a request about keys: {0}")]
    Refused(#[from] Refused),
    #[error("the gatekeeper's answer holds no keys: {0}")]
    Answer(#[from] PublicationError),
    #[error(transparent)]
    Learn(#[from] LearnError),
    #[error("it is not sent: {0}")]
    Seal(#[from] SealError),
    #[error("it cannot be read: {0}")]
    Open(#[from] OpenError),
    #[error("it cannot be read: {0}")]
    Envelope(#[from] EnvelopeError),
}

/// What is to be sent for one message.
pub struct Sealed {
    /// The content of the message.
    pub content: String,
    /// The content of a message to the own account, for the user's other devices, if there are any.
    pub for_own: Option<String>,
    /// What the look at the receiver's devices has shown.
    pub learnt: Learnt,
}

/// Publishes what is missing of the device's keys, which is all of them if others stand in their place. To be done when a
/// session has begun, and from time to time.
pub async fn publish(client: &mut Client, device: &mut Device) -> Result<(), EncryptionError> {
    let account = device.account().to_owned();
    let published = published(client, &account).await?;
    let left = if published.contains(&device.public()) {
        let question = named("left", [device.id()]);
        count(client.ask(&account, Request::Get, &question).await??.as_ref())?
    } else {
        0
    };
    if let Some(publication) = device.publication(left) {
        client.ask(&account, Request::Set, &publication.write()).await??;
    }
    Ok(())
}

/// Takes the device's keys back: nobody begins a session with it any more.
pub async fn withdraw(client: &mut Client, device: &Device) -> Result<(), EncryptionError> {
    let request = named("remove", [device.id()]);
    client.ask(device.account(), Request::Set, &request).await??;
    Ok(())
}

/// Asks which devices an account has, and for a key of each that there is no session with. `account` is a bare JID.
pub async fn look(
    client: &mut Client,
    device: &mut Device,
    account: &str,
) -> Result<Learnt, EncryptionError> {
    let learnt = look_at_devices(client, device, account).await?;
    let missing = device.without_session(account);
    if !missing.is_empty() {
        let answer = client.ask(account, Request::Set, &named("take", &missing)).await??;
        let offers = read_offers(&answer.ok_or(PublicationError::Malformed)?)?;
        device.start(account, &offers);
    }
    Ok(learnt)
}

/// Trusts the devices of an account with the keys that they have now. Returns those that had others before.
pub async fn trust(
    client: &mut Client,
    device: &mut Device,
    account: &str,
) -> Result<Vec<DeviceId>, EncryptionError> {
    let Learnt { changed, .. } = look_at_devices(client, device, account).await?;
    Ok(changed.into_iter().filter(|id| device.trust(account, id)).collect())
}

/// Encrypts for all devices of `to`, a bare JID, and for the own other ones.
pub async fn seal(
    client: &mut Client,
    device: &mut Device,
    to: &str,
    id: &str,
    payload: Payload,
) -> Result<Sealed, EncryptionError> {
    let contents = Words::default().contents;
    let document = device.document(id, to, payload);
    let learnt = look(client, device, to).await?;
    let content = device.seal(to, &document)?.write(&contents);
    let for_own = match seal_for_own(client, device, &document).await {
        Ok(own) => Some(own.write(&contents)),
        Err(EncryptionError::Seal(SealError::NoDevice | SealError::NoSession)) => None,
        Err(error) => return Err(error),
    };
    Ok(Sealed { content, for_own, learnt })
}

/// Encrypts and sends a chat message. Returns what the receiver was sent, and what was learnt.
pub async fn send(
    client: &mut Client,
    device: &mut Device,
    to: &str,
    id: &str,
    payload: Payload,
) -> Result<(String, Learnt), EncryptionError> {
    let bare = bare(to).unwrap_or_else(|| to.to_owned());
    let Sealed { content, for_own, learnt } = seal(client, device, &bare, id, payload).await?;
    let message = message(to, id, &content);
    client.send(message.as_bytes()).await?;
    if let Some(own) = for_own {
        client.send(self::message(device.account(), id, &own).as_bytes()).await?;
    }
    Ok((message, learnt))
}

/// A chat message with this content.
pub fn message(to: &str, id: &str, content: &str) -> String {
    format!("<message to='{}' id='{}' type='chat'>{content}</message>", escape(to), escape(id))
}

/// Decrypts what is encrypted in a message, if anything is. A device that is not known is asked for.
pub async fn open(
    client: &mut Client,
    device: &mut Device,
    message: &Element,
) -> Option<Result<Opened, EncryptionError>> {
    if message.attribute("type") == Some("error") {
        return None;
    }
    let envelope = Envelope::read(message, &Words::default().contents)?;
    let from = message.attribute("from").and_then(bare);
    Some(
        async move {
            let (envelope, from) = (envelope?, from.ok_or(OpenError::UnknownDevice)?);
            match device.open(&from, &envelope) {
                // A device may also have been set up anew.
                Err(OpenError::UnknownDevice | OpenError::IdentityChanged) => {}
                opened => return Ok(opened?),
            }
            look_at_devices(client, device, &from).await?;
            Ok(device.open(&from, &envelope)?)
        }
        .await,
    )
}

async fn look_at_devices(
    client: &mut Client,
    device: &mut Device,
    account: &str,
) -> Result<Learnt, EncryptionError> {
    let devices = published(client, account).await?;
    Ok(device.learn(account, &devices)?)
}

/// The devices of an account, as the gatekeeper tells it.
async fn published(client: &mut Client, account: &str) -> Result<Vec<PublicDevice>, EncryptionError> {
    let question = format!("<devices xmlns='{ENCRYPTION}'/>");
    let answer = client.ask(account, Request::Get, &question).await??;
    Ok(read_devices(&answer.ok_or(PublicationError::Malformed)?)?)
}

async fn seal_for_own(
    client: &mut Client,
    device: &mut Device,
    document: &Document,
) -> Result<Envelope, EncryptionError> {
    let account = device.account().to_owned();
    look(client, device, &account).await?;
    Ok(device.seal(&account, document)?)
}

/// The bare JID of an address.
pub fn bare(address: &str) -> Option<String> {
    let jid = Jid::parse(address).ok()?;
    Some(format!("{}@{}", jid.local()?, jid.domain()))
}

fn named<'d>(request: &str, devices: impl IntoIterator<Item = &'d DeviceId>) -> String {
    let devices = devices.into_iter().map(|id| format!("<device id='{}'/>", id.as_str()));
    format!("<{request} xmlns='{ENCRYPTION}'>{}</{request}>", devices.collect::<String>())
}

fn count(left: Option<&Element>) -> Result<usize, PublicationError> {
    let count = left.and_then(|left| left.attribute("one-time")?.parse().ok());
    count.ok_or(PublicationError::Malformed)
}
