//! A device as it is kept while its client is not running. It holds all its secrets: only its user may be able to read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vodozemac::olm::{Account, AccountPickle, IdentityKeys, Session, SessionPickle};
use zeroize::Zeroizing;

use super::contact::Contact;
use super::device::Device;
use super::publication::DeviceId;

const VERSION: u32 = 0;
/// Room for a device with some contacts, so that little of it is left behind in memory by growing.
const USUAL_SIZE: usize = 256 << 10;

/// Why something is no saved device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    #[error("it is no device")]
    Malformed,
    #[error("it has a version that is not known")]
    Version,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedDevice {
    version: u32,
    id: DeviceId,
    account: String,
    keys: AccountPickle,
    contacts: BTreeMap<String, Vec<SavedContact>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedContact {
    device: DeviceId,
    keys: IdentityKeys,
    changed: Option<IdentityKeys>,
    is_listed: bool,
    sessions: Vec<SessionPickle>,
    ended: Vec<String>,
}

impl Device {
    /// As JSON.
    pub fn save(&self) -> Result<Zeroizing<Vec<u8>>, SavedError> {
        let contacts = self.contacts.iter().map(|(account, devices)| {
            (account.clone(), devices.iter().map(|(id, contact)| SavedContact::of(id, contact)).collect())
        });
        let saved = SavedDevice {
            version: VERSION,
            id: self.id.clone(),
            account: self.account.clone(),
            keys: self.keys.pickle(),
            contacts: contacts.collect(),
        };
        let mut written = Zeroizing::new(Vec::with_capacity(USUAL_SIZE));
        serde_json::to_writer(&mut *written, &saved).map_err(|_| SavedError::Malformed)?;
        Ok(written)
    }

    pub fn restore(saved: &[u8]) -> Result<Self, SavedError> {
        let saved: SavedDevice = serde_json::from_slice(saved).map_err(|_| SavedError::Malformed)?;
        if saved.version != VERSION {
            return Err(SavedError::Version);
        }
        let contacts = saved.contacts.into_iter().map(|(account, devices)| {
            (account, devices.into_iter().map(|saved| (saved.device.clone(), saved.restore())).collect())
        });
        Ok(Self {
            id: saved.id,
            account: saved.account,
            keys: Account::from_pickle(saved.keys),
            contacts: contacts.collect(),
        })
    }
}

impl SavedContact {
    fn of(id: &DeviceId, contact: &Contact) -> Self {
        Self {
            device: id.clone(),
            keys: contact.keys,
            changed: contact.changed,
            is_listed: contact.is_listed,
            sessions: contact.sessions.iter().map(Session::pickle).collect(),
            ended: contact.ended.iter().cloned().collect(),
        }
    }

    fn restore(self) -> Contact {
        Contact {
            keys: self.keys,
            changed: self.changed,
            is_listed: self.is_listed,
            sessions: self.sessions.into_iter().map(Session::from_pickle).collect(),
            ended: self.ended.into(),
        }
    }
}
