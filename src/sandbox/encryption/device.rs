//! A device: its own keys, what it knows of others', and what it writes and reads with both.
//!
//! What a gatekeeper says of devices is believed once (trust on first use), and only as far as the devices have signed
//! it. People who want to be sure compare [`Device::fingerprint`]s.

use std::collections::BTreeMap;
use std::fmt;

use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Account, IdentityKeys};

use super::contact::Contact;
use super::envelope::Envelope;
use super::payload::{Document, Payload, PayloadError};
use super::publication::{
    DeviceId, FALLBACK, ONE_TIME, OfferedKey, PublicDevice, Publication, SignedKey, identity_statement,
    key_statement,
};
use super::{MOST_DEVICES, MOST_ONE_TIME_KEYS};
use crate::sandbox::random::RandomError;

/// Accounts whose devices are remembered.
const MOST_ACCOUNTS: usize = 256;
/// Devices that are remembered of one account, with those that it has given up.
const MOST_REMEMBERED: usize = 4 * MOST_DEVICES;
/// New one-time keys are published when fewer are left.
const FEWEST_ONE_TIME_KEYS: usize = MOST_ONE_TIME_KEYS / 2;

/// What was said of an account's devices is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    #[error("more accounts or devices would have to be remembered than can be")]
    TooMany,
}

/// Something is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the account has no device that can read it")]
    NoDevice,
    #[error("a device has another identity key than before, and is not trusted with it")]
    IdentityChanged,
    #[error("no session with a device has begun")]
    NoSession,
    #[error("what is said is refused: {0}")]
    Payload(#[from] PayloadError),
    #[error("the session with a device is broken")]
    Broken,
}

/// Something is not decrypted. It tells neither what was said nor with which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it is not for this device")]
    NotForThisDevice,
    #[error("the device that wrote it is not known")]
    UnknownDevice,
    #[error("the device has another identity key than before, and is not trusted with it")]
    IdentityChanged,
    #[error("it has not the form of a message")]
    Malformed,
    #[error("it was changed on its way, or is of another session")]
    Damaged,
    #[error("it was read before, or is so late that its key is gone")]
    Spent,
    #[error("too many messages before it are missing")]
    TooFarAhead,
    #[error("it begins a session with a key that is not there")]
    NoKey,
    #[error("it belongs to no session")]
    NoSession,
    #[error("it was written by another, or for another")]
    Misdirected,
    #[error("it is of another class, type or size than is written on it")]
    Mislabelled,
    #[error("what is said is refused: {0}")]
    Payload(#[from] PayloadError),
}

/// What came of a look at an account's devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// They are trusted from now on.
    pub new: Vec<DeviceId>,
    /// They are not trusted with the keys that they have now.
    pub changed: Vec<DeviceId>,
    /// They are not what their own signature says, and are passed over.
    pub unsigned: Vec<DeviceId>,
}

/// What was decrypted.
#[derive(Debug)]
pub struct Opened {
    pub document: Document,
    /// Whether another device of the same user wrote it, who is thus told what was said to whom.
    pub is_own: bool,
}

/// One client's end of all its conversations.
pub struct Device {
    pub(super) id: DeviceId,
    /// The bare JID of its user.
    pub(super) account: String,
    pub(super) keys: Account,
    pub(super) contacts: BTreeMap<String, BTreeMap<DeviceId, Contact>>,
}

impl Device {
    /// A new one of this account, which is named by its bare JID.
    pub fn new(account: &str) -> Result<Self, RandomError> {
        Ok(Self::named(account, DeviceId::random()?))
    }

    /// A new one with this name.
    pub fn named(account: &str, id: DeviceId) -> Self {
        Self { id, account: account.to_owned(), keys: Account::new(), contacts: BTreeMap::new() }
    }

    pub fn id(&self) -> &DeviceId {
        &self.id
    }

