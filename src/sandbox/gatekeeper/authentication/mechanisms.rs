//! What each mechanism asks and believes. None of them knows in which profile it is spoken.

use std::time::SystemTime;

use super::failure::{Failure, Unsuccessful};
use super::{Exchange, Profile, Proven, hashed_token, oauthbearer, user_agent};
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::Shared;
use crate::sandbox::gatekeeper::enlistment::Enlistment;
use crate::sandbox::gatekeeper::fast::{Basis, Credential};
use crate::sandbox::gatekeeper::providers::Refusal;
use crate::sandbox::random;
use crate::sandbox::scram::{ServerExchange, Verifier};
use crate::sandbox::token::{Hint, TokenError, seconds_since_epoch};
use crate::stanza::Jid;
use crate::stanza::namespace::FAST;

/// A provider's user whose token is good, and the token as what was proven.
struct Enlisted {
    enlistment: Enlistment,
    basis: Basis,
}

impl Enlisted {
    fn proven(self) -> Proven {
        let Self { enlistment, basis } = self;
        Proven {
            account: enlistment.internal_id,
            additional: Vec::new(),
            credential: Credential::Lasting(basis),
        }
    }
}

impl Exchange<'_> {
    /// RFC 7628: the token, or first the reason in the form that the mechanism has for it.
    pub(super) async fn oauthbearer(&mut self) -> Result<Proven, Unsuccessful> {
        let message = text(self.initial_response().await?)?;
        let mut token = None;
        let judged = match oauthbearer::Request::read(&message) {
            Ok(request) => {
                token = request.token;
                self.shared().bearer(token.as_deref(), request.authorization.as_deref()).await
            }
            Err(error) => Err(error.into()),
        };
        let failure = match judged {
            Ok(enlisted) => return Ok(enlisted.proven()),
            Err(failure) => failure,
        };
        if let Some(status) = failure.oauth_status() {
            let issuer = token.and_then(|token| self.shared().known_issuer(&token));
            let answer = self.challenge(&oauthbearer::refusal(status, issuer.as_deref())).await?;
            if !oauthbearer::is_acknowledgement(&text(answer)?) {
                return Err(Failure::MalformedRequest.into());
            }
        }
        Err(failure.into())
    }

    /// RFC 4616: authorization identity, account and password, separated by NUL.
    pub(super) async fn plain(&mut self) -> Result<Proven, Unsuccessful> {
        let message = text(self.initial_response().await?)?;
        let mut parts = message.split('\0');
        let (Some(authorization), Some(name), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::MalformedRequest.into());
        };
        let shared = self.shared();
        let authorization = Some(authorization).filter(|identity| !identity.is_empty());
        // Whether there is such an account or not, the same is done: nobody learns by it who has one.
        let is_password = shared.passwords.check(shared.verifier_of(name), password.to_owned()).await;
        if is_password.map_err(Failure::from)? {
            Ok(shared.own_account(name, authorization, Vec::new())?)
        } else {
            Ok(shared.token_as_password(authorization, name, password).await?)
        }
    }

    pub(super) async fn scram(&mut self) -> Result<Proven, Unsuccessful> {
        let first = text(self.initial_response().await?)?;
        let (exchange, challenge) =
            ServerExchange::begin(&first, &random::token()?, |user| self.shared().verifier_of(user))?;
        let (user, authorization) = (exchange.user.clone(), exchange.authorization.clone());
        let proof = exchange.finish(&text(self.challenge(&challenge).await?)?)?;
        Ok(self.shared().own_account(&user, authorization.as_deref(), proof.into_bytes())?)
    }

    /// XEP-0484, section 3.4. What the token was given for is looked at again.
    pub(super) async fn hashed_token(&mut self) -> Result<Proven, Unsuccessful> {
        let fast = self.request.child(FAST, "fast").filter(|_| self.profile == Profile::Sasl2);
        let count = count(fast.ok_or(Failure::InvalidMechanism)?)?;
        let client = user_agent(self.request).ok_or(Failure::NoUserAgent)?;
        let message = self.initial_response().await?;
        let message = hashed_token::Message::read(&message).ok_or(Failure::MalformedRequest)?;
        let shared = self.shared();
        let account = shared.local_part(message.account);
        let now = seconds_since_epoch(SystemTime::now());
        let used = shared.tokens.use_up(account, client, count, now, |token| message.proves(token));
        let used = used.map_err(Failure::from)?;
        if let Err(failure) = shared.stands(account, &used.basis).await {
            if failure == Failure::Withdrawn {
                shared.tokens.discard(account, client);
            }
            return Err(failure.into());
        }
        let additional = hashed_token::answer(&used.secret);
        Ok(Proven { account: account.to_owned(), additional, credential: Credential::Fast(used) })
    }

    fn shared(&self) -> &Shared {
        &self.session.shared
    }
}

