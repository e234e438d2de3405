//! Challenges: random, for one key, and good for two minutes.
//!
//! A challenge holds its own time and is sealed, so that none has to be kept before it is used: anybody can ask for any
//! number of them, and nobody else's are forgotten over it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use crate::sandbox::random::{self, RandomError};

/// How long a challenge can be answered, in seconds.
pub const LIFETIME: u64 = 120;

const TIME: usize = size_of::<u64>();
const NONCE: usize = 16;

/// Makes challenges and knows its own.
pub struct Challenges {
    seal: hmac::Key,
}

impl Challenges {
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self { seal: hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()?) })
    }

    /// A challenge for the key of this thumbprint. `now` is in seconds since the Unix epoch.
    pub fn issue(&self, key: &str, now: u64) -> Result<String, RandomError> {
        let mut challenge = now.saturating_add(LIFETIME).to_be_bytes().to_vec();
        challenge.extend(random::bytes::<NONCE>()?);
        let seal = hmac::sign(&self.seal, &sealed(&challenge, key));
        challenge.extend(seal.as_ref());
        Ok(BASE64URL.encode(challenge))
    }

    /// Until when a challenge that was answered by this key can be answered, if it is one for this key and open, in
    /// seconds since the Unix epoch.
    pub fn verify(&self, challenge: &str, key: &str, now: u64) -> Option<u64> {
        let challenge = BASE64URL.decode(challenge).ok()?;
        let (content, seal) = challenge.split_at_checked(TIME + NONCE)?;
        hmac::verify(&self.seal, &sealed(content, key), seal).ok()?;
        let until = u64::from_be_bytes(*content.first_chunk()?);
        (now < until).then_some(until)
    }
}

/// The content has always the same length.
fn sealed(content: &[u8], key: &str) -> Vec<u8> {
    [content, key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_for_one_key_and_two_minutes() {
        let challenges = Challenges::new().unwrap();
        let challenge = challenges.issue("key", 1000).unwrap();
        assert_eq!(challenges.verify(&challenge, "key", 1000), Some(1120));
        assert_eq!(challenges.verify(&challenge, "key", 1119), Some(1120));
        assert_eq!(challenges.verify(&challenge, "key", 1120), None);
        assert_eq!(challenges.verify(&challenge, "other", 1000), None);
        assert_ne!(challenge, challenges.issue("key", 1000).unwrap());
    }

    #[test]
    fn what_was_not_issued_is_no_challenge() {
        let challenges = Challenges::new().unwrap();
        let foreign = Challenges::new().unwrap().issue("key", 1000).unwrap();
        let own = challenges.issue("key", 1000).unwrap();
        let longer = own.replacen('A', "B", 1);
        for text in ["", "A", "ä", &own[1..], &own[..40], &format!("{own}AAAA"), &longer, &foreign] {
            assert_eq!(challenges.verify(text, "key", 1000), None, "{text}");
        }
    }
}
