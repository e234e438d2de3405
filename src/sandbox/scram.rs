//! SCRAM-SHA-256 (RFC 5802, RFC 7677), both ends, without channel binding.
//!
//! Only the messages and their proofs: how they travel (Base64 inside SASL elements) is the callers' part.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::gs2::{Gs2Error, Gs2Header};

/// The iterations that RFC 7677, section 4 asks for at least.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
/// A server could otherwise keep a client busy for as long as it likes.
const MOST_ITERATIONS: u32 = 100_000;

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

/// Why an exchange failed. It never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    #[error("a message does not follow RFC 5802")]
    Malformed,
    #[error("the peer asks for an extension or a channel binding that is not supported")]
    Unsupported,
    #[error("the nonce is not the one of this exchange")]
    WrongNonce,
    #[error("the account is unknown or the proof is wrong")]
    WrongProof,
}

impl From<Gs2Error> for ScramError {
    fn from(error: Gs2Error) -> Self {
        match error {
            Gs2Error::Malformed => Self::Malformed,
            Gs2Error::Unsupported => Self::Unsupported,
        }
    }
}

/// What a server keeps of a password.
#[derive(Clone)]
pub struct Verifier {
    salt: [u8; 16],
    stored_key: Digest,
    server_key: Digest,
}

impl Verifier {
    pub fn new(password: &str, salt: [u8; 16]) -> Self {
        let salted = salted_password(password, &salt, ITERATIONS);
        let client_key = sign(&salted, "Client Key");
        Self { salt, stored_key: sha256(&client_key), server_key: sign(&salted, "Server Key") }
    }

    /// Of a name that has no account. The salt is the same each time, as an account's would be, and nobody can tell it
    /// from one without the secret; the keys are those of no password.
    pub fn of_nobody(name: &str, secret: &[u8]) -> Self {
        let mut salt = [0; 16];
        let derived = sign(secret, &format!("salt {name}"));
        for (byte, from) in salt.iter_mut().zip(derived) {
            *byte = from;
        }
        let stored_key = sign(secret, &format!("stored key {name}"));
        Self { salt, stored_key, server_key: sign(secret, &format!("server key {name}")) }
    }

    /// Whether this is the password, which the mechanism PLAIN sends as it is.
    pub fn matches(&self, password: &str) -> bool {
        let claimed = Self::new(password, self.salt);
        constant_time::verify_slices_are_equal(&claimed.stored_key, &self.stored_key).is_ok()
    }
}

/// The client's end: [`first_message`](Self::first_message), [`final_message`](Self::final_message), then
/// [`ServerProof::verify`] on the server's last word.
pub struct ClientExchange<'a> {
    password: &'a str,
    nonce: &'a str,
    first_bare: String,
}

/// What a server that knows the password must answer.
pub struct ServerProof(Digest);

impl<'a> ClientExchange<'a> {
    pub fn new(user: &str, password: &'a str, nonce: &'a str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { password, nonce, first_bare: format!("n={user},r={nonce}") }
    }

    pub fn first_message(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    pub fn final_message(&self, server_first: &str) -> Result<(String, ServerProof), ScramError> {
        let [nonce, salt, iterations] = attributes(server_first, ["r", "s", "i"])?;
        if !nonce.starts_with(self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::WrongNonce);
        }
        let salt = BASE64.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        if iterations < ITERATIONS || iterations.get() > MOST_ITERATIONS {
            return Err(ScramError::Unsupported);
        }
        let salted = salted_password(self.password, &salt, iterations);
        let client_key = sign(&salted, "Client Key");
        let without_proof = format!("c={},r={nonce}", BASE64.encode("n,,"));
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let proof = xor(client_key, sign(&sha256(&client_key), &signed));
        let expected = sign(&sign(&salted, "Server Key"), &signed);
        Ok((format!("{without_proof},p={}", BASE64.encode(proof)), ServerProof(expected)))
    }
}

impl ServerProof {
    pub fn verify(&self, server_final: &str) -> Result<(), ScramError> {
        let [proof] = attributes(server_final, ["v"])?;
        let proof = BASE64.decode(proof).map_err(|_| ScramError::Malformed)?;
        constant_time::verify_slices_are_equal(&proof, &self.0).map_err(|_| ScramError::WrongProof)
    }
}

/// The server's end, between its two messages.
pub struct ServerExchange {
    /// The account that the client claims to own.
    pub user: String,
    /// Whom it wants to act as, if it says so.
    pub authorization: Option<String>,
    verifier: Verifier,
    binding: String,
    nonce: String,
    /// Both first messages, as they are signed.
    signed: String,
}

impl ServerExchange {
    /// Takes the client's first message; `verifier_of` looks the account up, and has a verifier for nobody's as well.
    /// Returns the server's first message too.
    pub fn begin(
        client_first: &str,
        server_nonce: &str,
        verifier_of: impl FnOnce(&str) -> Verifier,
    ) -> Result<(Self, String), ScramError> {
        let (Gs2Header { raw, authorization }, bare) = Gs2Header::split(client_first)?;
        let [user, client_nonce] = attributes(bare, ["n", "r"])?;
        let user = user.replace("=2C", ",").replace("=3D", "=");
        let verifier = verifier_of(&user);
        let nonce = format!("{client_nonce}{server_nonce}");
        let first = format!("r={nonce},s={},i={ITERATIONS}", BASE64.encode(verifier.salt));
        let signed = format!("{bare},{first}");
        Ok((Self { user, authorization, verifier, binding: BASE64.encode(raw), nonce, signed }, first))
    }