impl Shared {
    async fn bearer(&self, token: Option<&str>, authorization: Option<&str>) -> Result<Enlisted, Failure> {
        let enlisted = self.enlisted(token.ok_or(Failure::NoToken)?).await?;
        if authorization.is_some_and(|identity| !self.is_identity_of(&enlisted.enlistment, identity)) {
            return Err(Failure::InvalidAuthzid);
        }
        Ok(enlisted)
    }

    async fn token_as_password(
        &self,
        authorization: Option<&str>,
        name: &str,
        token: &str,
    ) -> Result<Proven, Failure> {
        let enlisted = self.enlisted(token).await.map_err(|failure| match failure {
            // A password was meant, then, and nobody learns whether it was the name that was wrong.
            Failure::Token(Refusal::Token(TokenError::Malformed)) => Failure::WrongPassword,
            other => other,
        })?;
        if !self.is_identity_of(&enlisted.enlistment, name) {
            return Err(Failure::AnotherUser);
        }
        if authorization.is_some_and(|identity| !self.is_identity_of(&enlisted.enlistment, identity)) {
            return Err(Failure::InvalidAuthzid);
        }
        Ok(enlisted.proven())
    }

    /// Whether what a token of FAST was given for would still open the account.
    async fn stands(&self, account: &str, basis: &Basis) -> Result<(), Failure> {
        match basis {
            Basis::Password if self.accounts.contains_key(account) => Ok(()),
            Basis::Password => Err(Failure::Withdrawn),
            Basis::ProviderToken { token, .. } => match self.enlisted(token).await {
                Ok(enlisted) if enlisted.enlistment.internal_id == account => Ok(()),
                Err(unknown @ Failure::Token(Refusal::Provider(_))) => Err(unknown),
                Ok(_) | Err(_) => Err(Failure::Withdrawn),
            },
        }
    }

    /// The account's, or nobody's.
    fn verifier_of(&self, name: &str) -> Verifier {
        let known = self.accounts.get(name).map(|account| account.verifier.clone());
        known.unwrap_or_else(|| self.passwords.verifier_of_nobody(name))
    }

    /// Whom a token speaks of, if its user has opted in.
    async fn enlisted(&self, token: &str) -> Result<Enlisted, Failure> {
        let subject = self.providers.authenticate(token).await.map_err(Failure::Token)?;
        let enlistment = self.enlistments.of(&subject.issuer, &subject.visible_id);
        let basis = Basis::ProviderToken { token: token.into(), expires: subject.expires };
        Ok(Enlisted { enlistment: enlistment.ok_or(Failure::NotEnlisted)?, basis })
    }

    /// The issuer that a token claims, if it is one of those agreed with: only then is it fit to be told to a client.
    fn known_issuer(&self, token: &str) -> Option<String> {
        let claimed = Hint::read(token).ok()?.issuer;
        self.issuers.contains(&claimed).then_some(claimed)
    }

    fn own_account(
        &self,
        account: &str,
        authorization: Option<&str>,
        additional: Vec<u8>,
    ) -> Result<Proven, Failure> {
        match authorization {
            Some(identity) if !self.is_address_of(account, identity) => Err(Failure::InvalidAuthzid),
            _ => Ok(Proven {
                account: account.to_owned(),
                additional,
                credential: Credential::Lasting(Basis::Password),
            }),
        }
    }

    fn is_identity_of(&self, enlistment: &Enlistment, identity: &str) -> bool {
        identity == enlistment.visible_id || self.is_address_of(&enlistment.internal_id, identity)
    }

    /// Whether this is the account's name, or its bare JID (RFC 6120, section 6.3.8).
    fn is_address_of(&self, account: &str, identity: &str) -> bool {
        self.local_part(identity) == account
    }

    /// The account's name, of which this is the bare JID or that itself.
    fn local_part<'i>(&self, identity: &'i str) -> &'i str {
        let ours = |jid: &Jid<'_>| jid.domain().eq_ignore_ascii_case(&self.host) && jid.resource().is_none();
        let jid = Jid::parse(identity).ok().filter(ours);
        jid.and_then(|jid| jid.local()).unwrap_or(identity)
    }
}

/// How often the client has used its token before, if it counts (XEP-0484, section 3.4).
fn count(fast: &Element) -> Result<Option<u64>, Failure> {
    let count = fast.attribute("count").map(str::parse);
    count.transpose().map_err(|_| Failure::MalformedRequest)
}

fn text(message: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(message).map_err(|_| Failure::MalformedRequest)
}
