//! The public half of a device: what it publishes, what others are given of it, and how both are written as XML.
//!
//! A device signs its keys together with its account and its name, so that none can be given out as another's. Whoever
//! is given keys verifies that; a gatekeeper looks at their form alone.

use serde::{Deserialize, Serialize};
use vodozemac::olm::IdentityKeys;
use vodozemac::{Curve25519PublicKey, Ed25519PublicKey, Ed25519Signature};

use super::{MOST_DEVICES, MOST_ONE_TIME_KEYS};
use crate::sandbox::element::{Element, escape};
use crate::sandbox::random::{self, RandomError};
use crate::stanza::namespace::ENCRYPTION;

/// Characters of a device's name.
const LONGEST_NAME: usize = 32;

/// Why XML holds no keys. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicationError {
    #[error("a key, a signature or a name is missing, or has not the form of one")]
    Malformed,
    #[error("there are too many devices or keys")]
    TooMany,
    #[error("something is there twice")]
    Twice,
}

/// The name of a device among those of its account: lower-case letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DeviceId(String);

impl DeviceId {
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        let fits = (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_plain);
        fits.then(|| Self(name.to_owned()))
    }

    pub fn random() -> Result<Self, RandomError> {
        Ok(Self(format!("{:016x}", u64::from_ne_bytes(random::bytes()?))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(element: &Element) -> Result<Self, PublicationError> {
        element.attribute("id").and_then(Self::new).ok_or(PublicationError::Malformed)
    }
}

impl TryFrom<String> for DeviceId {
    type Error = PublicationError;

    fn try_from(name: String) -> Result<Self, PublicationError> {
        Self::new(&name).ok_or(PublicationError::Malformed)
    }
}

/// A device as others know it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicDevice {
    pub id: DeviceId,
    pub keys: IdentityKeys,
    /// Over both keys, by the second of them.
    pub signature: Ed25519Signature,
}

/// A key for one session, or for those that come when none of these is left.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedKey {
    pub key: Curve25519PublicKey,
    pub signature: Ed25519Signature,
}

/// What a gatekeeper gives out to begin a session with.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferedKey {
    OneTime(SignedKey),
    Fallback(SignedKey),
}

/// What a device has published at a gatekeeper. Its lists are bounded.
pub struct Publication {
    pub device: PublicDevice,
    pub one_time: Vec<SignedKey>,
    pub fallback: Option<SignedKey>,
}

impl PublicDevice {
    /// Whether the device itself says so, and for this account.
    pub fn verify(&self, account: &str) -> bool {
        let signed = identity_statement(account, &self.id, &self.keys);
        self.keys.ed25519.verify(signed.as_bytes(), &self.signature).is_ok()
    }
}

impl OfferedKey {
    /// The key, if it is this device's of this account.
    pub fn verify(&self, account: &str, id: &DeviceId, keys: &IdentityKeys) -> Option<Curve25519PublicKey> {
        let (Self::OneTime(SignedKey { key, signature }) | Self::Fallback(SignedKey { key, signature })) =
            self;
        let signed = key_statement(self.name(), account, id, key);
        keys.ed25519.verify(signed.as_bytes(), signature).is_ok().then_some(*key)
    }

    /// The name of its element.
    fn name(&self) -> &'static str {
        match self {
            Self::OneTime(_) => ONE_TIME,
            Self::Fallback(_) => FALLBACK,
        }
    }

    fn write(&self) -> String {
        let (Self::OneTime(signed) | Self::Fallback(signed)) = self;
        write_key(self.name(), signed)
    }
}

/// The names of keys' elements.
pub(super) const ONE_TIME: &str = "one-time";
pub(super) const FALLBACK: &str = "fallback";

/// What a device signs of its own two keys.
pub(super) fn identity_statement(account: &str, id: &DeviceId, keys: &IdentityKeys) -> String {
    let IdentityKeys { curve25519, ed25519 } = keys;
    let (curve25519, ed25519) = (curve25519.to_base64(), ed25519.to_base64());
    format!("{ENCRYPTION}\0identity\0{account}\0{}\0{curve25519}\0{ed25519}", id.as_str())
}

/// What it signs of each key for a session.
pub(super) fn key_statement(kind: &str, account: &str, id: &DeviceId, key: &Curve25519PublicKey) -> String {
    format!("{ENCRYPTION}\0{kind}\0{account}\0{}\0{}", id.as_str(), key.to_base64())
}