    /// The bare JID of its user.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// By which people can tell on another way that they have each other's keys: eight groups of its signing key.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.keys.identity_keys())
    }

    /// The fingerprints of an account's devices as they are trusted, by their names.
    pub fn fingerprints(&self, account: &str) -> Vec<(DeviceId, String)> {
        let contacts = self.contacts.get(account).into_iter().flatten();
        contacts.map(|(id, contact)| (id.clone(), fingerprint(&contact.keys))).collect()
    }

    /// What is to be published when a gatekeeper has so many one-time keys left; `None` if that is enough. The new keys
    /// count as published from now on: one that got lost on its way is missed by nobody.
    pub fn publication(&mut self, left: usize) -> Option<Publication> {
        if left >= FEWEST_ONE_TIME_KEYS {
            return None;
        }
        self.keys.generate_one_time_keys(MOST_ONE_TIME_KEYS.saturating_sub(left));
        self.keys.generate_fallback_key();
        let one_time = self.keys.one_time_keys().into_values().map(|key| self.signed(ONE_TIME, key));
        let fallback = self.keys.fallback_key().into_values().map(|key| self.signed(FALLBACK, key));
        let (one_time, fallback) = (one_time.collect(), fallback.into_iter().next());
        self.keys.mark_keys_as_published();
        Some(Publication { device: self.public(), one_time, fallback })
    }

    /// Its identity, as others are given it.
    pub fn public(&self) -> PublicDevice {
        let keys = self.keys.identity_keys();
        let signature = self.keys.sign(identity_statement(&self.account, &self.id, &keys));
        PublicDevice { id: self.id.clone(), keys, signature }
    }

    /// Takes over which devices an account has published, as far as they say so themselves.
    pub fn learn(&mut self, account: &str, devices: &[PublicDevice]) -> Result<Learnt, LearnError> {
        if !self.contacts.contains_key(account) && self.contacts.len() >= MOST_ACCOUNTS {
            return Err(LearnError::TooMany);
        }
        let own = (account == self.account).then_some(&self.id);
        let contacts = self.contacts.entry(account.to_owned()).or_default();
        contacts.values_mut().for_each(|contact| contact.is_listed = false);
        let mut learnt = Learnt::default();
        for device in devices.iter().filter(|device| Some(&device.id) != own) {
            let id = device.id.clone();
            if !device.verify(account) {
                learnt.unsigned.push(id);
            } else if let Some(contact) = contacts.get_mut(&id) {
                learnt.changed.extend((!contact.see(device.keys)).then_some(id));
            } else if contacts.len() < MOST_REMEMBERED {
                contacts.insert(id.clone(), Contact::new(device.keys));
                learnt.new.push(id);
            } else {
                return Err(LearnError::TooMany);
            }
        }
        Ok(learnt)
    }

    /// Trusts a device with the identity key that it has been seen with since. Returns whether there was one.
    pub fn trust(&mut self, account: &str, device: &DeviceId) -> bool {
        self.contacts
            .get_mut(account)
            .and_then(|contacts| contacts.get_mut(device))
            .is_some_and(Contact::trust)
    }

    /// The devices of an account that a key is needed of, to begin a session.
    pub fn without_session(&self, account: &str) -> Vec<DeviceId> {
        let listed = self.listed(account).filter(|(_, contact)| contact.changed.is_none());
        listed.filter(|(_, contact)| contact.sessions.is_empty()).map(|(id, _)| id.clone()).collect()
    }

    /// Begins sessions with the keys that an account's devices have published. Returns how many of them are of no use.
    pub fn start(&mut self, account: &str, offers: &[(DeviceId, OfferedKey)]) -> usize {
        let Some(contacts) = self.contacts.get_mut(account) else { return offers.len() };
        let mut refused = 0;
        for (id, offer) in offers {
            let begun = contacts.get_mut(id).is_some_and(|contact| {
                let key: Option<Curve25519PublicKey> = offer.verify(account, id, &contact.keys);
                key.is_some_and(|key| contact.start(&self.keys, key))
            });
            refused += usize::from(!begun);
        }
        refused
    }

    /// Encrypts for all devices that an account has published, or for the user's own other ones.
    ///
    /// # Errors
    ///
    /// If one of them is not trusted, nobody is written to. One without a session is left out as long as there is
    /// another: its keys were of no use.
    pub fn seal(&mut self, account: &str, document: &Document) -> Result<Envelope, SealError> {
        let written = document.write()?;
        let mut listed = self.listed(account).peekable();
        listed.peek().ok_or(SealError::NoDevice)?;
        if listed.any(|(_, contact)| contact.changed.is_some()) {
            return Err(SealError::IdentityChanged);
        }
        drop(listed);
        let contacts = self.contacts.get_mut(account).into_iter().flatten();
        let mut copies = Vec::new();
        for (id, contact) in contacts.filter(|(_, contact)| contact.is_listed) {
            if let Some(session) = contact.sessions.front_mut() {
                let message = session.encrypt(&*written).map_err(|_| SealError::Broken)?;
                copies.push((id.clone(), message));
            }
        }
        if copies.is_empty() {
            return Err(SealError::NoSession);
        }
        let (class, outside) = (document.payload.class().map(str::to_owned), document.payload.outside());
        Ok(Envelope { device: self.id.clone(), class, outside, copies })
    }

    /// A document of this device's.
    pub fn document(&self, id: &str, to: &str, payload: Payload) -> Document {
        Document::new(id, (&self.account, &self.id), to, payload)
    }

    /// Decrypts what an account's device wrote. `account` is the bare JID that the stanza came from.
    pub fn open(&mut self, account: &str, envelope: &Envelope) -> Result<Opened, OpenError> {
        let copy = envelope.copy_for(&self.id).ok_or(OpenError::NotForThisDevice)?;
        let contact = self.contacts.get_mut(account).and_then(|contacts| contacts.get_mut(&envelope.device));
        let contact = contact.ok_or(OpenError::UnknownDevice)?;
        if contact.changed.is_some() {
            return Err(OpenError::IdentityChanged);
        }
        let plain = contact.decrypt(&mut self.keys, copy)?;
        let document = Document::read(&plain)?;
        let is_own = account == self.account;
        if document.from != account
            || document.device != envelope.device
            || !(is_own || document.to == self.account)
        {
            return Err(OpenError::Misdirected);
        }
        let payload = &document.payload;
        if payload.class() != envelope.class.as_deref() || payload.outside() != envelope.outside {
            return Err(OpenError::Mislabelled);
        }
        Ok(Opened { document, is_own })
    }

    fn listed(&self, account: &str) -> impl Iterator<Item = (&DeviceId, &Contact)> {
        self.contacts.get(account).into_iter().flatten().filter(|(_, contact)| contact.is_listed)
    }

    fn signed(&self, kind: &str, key: Curve25519PublicKey) -> SignedKey {
        let signature = self.keys.sign(key_statement(kind, &self.account, &self.id, &key));
        SignedKey { key, signature }
    }
}

fn fingerprint(keys: &IdentityKeys) -> String {
    let groups = keys
        .ed25519
        .as_bytes()
        .chunks(4)
        .map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

/// Neither keys nor whom it writes to.
impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Device({} accounts)", self.contacts.len())
    }
}
