//! The messages of HT-SHA-256-NONE (draft-schmaus-kitten-sasl-ht, section 3): both ends prove that they know a token,
//! without channel binding. A client can show the same proof again, so that TLS has to keep it secret.

use aws_lc_rs::hmac;

pub const NAME: &str = "HT-SHA-256-NONE";
/// What each side's proof is of.
const INITIATOR: &[u8] = b"Initiator";
const RESPONDER: &[u8] = b"Responder";

/// What a client says: its account, NUL, and its proof.
#[derive(Clone, Copy)]
pub struct Message<'m> {
    pub account: &'m str,
    proof: &'m [u8],
}

impl<'m> Message<'m> {
    /// `None` if it does not follow the mechanism.
    pub fn read(message: &'m [u8]) -> Option<Self> {
        let end = message.iter().position(|byte| *byte == 0)?;
        let (account, proof) = message.split_at_checked(end)?;
        let account = std::str::from_utf8(account).ok().filter(|account| !account.is_empty())?;
        Some(Self { account, proof: proof.get(1..)? })
    }

    /// Whether it is this token that the client knows. It takes the same time if not.
    pub fn proves(&self, token: &str) -> bool {
        hmac::verify(&key(token), INITIATOR, self.proof).is_ok()
    }
}

/// The server's own proof.
pub fn answer(token: &str) -> Vec<u8> {
    hmac::sign(&key(token), RESPONDER).as_ref().to_vec()
}

fn key(token: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    /// What another implementation says for the account `null` and the token `hai`.
    const FOREIGN: &str = "bnVsbACNMNimsTBnxS04m8x7wgKjBHdDUL/nXPU4J4vqxqjBIg==";

    #[test]
    fn the_proof_of_another_implementation_is_understood() {
        let message = BASE64.decode(FOREIGN).unwrap();
        let message = Message::read(&message).unwrap();
        assert_eq!(message.account, "null");
        assert!(message.proves("hai"));
        assert!(!message.proves("hay"));
        assert!(!message.proves(""));
    }

    #[test]
    fn the_servers_proof_is_another_one_than_the_clients() {
        let replayed = [b"ann\0".as_slice(), &answer("hai")].concat();
        assert_eq!(answer("hai").len(), 32);
        assert!(!Message::read(&replayed).unwrap().proves("hai"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for message in [b"".as_slice(), b"ann", b"\0proof", b"\xff\0proof"] {
            assert!(Message::read(message).is_none(), "{message:?}");
        }
        assert!(!Message::read(b"ann\0").unwrap().proves("hai"));
    }
}