impl Publication {
    /// The request's content.
    pub fn write(&self) -> String {
        let one_time = self.one_time.iter().map(|key| write_key(ONE_TIME, key));
        let keys: String = self.fallback.iter().map(|key| write_key(FALLBACK, key)).chain(one_time).collect();
        format!("<publish xmlns='{ENCRYPTION}'>{}</publish>", write_device(&self.device, &keys))
    }

    /// Reads the request's content.
    pub fn read(publish: &Element) -> Result<Self, PublicationError> {
        let [device] = publish.children.as_slice() else { return Err(PublicationError::Malformed) };
        if !device.is(ENCRYPTION, "device") {
            return Err(PublicationError::Malformed);
        }
        let of_kind = |kind: &'static str| {
            device.children.iter().filter(move |child| child.is(ENCRYPTION, kind)).map(read_key)
        };
        let one_time = of_kind(ONE_TIME).take(MOST_ONE_TIME_KEYS + 1).collect::<Result<Vec<_>, _>>()?;
        let fallback = of_kind(FALLBACK).take(2).collect::<Result<Vec<_>, _>>()?;
        if one_time.len() > MOST_ONE_TIME_KEYS || fallback.len() > 1 {
            return Err(PublicationError::TooMany);
        }
        if one_time.len() + fallback.len() != device.children.len() {
            return Err(PublicationError::Malformed);
        }
        let (device, fallback) = (read_device(device)?, fallback.into_iter().next());
        Ok(Self { device, one_time, fallback })
    }
}

/// An account's devices, as an answer has them.
pub fn write_devices<'d>(devices: impl IntoIterator<Item = &'d PublicDevice>) -> String {
    let devices: String = devices.into_iter().map(|device| write_device(device, "")).collect();
    format!("<devices xmlns='{ENCRYPTION}'>{devices}</devices>")
}

/// Reads the devices of an answer.
pub fn read_devices(devices: &Element) -> Result<Vec<PublicDevice>, PublicationError> {
    let devices = bounded(devices)?.iter().map(read_device).collect::<Result<Vec<_>, _>>()?;
    distinct(devices, |device| &device.id)
}

/// A key of each of some devices, as an answer has them.
pub fn write_offers<'o>(offers: impl IntoIterator<Item = &'o (DeviceId, OfferedKey)>) -> String {
    let offers = offers.into_iter();
    let offers: String =
        offers.map(|(id, key)| format!("<device id='{}'>{}</device>", id.as_str(), key.write())).collect();
    format!("<keys xmlns='{ENCRYPTION}'>{offers}</keys>")
}

/// Reads the keys of an answer.
pub fn read_offers(keys: &Element) -> Result<Vec<(DeviceId, OfferedKey)>, PublicationError> {
    let read = |device: &Element| {
        let [key] = device.children.as_slice() else { return Err(PublicationError::Malformed) };
        let signed = read_key(key)?;
        let offered = match key.name.as_str() {
            ONE_TIME => OfferedKey::OneTime(signed),
            FALLBACK => OfferedKey::Fallback(signed),
            _ => return Err(PublicationError::Malformed),
        };
        Ok((DeviceId::of(device)?, offered))
    };
    distinct(bounded(keys)?.iter().map(read).collect::<Result<Vec<_>, _>>()?, |(id, _)| id)
}

/// Reads the names of the devices that a request is about: one at least.
pub fn read_ids(request: &Element) -> Result<Vec<DeviceId>, PublicationError> {
    let ids = bounded(request)?.iter().map(DeviceId::of).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() { Err(PublicationError::Malformed) } else { distinct(ids, |id| id) }
}

/// The children, all of which have to be devices.
fn bounded(parent: &Element) -> Result<&[Element], PublicationError> {
    if parent.children.len() > MOST_DEVICES {
        return Err(PublicationError::TooMany);
    }
    let all_devices = parent.children.iter().all(|child| child.is(ENCRYPTION, "device"));
    if all_devices { Ok(&parent.children) } else { Err(PublicationError::Malformed) }
}

fn distinct<T>(found: Vec<T>, id: impl Fn(&T) -> &DeviceId) -> Result<Vec<T>, PublicationError> {
    let twice =
        found.iter().enumerate().any(|(at, one)| found[..at].iter().any(|other| id(other) == id(one)));
    if twice { Err(PublicationError::Twice) } else { Ok(found) }
}

