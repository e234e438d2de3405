//! SASL as the gatekeeper speaks it (RFC 6120, section 6): its own users' passwords by SCRAM-SHA-256 and PLAIN, the
//! providers' users' tokens by OAUTHBEARER and PLAIN; a few attempts.

mod failure;
mod oauthbearer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::failure::{Failure, Unsuccessful};
use super::enlistment::Enlistment;
use super::providers::Refusal;
use super::replies;
use super::session::{Ending, Session};
use crate::sandbox::element::Element;
use crate::sandbox::random;
use crate::sandbox::scram::{ServerExchange, Verifier};
use crate::sandbox::token::{Hint, TokenError};
use crate::stanza::namespace::SASL;
use crate::stanza::{Condition, Jid};

/// RFC 6120, section 6.4.4 asks for at least 2 and not more than 5.
const ATTEMPTS: usize = 3;

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
                    let failure = replies::failure(failure.condition(), &failure.to_string());
                    self.connection.send(failure.as_bytes()).await?;
                }
            }
        }
        Err(Ending::Error(Condition::PolicyViolation))
    }

    async fn attempt(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        match request.attribute("mechanism") {
            Some("OAUTHBEARER") => self.oauthbearer(request).await,
            Some("PLAIN") => self.plain(request).await,
            Some("SCRAM-SHA-256") => self.scram(request).await,
            _ => Err(Failure::InvalidMechanism.into()),
        }
    }

    /// RFC 7628: the token, or first the reason in the form that the mechanism has for it.
    async fn oauthbearer(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        let message = self.initial_response(request).await?;
        let mut token = None;
        let judged = match oauthbearer::Request::read(&message) {
            Ok(request) => {
                token = request.token;
                self.bearer(token.as_deref(), request.authorization.as_deref()).await
            }
            Err(error) => Err(error.into()),
        };
        let failure = match judged {
            Ok(account) => {
                self.succeed("").await?;
                return Ok(account);
            }
            Err(failure) => failure,
        };
        if let Some(status) = failure.oauth_status() {
            let issuer = token.and_then(|token| self.known_issuer(&token));
            let answer = self.challenge(&oauthbearer::refusal(status, issuer.as_deref())).await?;
            if !oauthbearer::is_acknowledgement(&answer) {
                return Err(Failure::MalformedRequest.into());
            }
        }
        Err(failure.into())
    }

    async fn bearer(&self, token: Option<&str>, authorization: Option<&str>) -> Result<String, Failure> {
        let enlistment = self.enlisted(token.ok_or(Failure::NoToken)?).await?;
        if authorization.is_some_and(|identity| !self.is_identity_of(&enlistment, identity)) {
            return Err(Failure::InvalidAuthzid);
        }
        Ok(enlistment.internal_id)
    }

    /// RFC 4616: authorization identity, account and password, separated by NUL.
    async fn plain(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        let message = self.initial_response(request).await?;
        let mut parts = message.split('\0');
        let (Some(authorization), Some(name), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::MalformedRequest.into());
        };
        let authorization = Some(authorization).filter(|identity| !identity.is_empty());
        // Whether there is such an account or not, the same is done: nobody learns by it who has one.
        let is_password = self.shared.passwords.check(self.verifier_of(name), password.to_owned()).await;
        let account = if is_password.map_err(Failure::from)? {
            self.own_account(name, authorization)?
        } else {
            self.token_as_password(authorization, name, password).await?
        };
        self.succeed("").await?;
        Ok(account)
    }

    async fn token_as_password(
        &self,
        authorization: Option<&str>,
        name: &str,
        token: &str,
    ) -> Result<String, Failure> {
        let enlistment = self.enlisted(token).await.map_err(|failure| match failure {
            // A password was meant, then, and nobody learns whether it was the name that was wrong.
            Failure::Token(Refusal::Token(TokenError::Malformed)) => Failure::WrongPassword,
            other => other,
        })?;
        if !self.is_identity_of(&enlistment, name) {
            return Err(Failure::AnotherUser);
        }
        if authorization.is_some_and(|identity| !self.is_identity_of(&enlistment, identity)) {
            return Err(Failure::InvalidAuthzid);
        }
        Ok(enlistment.internal_id)
    }

    async fn scram(&mut self, request: &Element) -> Result<String, Unsuccessful> {
        let first = self.initial_response(request).await?;
        let (exchange, challenge) =
            ServerExchange::begin(&first, &random::token()?, |user| self.verifier_of(user))?;
        let (user, authorization) = (exchange.user.clone(), exchange.authorization.clone());
        let proof = exchange.finish(&self.challenge(&challenge).await?)?;
        let account = self.own_account(&user, authorization.as_deref())?;
        self.succeed(&proof).await?;
        Ok(account)
    }

    /// The account's, or nobody's.
    fn verifier_of(&self, name: &str) -> Verifier {
        let known = self.shared.accounts.get(name).map(|account| account.verifier.clone());
        known.unwrap_or_else(|| self.shared.passwords.verifier_of_nobody(name))
    }

    /// Whom a token speaks of, if its user has opted in.
    async fn enlisted(&self, token: &str) -> Result<Enlistment, Failure> {
        let subject = self.shared.providers.authenticate(token).await.map_err(Failure::Token)?;
        self.shared.enlistments.of(&subject.issuer, &subject.visible_id).ok_or(Failure::NotEnlisted)
    }

    /// The issuer that a token claims, if it is one of those agreed with: only then is it fit to be told to a client.
    fn known_issuer(&self, token: &str) -> Option<String> {
        let claimed = Hint::read(token).ok()?.issuer;
        self.shared.issuers.contains(&claimed).then_some(claimed)
    }

    fn own_account(&self, account: &str, authorization: Option<&str>) -> Result<String, Failure> {
        match authorization {
            Some(identity) if !self.is_address_of(account, identity) => Err(Failure::InvalidAuthzid),
            _ => Ok(account.to_owned()),
        }
    }

    fn is_identity_of(&self, enlistment: &Enlistment, identity: &str) -> bool {
        identity == enlistment.visible_id || self.is_address_of(&enlistment.internal_id, identity)
    }

    /// Whether this is the account's name, or its bare JID (RFC 6120, section 6.3.8).
    fn is_address_of(&self, account: &str, identity: &str) -> bool {
        let is_bare_jid = |jid: Jid<'_>| {
            jid.local() == Some(account)
                && jid.domain().eq_ignore_ascii_case(&self.shared.host)
                && jid.resource().is_none()
        };
        identity == account || Jid::parse(identity).is_ok_and(is_bare_jid)
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
