//! The secret keys of a device, for who has to show that none of them went anywhere.

use serde_json::Value;

use super::device::Device;

/// What is public in a saved device, by the names of its members.
const PUBLIC: [&str; 5] = ["session_keys", "parent_ratchet_key", "public_keys", "ratchet_count", "ended"];
/// Bytes of keys.
const LENGTHS: [usize; 2] = [32, 64];

impl Device {
    /// All secret keys that it has at the moment: its own, and those of its sessions.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let saved = self.save().ok();
        let saved = saved.and_then(|saved| serde_json::from_slice::<Value>(&saved).ok()).unwrap_or_default();
        let mut found = Vec::new();
        collect(saved.get("keys"), &mut found);
        let devices = saved.get("contacts").and_then(Value::as_object).into_iter().flatten();
        for device in devices.filter_map(|(_, devices)| devices.as_array()).flatten() {
            collect(device.get("sessions"), &mut found);
        }
        found
    }
}

fn collect(value: Option<&Value>, found: &mut Vec<Vec<u8>>) {
    match value {
        Some(Value::Array(values)) => match key(values) {
            Some(key) => found.push(key),
            None => values.iter().for_each(|value| collect(Some(value), found)),
        },
        Some(Value::Object(members)) => {
            // The own ratchet key stands beside the root key alone; another's is public.
            let has_secret_ratchet = members.len() == 2 && members.contains_key("root_key");
            let is_public =
                |name: &str| PUBLIC.contains(&name) || (name == "ratchet_key" && !has_secret_ratchet);
            for (_, member) in members.iter().filter(|(name, _)| !is_public(name)) {
                collect(Some(member), found);
            }
        }
        _ => {}
    }
}

/// An array that is a key, byte by byte.
fn key(values: &[Value]) -> Option<Vec<u8>> {
    if !LENGTHS.contains(&values.len()) {
        return None;
    }
    values.iter().map(|value| value.as_u64().and_then(|value| u8::try_from(value).ok())).collect()
}

#[cfg(test)]
mod tests {
    use vodozemac::{Curve25519PublicKey, Curve25519SecretKey};

    use super::*;
    use crate::sandbox::encryption::{OfferedKey, Payload};

    const ANN: &str = "ann@h";
    const BEN: &str = "ben@h";

    /// Keys of sessions and of the device itself are there, and what is public is not.
    #[test]
    fn secret_keys_are_told_from_public_ones() {
        let (mut ann, mut ben) = (Device::new(ANN).unwrap(), Device::new(BEN).unwrap());
        let publication = ben.publication(0).unwrap();
        assert!(ann.secrets().len() >= 2 && ben.secrets().len() >= 50 + 2);
        let own: Vec<_> = ben
            .secrets()
            .iter()
            .filter_map(|secret| <[u8; 32]>::try_from(secret.as_slice()).ok())
            .map(|secret| Curve25519PublicKey::from(&Curve25519SecretKey::from_slice(&secret)))
            .collect();
        assert!(own.contains(&publication.device.keys.curve25519));
        assert!(publication.one_time.iter().all(|one_time| own.contains(&one_time.key)));

        let (ann_public, ben_public) = (ann.public(), ben.public());
        ann.learn(BEN, std::slice::from_ref(&ben_public)).unwrap();
        ben.learn(ANN, std::slice::from_ref(&ann_public)).unwrap();
        let offer = OfferedKey::OneTime(publication.one_time[0].clone());
        assert_eq!(ann.start(BEN, &[(ben.id().clone(), offer)]), 0);
        let mut public = vec![ann_public.keys.curve25519, ben_public.keys.curve25519];
        let before = ann.secrets();
        for _ in 0..3 {
            for (from, to) in [(true, BEN), (false, ANN)] {
                let (writer, reader) = if from { (&mut ann, &mut ben) } else { (&mut ben, &mut ann) };
                let document = writer.document("m", to, Payload::text("x"));
                let envelope = writer.seal(to, &document).unwrap();
                let message = match &envelope.copies[0].1 {
                    vodozemac::olm::OlmMessage::Normal(message) => message.ratchet_key(),
                    vodozemac::olm::OlmMessage::PreKey(first) => first.message().ratchet_key(),
                };
                public.push(message);
                let writer_account = writer.account().to_owned();
                reader.open(&writer_account, &envelope).unwrap();
            }
        }
        assert!(ann.secrets() != before);
        for device in [&ann, &ben] {
            let secrets = device.secrets();
            assert!(public.iter().all(|public| !secrets.contains(&public.to_vec())));
        }
    }
}
