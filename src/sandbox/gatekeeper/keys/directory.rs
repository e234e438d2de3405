//! What devices have published. One-time keys are given out once, the first published first; then the fallback key is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sandbox::encryption::{
    DeviceId, MOST_DEVICES, MOST_ONE_TIME_KEYS, OfferedKey, PublicDevice, Publication, SignedKey,
};

/// Devices of all accounts, each with some kilobytes of keys.
const MOST: usize = 8192;

/// Why keys are not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("the account has as many devices as it may have")]
    TooManyDevices,
    #[error("the device has as many one-time keys as it may have")]
    TooManyKeys,
    #[error("all accounts together have as many devices as they may have")]
    Full,
}

#[derive(Default)]
pub struct Directory(Mutex<Table>);

/// The devices of each account.
type Table = BTreeMap<String, BTreeMap<DeviceId, Published>>;

struct Published {
    device: PublicDevice,
    one_time: VecDeque<SignedKey>,
    fallback: Option<SignedKey>,
}

impl Directory {
    /// Takes in a new device, or more keys of one that is known. A device with another identity takes the place of the
    /// one that had its name. Returns how many one-time keys it has now.
    pub fn publish(&self, account: &str, publication: Publication) -> Result<usize, DirectoryError> {
        let Publication { device, one_time, fallback } = publication;
        let mut table = self.table();
        let known = table.get(account);
        let former = known.and_then(|devices| devices.get(&device.id));
        let former = former.filter(|former| former.device.keys == device.keys);
        let is_new = known.is_none_or(|devices| !devices.contains_key(&device.id));
        if is_new && known.is_some_and(|devices| devices.len() >= MOST_DEVICES) {
            return Err(DirectoryError::TooManyDevices);
        }
        if is_new && table.values().map(BTreeMap::len).sum::<usize>() >= MOST {
            return Err(DirectoryError::Full);
        }
        let had = former.map_or(0, |former| former.one_time.len());
        if had + one_time.len() > MOST_ONE_TIME_KEYS {
            return Err(DirectoryError::TooManyKeys);
        }
        let stays = former.is_some();
        let devices = table.entry(account.to_owned()).or_default();
        let id = device.id.clone();
        if !stays {
            devices.remove(&id);
        }
        let published = devices.entry(id).or_insert_with(|| Published {
            device,
            one_time: VecDeque::new(),
            fallback: None,
        });
        published.one_time.extend(one_time);
        published.fallback = fallback.or(published.fallback.take());
        Ok(published.one_time.len())
    }

    /// The devices of an account, without keys for sessions.
    pub fn devices(&self, account: &str) -> Vec<PublicDevice> {
        let table = self.table();
        let devices = table.get(account).into_iter().flat_map(BTreeMap::values);
        devices.map(|published| published.device.clone()).collect()
    }

    /// A key of each of these devices of an account. Those without any are left out; `None` if one is not known, and
    /// then nothing is given out.
    pub fn take(&self, account: &str, ids: &[DeviceId]) -> Option<Vec<(DeviceId, OfferedKey)>> {
        let mut table = self.table();
        let devices = table.get_mut(account)?;
        if !ids.iter().all(|id| devices.contains_key(id)) {
            return None;
        }
        let mut take = |id: &DeviceId| {
            let published = devices.get_mut(id)?;
            let one_time = published.one_time.pop_front().map(OfferedKey::OneTime);
            let key = one_time.or_else(|| published.fallback.clone().map(OfferedKey::Fallback))?;
            Some((id.clone(), key))
        };
        Some(ids.iter().filter_map(&mut take).collect())
    }

    /// How many one-time keys a device has left.
    pub fn left(&self, account: &str, id: &DeviceId) -> Option<usize> {
        Some(self.table().get(account)?.get(id)?.one_time.len())
    }