fn write_device(PublicDevice { id, keys, signature }: &PublicDevice, content: &str) -> String {
    let (identity, signing) = (keys.curve25519.to_base64(), keys.ed25519.to_base64());
    let (id, signature) = (escape(id.as_str()), signature.to_base64());
    format!(
        "<device id='{id}' identity='{identity}' signing='{signing}' signature='{signature}'>{content}</device>"
    )
}

fn write_key(kind: &str, SignedKey { key, signature }: &SignedKey) -> String {
    format!("<{kind} key='{}' signature='{}'/>", key.to_base64(), signature.to_base64())
}

fn read_device(device: &Element) -> Result<PublicDevice, PublicationError> {
    let keys = IdentityKeys {
        curve25519: read_curve25519(device, "identity")?,
        ed25519: attribute(device, "signing")
            .and_then(|key| Ed25519PublicKey::from_base64(key).map_err(|_| PublicationError::Malformed))?,
    };
    Ok(PublicDevice { id: DeviceId::of(device)?, keys, signature: read_signature(device)? })
}

fn read_key(key: &Element) -> Result<SignedKey, PublicationError> {
    Ok(SignedKey { key: read_curve25519(key, "key")?, signature: read_signature(key)? })
}

fn read_curve25519(element: &Element, name: &str) -> Result<Curve25519PublicKey, PublicationError> {
    let key = attribute(element, name)?;
    Curve25519PublicKey::from_base64(key).map_err(|_| PublicationError::Malformed)
}

fn read_signature(element: &Element) -> Result<Ed25519Signature, PublicationError> {
    let signature = attribute(element, "signature")?;
    Ed25519Signature::from_base64(signature).map_err(|_| PublicationError::Malformed)
}

fn attribute<'e>(element: &'e Element, name: &str) -> Result<&'e str, PublicationError> {
    element.attribute(name).ok_or(PublicationError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::encryption::Device;

    const ANN: &str = "ann@gatekeeper.example";

    #[test]
    fn a_publication_is_read_as_it_was_written_and_hostile_ones_are_refused() {
        let mut device = Device::new(ANN).unwrap();
        let publication = device.publication(0).unwrap();
        assert!(device.publication(MOST_ONE_TIME_KEYS / 2).is_none());
        let written = publication.write();
        let read = |text: &str| {
            Element::of_stanza(text.as_bytes())
                .map(|element| Publication::read(&element).map(|_| ()))
                .unwrap()
        };
        let element = Element::of_stanza(written.as_bytes()).unwrap();
        let back = Publication::read(&element).unwrap();
        assert!(back.device == publication.device && back.one_time == publication.one_time);
        assert!(back.fallback == publication.fallback && back.device.verify(ANN));

        let (start, rest) = written.split_once("<one-time").unwrap();
        let (key, _) = rest.split_once("/>").unwrap();
        let one = format!("<one-time{key}/>");
        let malformed = Err(PublicationError::Malformed);
        for (wrong, expected) in [
            (written.replace("</device>", &format!("{one}</device>")), Err(PublicationError::TooMany)),
            (written.replacen("<fallback", "<fall-back", 1).replace("</fallback", "</fall-back"), malformed),
            (format!("{start}<fallback{key}/></device></publish>"), Err(PublicationError::TooMany)),
            (written.replace("identity='", "identity='!"), malformed),
            (written.replace("signing='", "signing='AAAA"), malformed),
            (written.replacen("signature='", "signature='AAAA", 1), malformed),
            (written.replace("<device id='", "<device id='../"), malformed),
            (written.replace("<device ", "<device xmlns='urn:other' "), malformed),
            ("<publish xmlns='urn:x-vestibule:encryption:0'/>".to_owned(), malformed),
        ] {
            assert_eq!(read(&wrong), expected, "{wrong:.300}");
        }
    }

    #[test]
    fn lists_of_devices_are_bounded_and_name_each_once() {
        let devices: Vec<_> = (0..=MOST_DEVICES).map(|_| Device::new(ANN).unwrap().public()).collect();
        let read = |devices: &[PublicDevice]| {
            let element = Element::of_stanza(write_devices(devices).as_bytes()).unwrap();
            read_devices(&element).map(|devices| devices.len())
        };
        assert_eq!(read(&devices), Err(PublicationError::TooMany));
        assert_eq!(read(&devices[1..]), Ok(MOST_DEVICES));
        assert_eq!(read(&[devices[0].clone(), devices[0].clone()]), Err(PublicationError::Twice));
        assert_eq!(read(&[]), Ok(0));
    }
}
