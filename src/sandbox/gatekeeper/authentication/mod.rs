//! SASL as the gatekeeper speaks it, in the profile of RFC 6120, section 6, and in SASL2 (XEP-0388): its own users'
//! passwords by SCRAM-SHA-256 and PLAIN, the providers' users' tokens by OAUTHBEARER and PLAIN, and the gatekeeper's own
//! tokens by HT-SHA-256-NONE (XEP-0484); a few attempts.

mod failure;
mod hashed_token;
mod mechanisms;
mod oauthbearer;
mod profile;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::failure::{Failure, Unsuccessful};
pub(super) use self::hashed_token::NAME as HASHED_TOKEN;
pub(super) use self::profile::Profile;
use super::fast::{Credential, Wish};
use super::replies;
use super::session::{Ending, Session};
use crate::sandbox::element::Element;
use crate::sandbox::limits::is_name;
use crate::stanza::Condition;
use crate::stanza::namespace::{FAST, SASL2};

/// RFC 6120, section 6.4.4 asks for at least 2 and not more than 5.
const ATTEMPTS: usize = 3;

/// A client that has proven who it is.
pub(super) struct Authenticated {
    pub profile: Profile,
    /// What it asked for; in SASL2, that may be more.
    pub request: Element,
    pub proven: Proven,
}

/// What a mechanism has found out.
pub(super) struct Proven {
    pub account: String,
    /// What the server still has to say: its own proof, or nothing.
    pub additional: Vec<u8>,
    pub credential: Credential,
}

impl Authenticated {
    pub fn account(&self) -> &str {
        &self.proven.account
    }

    pub fn mechanism(&self) -> Option<&str> {
        self.request.attribute("mechanism")
    }

    /// What the server still has to say, in Base64.
    pub fn additional(&self) -> String {
        BASE64.encode(&self.proven.additional)
    }

    /// The identifier of the client's user agent.
    pub fn user_agent(&self) -> Option<&str> {
        user_agent(&self.request)
    }

    /// What the client wants of its tokens (XEP-0484, sections 3.2 and 3.6).
    pub fn wish(&self) -> Wish {
        let child = |name, attribute| self.request.child(FAST, name)?.attribute(attribute);
        Wish {
            another: child("request-token", "mechanism") == Some(HASHED_TOKEN),
            no_more: matches!(child("fast", "invalidate"), Some("true" | "1")),
        }
    }
}

/// The identifier by which a client tells itself from the account's other ones (XEP-0388, section 2.3).
fn user_agent(request: &Element) -> Option<&str> {
    request.child(SASL2, "user-agent")?.attribute("id").filter(|id| is_name(id))
}

/// One attempt to authenticate.
struct Exchange<'s> {
    session: &'s mut Session,
    profile: Profile,
    request: &'s Element,
}

impl Session {
    /// Who the client has proven to be. In SASL2 it is not told so yet: what else it asked for is answered along with it.
    pub(super) async fn authenticate(&mut self) -> Result<Authenticated, Ending> {
        for _ in 0..ATTEMPTS {
            let request = self.next_stanza().await?.root;
            let profile = Profile::of(&request).ok_or(Ending::Error(Condition::NotAuthorized))?;
            let exchange = Exchange { session: self, profile, request: &request };
            match exchange.run().await {
                Ok(proven) => return Ok(Authenticated { profile, request, proven }),
                Err(Unsuccessful::Ending(ending)) => return Err(ending),
                Err(Unsuccessful::Failure(failure)) => {
                    let namespace = profile.namespace();
                    let failure = replies::failure(namespace, failure.condition(), &failure.to_string());
                    self.connection.send(failure.as_bytes()).await?;
                }
            }
        }
        Err(Ending::Error(Condition::PolicyViolation))
    }
}

impl Exchange<'_> {
    async fn run(mut self) -> Result<Proven, Unsuccessful> {
        match self.request.attribute("mechanism") {
            Some("OAUTHBEARER") => self.oauthbearer().await,
            Some("PLAIN") => self.plain().await,
            Some("SCRAM-SHA-256") => self.scram().await,
            Some(HASHED_TOKEN) => self.hashed_token().await,
            _ => Err(Failure::InvalidMechanism.into()),
        }
    }

    /// What the request carries; if it carries nothing, it is asked for (RFC 6120, section 6.4.2).
    async fn initial_response(&mut self) -> Result<Vec<u8>, Unsuccessful> {
        match self.profile.initial_response(self.request) {
            Some(response) => Ok(decode(response)?),
            None => self.challenge("").await,
        }
    }

    async fn challenge(&mut self, challenge: &str) -> Result<Vec<u8>, Unsuccessful> {
        let namespace = self.profile.namespace();
        let challenge = replies::sasl(namespace, "challenge", &BASE64.encode(challenge));
        self.session.connection.send(challenge.as_bytes()).await?;
        let response = self.session.next_stanza().await?.root;
        match response.name.as_str() {
            "response" if response.namespace == namespace => Ok(decode(&response.text)?),
            "abort" if response.namespace == namespace => Err(Failure::Aborted.into()),
            _ => Err(Ending::Error(Condition::NotAuthorized).into()),
        }
    }
}

/// Base64; `=` stands for an empty message (RFC 6120, section 6.4.2).
fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    if text == "=" {
        return Ok(Vec::new());
    }
    BASE64.decode(text).map_err(|_| Failure::IncorrectEncoding)
}