    /// Drops devices. Returns whether all of them were there; if not, none is dropped.
    pub fn remove(&self, account: &str, ids: &[DeviceId]) -> bool {
        let mut table = self.table();
        let Some(devices) = table.get_mut(account) else { return false };
        if !ids.iter().all(|id| devices.contains_key(id)) {
            return false;
        }
        devices.retain(|id, _| !ids.contains(id));
        if devices.is_empty() {
            table.remove(account);
        }
        true
    }

    /// Drops all of an account that is gone.
    pub fn forget(&self, account: &str) {
        self.table().remove(account);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::encryption::Device;

    fn device() -> Device {
        Device::new("ann@h").unwrap()
    }

    fn publish(directory: &Directory, account: &str) -> Result<Device, DirectoryError> {
        let mut device = device();
        directory.publish(account, device.publication(0).unwrap()).map(|_| device)
    }

    #[test]
    fn each_one_time_key_is_given_out_once_and_then_the_fallback_key_is() {
        let directory = Directory::default();
        let ann = publish(&directory, "ann").unwrap();
        let ids = [ann.id().clone()];
        let mut given = Vec::new();
        for left in (0..MOST_ONE_TIME_KEYS).rev() {
            let [(_, OfferedKey::OneTime(key))] = &directory.take("ann", &ids).unwrap()[..] else { panic!() };
            assert!(!given.contains(&key.key));
            given.push(key.key);
            assert_eq!(directory.left("ann", ann.id()), Some(left));
        }
        for _ in 0..2 {
            let [(_, OfferedKey::Fallback(key))] = &directory.take("ann", &ids).unwrap()[..] else {
                panic!()
            };
            assert!(!given.contains(&key.key));
        }
    }

    #[test]
    fn devices_and_keys_are_bounded_for_each_account_and_in_all() {
        let directory = Directory::default();
        let mut first = publish(&directory, "ann").unwrap();
        let more = first.publication(0).unwrap();
        assert_eq!(directory.publish("ann", more), Err(DirectoryError::TooManyKeys));
        for _ in 1..MOST_DEVICES {
            publish(&directory, "ann").unwrap();
        }
        assert_eq!(publish(&directory, "ann").err(), Some(DirectoryError::TooManyDevices));
        let bare = |mut device: Device| {
            let published = device.publication(0).unwrap();
            Publication { one_time: Vec::new(), ..published }
        };
        for account in 0..MOST - MOST_DEVICES {
            // The directory does not look at whose keys they are.
            let mut publication =
                Publication { one_time: Vec::new(), fallback: None, device: first.public() };
            publication.device.id = DeviceId::new("x").unwrap();
            directory.publish(&account.to_string(), publication).unwrap();
        }
        assert_eq!(directory.publish("ben", bare(device())), Err(DirectoryError::Full));
        assert!(directory.remove("ann", &[first.id().clone()]));
        assert_eq!(directory.publish("ben", bare(device())), Ok(0));
    }

    #[test]
    fn another_identity_under_a_known_name_has_none_of_the_former_keys() {
        let directory = Directory::default();
        let ann = publish(&directory, "ann").unwrap();
        let mut publication = device().publication(0).unwrap();
        publication.device.id = ann.id().clone();
        publication.one_time.truncate(3);
        assert_eq!(directory.publish("ann", publication), Ok(3));
        assert_eq!(directory.devices("ann").len(), 1);
    }

    #[test]
    fn who_names_a_device_that_is_not_there_gets_and_drops_nothing() {
        let directory = Directory::default();
        let ann = publish(&directory, "ann").unwrap();
        let ids = [ann.id().clone(), DeviceId::new("other").unwrap()];
        assert!(directory.take("ann", &ids).is_none() && directory.take("ben", &ids).is_none());
        assert!(!directory.remove("ann", &ids));
        assert_eq!(directory.left("ann", ann.id()), Some(MOST_ONE_TIME_KEYS));
        directory.forget("ann");
        assert!(directory.devices("ann").is_empty());
    }
}