    /// Checks the client's final message and returns the server's.
    pub fn finish(self, client_final: &str) -> Result<String, ScramError> {
        let [binding, nonce, proof] = attributes(client_final, ["c", "r", "p"])?;
        if binding != self.binding {
            return Err(ScramError::Unsupported);
        }
        if nonce != self.nonce {
            return Err(ScramError::WrongNonce);
        }
        let (without_proof, _) = client_final.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let signed = format!("{},{without_proof}", self.signed);
        let proof: Digest =
            BASE64.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or(ScramError::Malformed)?;
        let client_key = xor(proof, sign(&self.verifier.stored_key, &signed));
        constant_time::verify_slices_are_equal(&sha256(&client_key), &self.verifier.stored_key)
            .map_err(|_| ScramError::WrongProof)?;
        Ok(format!("v={}", BASE64.encode(sign(&self.verifier.server_key, &signed))))
    }
}

/// The values of these attributes, which must stand first and in this order. A mandatory extension (`m=`) that stands
/// before them is thereby refused, as RFC 5802, section 5.1 demands.
fn attributes<'m, const N: usize>(message: &'m str, names: [&str; N]) -> Result<[&'m str; N], ScramError> {
    let mut parts = message.split(',');
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        let (found, text) =
            parts.next().and_then(|part| part.split_once('=')).ok_or(ScramError::Malformed)?;
        if found != name {
            return Err(ScramError::Malformed);
        }
        *value = text;
    }
    Ok(values)
}

fn salted_password(password: &str, salt: &[u8], iterations: NonZeroU32) -> Digest {
    let mut salted = Digest::default();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
    salted
}

fn sign(key: &[u8], text: &str) -> Digest {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let mut signature = Digest::default();
    signature.copy_from_slice(tag.as_ref());
    signature
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut hash = Digest::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

fn xor(mut left: Digest, right: Digest) -> Digest {
    for (left, right) in left.iter_mut().zip(right) {
        *left ^= right;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "user";
    const PASSWORD: &str = "pencil";
    const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn verifier() -> Verifier {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        Verifier::new(PASSWORD, salt.try_into().unwrap())
    }

    #[test]
    fn the_exchange_of_rfc_7677_section_3_is_reproduced() {
        let client = ClientExchange::new(USER, PASSWORD, CLIENT_NONCE);
        assert_eq!(client.first_message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (server, server_first) =
            ServerExchange::begin(&client.first_message(), SERVER_NONCE, |_| verifier()).unwrap();
        assert_eq!(
            server_first,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let (client_final, server_proof) = client.final_message(&server_first).unwrap();
        assert_eq!(
            client_final,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let server_final = server.finish(&client_final).unwrap();
        assert_eq!(server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(server_proof.verify(&server_final), Ok(()));
    }

    #[test]
    fn a_wrong_password_is_refused() {
        let client = ClientExchange::new(USER, "pen", CLIENT_NONCE);
        let (server, server_first) =
            ServerExchange::begin(&client.first_message(), SERVER_NONCE, |_| verifier()).unwrap();
        let (client_final, _) = client.final_message(&server_first).unwrap();
        assert_eq!(server.finish(&client_final), Err(ScramError::WrongProof));
    }

    #[test]
    fn an_unknown_account_gets_the_same_salt_each_time_and_fails_as_a_wrong_password_does() {
        let client = ClientExchange::new("nobody", PASSWORD, CLIENT_NONCE);
        let begin = |secret: &[u8]| {
            ServerExchange::begin(&client.first_message(), SERVER_NONCE, |name| {
                Verifier::of_nobody(name, secret)
            })
            .unwrap()
        };
        let (server, challenge) = begin(b"secret");
        assert_eq!(challenge, begin(b"secret").1);
        assert_ne!(challenge, begin(b"another").1);
        let (client_final, _) = client.final_message(&challenge).unwrap();
        assert_eq!(server.finish(&client_final), Err(ScramError::WrongProof));
    }

    #[test]
    fn a_server_that_does_not_extend_the_nonce_is_refused() {
        let client = ClientExchange::new(USER, PASSWORD, CLIENT_NONCE);
        for nonce in [CLIENT_NONCE, "another", ""] {
            let refused = client.final_message(&format!("r={nonce},s=AAAA,i=4096"));
            assert_eq!(refused.err(), Some(ScramError::WrongNonce), "{nonce}");
        }
    }

    #[test]
    fn too_few_and_too_many_iterations_are_refused() {
        let client = ClientExchange::new(USER, PASSWORD, CLIENT_NONCE);
        for iterations in ["1", "4095", "100001"] {
            let refused = client.final_message(&format!("r={CLIENT_NONCE}x,s=AAAA,i={iterations}"));
            assert_eq!(refused.err(), Some(ScramError::Unsupported), "{iterations}");
        }
    }

    #[test]
    fn malformed_messages_are_refused_without_a_panic() {
        for message in ["", ",", ",,", "n,,", "n,,r=x,n=y", "n,,m=ext,n=user,r=x", "n,,n", "n,,n=user"] {
            let refused = ServerExchange::begin(message, SERVER_NONCE, |_| verifier());
            assert!(refused.is_err(), "{message}");
        }
        let bound = ServerExchange::begin("p=tls-exporter,,n=user,r=x", SERVER_NONCE, |_| verifier());
        assert_eq!(bound.err(), Some(ScramError::Unsupported));
    }

    #[test]
    fn an_authorization_identity_is_read_and_covered_by_the_proof() {
        let client = ClientExchange::new(USER, PASSWORD, CLIENT_NONCE);
        let first = client.first_message().replacen("n,,", "n,a=root,", 1);
        let (server, server_first) = ServerExchange::begin(&first, SERVER_NONCE, |_| verifier()).unwrap();
        assert_eq!(server.authorization.as_deref(), Some("root"));
        let (client_final, _) = client.final_message(&server_first).unwrap();
        assert_eq!(server.finish(&client_final), Err(ScramError::Unsupported));
    }
}
