//! What was said in a demonstration and with which keys, and all bytes in which nothing of it may stand.
//!
//! Who is on the stage writes it down here as it happens; when all is played, the one is searched for in the other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memmem;

use crate::sandbox::connection::Transcripts;
use crate::sandbox::encryption::{Device, Payload};

/// Less than so many bytes of a secret would be found by accident.
const SHORTEST: usize = 8;

/// Shared by all who are on one stage.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    words: BTreeSet<String>,
    keys: BTreeSet<Vec<u8>>,
    /// Devices' identity keys, which pass in the clear.
    public_keys: BTreeSet<Vec<u8>>,
    connections: Vec<Arc<Transcripts>>,
    pages: Vec<Vec<u8>>,
    /// Devices whose clients are not connected, by who has them.
    devices: BTreeMap<String, Device>,
}

/// What a search has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// How many secrets were searched for.
    pub secrets: usize,
    /// How many of them were found.
    pub found: usize,
}

impl Ledger {
    /// Somebody says this: it has to stay between those who talk.
    pub fn note_said(&self, payload: &Payload) {
        let words = payload.words().filter(|words| words.len() >= SHORTEST);
        let mut entries = self.entries();
        entries.words.extend(words.map(str::to_owned));
        if let Payload::Media { reference } = payload {
            entries.words.insert(reference.url.clone());
            entries.keys.insert(reference.key.bytes().to_vec());
        }
    }

    /// A device has these secret keys at the moment.
    pub fn note_keys(&self, device: &Device) {
        let public = device.public().keys.curve25519.to_vec();
        let mut entries = self.entries();
        entries.keys.extend(device.secrets());
        entries.public_keys.insert(public);
    }

    /// Bytes that pass Vestibule, also those that are still to come.
    pub fn note_connection(&self, transcripts: Arc<Transcripts>) {
        self.entries().connections.push(transcripts);
    }

    /// Something that Vestibule has written or shown.
    pub fn note_page(&self, page: Vec<u8>) {
        self.entries().pages.push(page);
    }

    /// Keeps a device whose client has gone.
    pub fn keep(&self, owner: &str, device: Device) {
        self.entries().devices.insert(owner.to_owned(), device);
    }

    /// The device that was kept, if there is one.
    pub fn take(&self, owner: &str) -> Option<Device> {
        self.entries().devices.remove(owner)
    }

    /// All words that were said.
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.entries().words.iter().map(|words| words.as_bytes().to_vec()).collect()
    }

    /// All secret keys that there were.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.entries().keys.iter().cloned().collect()
    }

    /// The public keys of those who had the secret ones.
    pub fn public_keys(&self) -> Vec<Vec<u8>> {
        self.entries().public_keys.iter().cloned().collect()
    }

    /// Everything that passed, and everything that was written or shown. `None` if something of it was not kept.
    pub fn searched(&self) -> Option<Searched> {
        let entries = self.entries();
        let mut all = entries.pages.clone();
        for transcripts in &entries.connections {
            for transcript in [transcripts.sent(), transcripts.received()] {
                if transcript.is_full() {
                    return None;
                }
                all.push(transcript.bytes().to_vec());
            }
        }
        Some(Searched::new(all))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where secrets are searched for.
pub struct Searched {
    pieces: Vec<Vec<u8>>,
    /// All that stands side by side in them, as there are thousands of secrets, and nearly none of them begins like this.
    beginnings: HashSet<[u8; SHORTEST]>,
}

impl Searched {
    pub fn new(pieces: Vec<Vec<u8>>) -> Self {
        let windows = pieces.iter().flat_map(|piece| piece.windows(SHORTEST));
        let beginnings = windows.filter_map(|window| window.try_into().ok()).collect();
        Self { pieces, beginnings }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Searches for these secrets, in every form in which they could stand there.
    pub fn search(&self, secrets: &[Vec<u8>]) -> Search {
        let is_there = |secret: &&Vec<u8>| forms(secret).iter().any(|form| self.contains(form));
        Search { secrets: secrets.len(), found: secrets.iter().filter(is_there).count() }
    }

    fn contains(&self, form: &[u8]) -> bool {
        let can_begin = form.first_chunk().is_some_and(|beginning| self.beginnings.contains(beginning));
        can_begin && self.pieces.iter().any(|piece| memmem::find(piece, form).is_some())
    }
}

/// A secret as it is, as XML has it, in hexadecimal digits, and in Base64 at each place that it can begin at.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.push(crate::sandbox::element::escape(text).into_owned().into_bytes());
    }
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.extend([hexadecimal.to_uppercase().into_bytes(), hexadecimal.into_bytes()]);
    for before in 0..3 {
        let encoded = BASE64.encode([&vec![0; before], secret].concat());
        // Characters at both ends depend on what stands beside the secret.
        let whole = (before + secret.len()) / 3 * 4;
        let inner: String = encoded.chars().take(whole).skip(if before == 0 { 0 } else { 4 }).collect();
        let in_urls = inner.replace('+', "-").replace('/', "_");
        forms.extend([inner.into_bytes(), in_urls.into_bytes()]);
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"Fish & chips at eight?";

    #[test]
    fn a_secret_is_found_in_every_form_and_at_every_place() {
        for before in 0..4 {
            let inside = [&vec![b'x'; before], SECRET, b"yz"].concat();
            let base64 = BASE64.encode(&inside);
            let in_urls = base64.replace('+', "-").replace('/', "_");
            let hexadecimal: String = inside.iter().map(|byte| format!("{byte:02X}")).collect();
            let escaped = b"<body>Fish &amp; chips at eight?</body>".to_vec();
            for piece in [inside.clone(), base64.into(), in_urls.into(), hexadecimal.into(), escaped] {
                let search = Searched::new(vec![b"other".to_vec(), piece]).search(&[SECRET.to_vec()]);
                assert_eq!(search, Search { secrets: 1, found: 1 }, "{before}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let pieces = vec![b"<body>Fish &amp; chips at nine?</body>".to_vec(), Vec::new()];
        for pieces in [pieces, Vec::new()] {
            let search = Searched::new(pieces).search(&[SECRET.to_vec()]);
            assert_eq!(search, Search { secrets: 1, found: 0 });
        }
    }
}
