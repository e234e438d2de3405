//! SASL as the gatekeeper speaks it (RFC 6120, section 6): PLAIN and SCRAM-SHA-256, a few attempts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::replies;
use super::session::{Ending, Session};
use crate::sandbox::connection::ConnectionError;
use crate::sandbox::element::Element;
use crate::sandbox::random::{self, RandomError};
use crate::sandbox::scram::{ScramError, ServerExchange};
use crate::stanza::Condition;
use crate::stanza::namespace::SASL;

/// RFC 6120, section 6.4.4 asks for at least 2 and not more than 5.
const ATTEMPTS: usize = 3;

/// Why one attempt failed (RFC 6120, section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Aborted,
    IncorrectEncoding,
    InvalidMechanism,
    MalformedRequest,
    NotAuthorized,
}

/// How an attempt ends if not in success.
enum Unsuccessful {
    /// The client may try again.
    Failure(Failure),
    /// The session is over.
    Ending(Ending),
}

impl Session {
    /// The account that the client has proven to own.
    pub(super) async fn authenticate(&mut self) -> Result<String, Ending> {
        for _ in 0..ATTEMPTS {
            let request = self.next_stanza().await?.root;
            if !request.is(SASL, "auth") {
                return Err(Ending::Error(Condition::NotAuthorized));
            }
            match self.attempt(&request).await {
                Ok(account) => return Ok(account),
                Err(Unsuccessful::Ending(ending)) => return Err(ending),
                Err(Unsuccessful::Failure(failure)) => {
                    self.connection.send(replies::failure(failure.name()).as_bytes()).await?;
                }
            }
        }
        Err(Ending::Error(Condition::PolicyViolation))
    }

    async fn attempt(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        match request.attribute("mechanism") {
            Some("PLAIN") => self.plain(request).await,
            Some("SCRAM-SHA-256") => self.scram(request).await,
            _ => Err(Failure::InvalidMechanism.into()),
        }
    }

    /// RFC 4616: authorization identity, account and password, separated by NUL.
    async fn plain(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        let message = self.initial_response(request).await?;
        let mut parts = message.split('\0');
        let (Some(""), Some(account), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::MalformedRequest.into());
        };
        let known = self.shared.accounts.get(account).ok_or(Failure::NotAuthorized)?;
        if !known.verifier.matches(password) {
            return Err(Failure::NotAuthorized.into());
        }
        self.succeed("").await?;
        Ok(account.to_owned())
    }

    async fn scram(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        let first = self.initial_response(request).await?;
        let verifier_of = |user: &str| self.shared.accounts.get(user).map(|account| account.verifier.clone());
        let (exchange, challenge) = ServerExchange::begin(&first, &random::token()?, verifier_of)?;
        let account = exchange.user.clone();
        let proof = exchange.finish(&self.challenge(&challenge).await?)?;
        self.succeed(&proof).await?;
        Ok(account)
    }

    /// What the request carries; if it carries nothing, it is asked for (RFC 6120, section 6.4.2).
    async fn initial_response(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        if request.text.is_empty() { self.challenge("").await } else { Ok(decode(&request.text)?) }
    }

    async fn challenge(&mut self, challenge: &str) -> Result<String, Unsuccessful> {
        self.connection.send(replies::sasl("challenge", &BASE64.encode(challenge)).as_bytes()).await?;
        let response = self.next_stanza().await?.root;
        match response.name.as_str() {
            "response" if response.namespace == SASL => Ok(decode(&response.text)?),
            "abort" if response.namespace == SASL => Err(Failure::Aborted.into()),
            _ => Err(Ending::Error(Condition::NotAuthorized).into()),
        }
    }

    async fn succeed(&mut self, additional: &str) -> Result<(), Unsuccessful> {
        Ok(self.connection.send(replies::sasl("success", &BASE64.encode(additional)).as_bytes()).await?)
    }
}

/// Base64 of UTF-8; `=` stands for an empty message (RFC 6120, section 6.4.2).
fn decode(text: &str) -> Result<String, Failure> {
    if text == "=" {
        return Ok(String::new());
    }
    let bytes = BASE64.decode(text).map_err(|_| Failure::IncorrectEncoding)?;
    String::from_utf8(bytes).map_err(|_| Failure::MalformedRequest)
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Failure::Aborted => "aborted",
            Failure::IncorrectEncoding => "incorrect-encoding",
            Failure::InvalidMechanism => "invalid-mechanism",
            Failure::MalformedRequest => "malformed-request",
            Failure::NotAuthorized => "not-authorized",
        }
    }
}

impl From<Failure> for Unsuccessful {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Ending> for Unsuccessful {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}

impl From<ConnectionError> for Unsuccessful {
    fn from(error: ConnectionError) -> Self {
        Self::Ending(error.into())
    }
}

impl From<RandomError> for Unsuccessful {
    fn from(error: RandomError) -> Self {
        Self::Ending(error.into())
    }
}

impl From<ScramError> for Unsuccessful {
    fn from(error: ScramError) -> Self {
        Self::Failure(match error {
            ScramError::Malformed | ScramError::Unsupported => Failure::MalformedRequest,
            ScramError::WrongNonce | ScramError::WrongProof => Failure::NotAuthorized,
        })
    }
}
