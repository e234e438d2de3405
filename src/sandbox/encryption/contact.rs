//! What a device knows of another one: who it is, and the sessions with it.
//!
//! Both may begin a session at the same moment, and either may have lost one. So there can be several: the one that was
//! last heard on is written on.

use std::collections::VecDeque;

use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{
    Account, DecryptionError, IdentityKeys, OlmMessage, PreKeyMessage, Session, SessionConfig,
    SessionCreationError,
};
use zeroize::Zeroizing;

use super::device::OpenError;

/// Sessions with one device; the one that was not heard on for longest goes.
const MOST_SESSIONS: usize = 4;
/// Names of sessions that are gone, of one device. What began one of them begins no other.
const MOST_ENDED: usize = 64;

/// Another device.
pub(super) struct Contact {
    /// What it was first seen with: trust on first use.
    pub keys: IdentityKeys,
    /// What it has since been seen with. Nothing is written to it, and nothing of it is read, until that is trusted.
    pub changed: Option<IdentityKeys>,
    /// Whether its account had it published when that was last looked at.
    pub is_listed: bool,
    /// The first is written on.
    pub sessions: VecDeque<Session>,
    pub ended: VecDeque<String>,
}

impl Contact {
    pub fn new(keys: IdentityKeys) -> Self {
        Self { keys, changed: None, is_listed: true, sessions: VecDeque::new(), ended: VecDeque::new() }
    }

    /// Takes down that the device was seen with these keys. Returns whether they are those that are trusted.
    pub fn see(&mut self, keys: IdentityKeys) -> bool {
        self.is_listed = true;
        self.changed = Some(keys).filter(|keys| *keys != self.keys);
        self.changed.is_none()
    }

    /// Trusts the keys that it was seen with last. What was begun with the former ones is over.
    pub fn trust(&mut self) -> bool {
        let Some(keys) = self.changed.take() else { return false };
        *self = Self { is_listed: self.is_listed, ..Self::new(keys) };
        true
    }

    /// Begins a session with a key that the device has published.
    pub fn start(&mut self, own: &Account, key: Curve25519PublicKey) -> bool {
        let session = own.create_outbound_session(SessionConfig::version_1(), self.keys.curve25519, key);
        session.map(|session| self.add(session)).is_ok()
    }

    /// Decrypts a message of this device. A failure changes nothing.
    pub fn decrypt(
        &mut self,
        own: &mut Account,
        message: &OlmMessage,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match message {
            OlmMessage::PreKey(first) => self.decrypt_first(own, first),
            OlmMessage::Normal(_) => self.decrypt_next(message),
        }
    }

    /// A message that can begin a session, or one of those that were written before it was answered.
    fn decrypt_first(
        &mut self,
        own: &mut Account,
        first: &PreKeyMessage,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if first.identity_key() != self.keys.curve25519 {
            return Err(OpenError::IdentityChanged);
        }
        if let Some(at) =
            self.sessions.iter().position(|session| session.session_keys() == first.session_keys())
        {
            return self.decrypt_on(at, &OlmMessage::PreKey(first.clone()));
        }
        // A fallback key is there for many sessions, so that a message which began one could begin it again.
        if self.ended.contains(&first.session_id()) {
            return Err(OpenError::Spent);
        }
        let begun = own.create_inbound_session(SessionConfig::version_1(), self.keys.curve25519, first);
        let begun = begun.map_err(|error| match error {
            SessionCreationError::MissingOneTimeKey(_) => OpenError::NoKey,
            SessionCreationError::Decryption(error) => refused(&error),
            _ => OpenError::Malformed,
        })?;
        self.add(begun.session);
        Ok(Zeroizing::new(begun.plaintext))
    }

    /// A message does not say which session it belongs to.
    fn decrypt_next(&mut self, message: &OlmMessage) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut refusal = OpenError::NoSession;
        for at in 0..self.sessions.len() {
            match self.decrypt_on(at, message) {
                // Another session's key does not fit: that says the least.
                Err(OpenError::Damaged) if refusal != OpenError::NoSession => {}
                Err(error) => refusal = error,
                decrypted => return decrypted,
            }
        }
        Err(refusal)
    }

    fn decrypt_on(&mut self, at: usize, message: &OlmMessage) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let session = self.sessions.get_mut(at).ok_or(OpenError::NoSession)?;
        let plain = session.decrypt(message).map_err(|error| refused(&error))?;
        if let Some(heard) = self.sessions.remove(at) {
            self.sessions.push_front(heard);
        }
        Ok(Zeroizing::new(plain))
    }

    fn add(&mut self, session: Session) {
        self.sessions.push_front(session);
        while self.sessions.len() > MOST_SESSIONS {
            let ended = self.sessions.pop_back().map(|session| session.session_id());
            self.ended.extend(ended);
        }
        let too_many = self.ended.len().saturating_sub(MOST_ENDED);
        self.ended.drain(..too_many);
    }
}

fn refused(error: &DecryptionError) -> OpenError {
    match error {
        DecryptionError::MissingMessageKey(_) => OpenError::Spent,
        DecryptionError::TooBigMessageGap(..) => OpenError::TooFarAhead,
        _ => OpenError::Damaged,
    }
}
