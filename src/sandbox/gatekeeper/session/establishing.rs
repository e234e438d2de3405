//! How a session comes to have a resource: by binding one or by resuming a session that has one, each on its own or along
//! with SASL2.

use std::time::SystemTime;

use super::bound::Claimable;
use super::{Ending, Session, serving};
use crate::sandbox::element::Element;
use crate::sandbox::gatekeeper::authentication::Authenticated;
use crate::sandbox::gatekeeper::contents::Carrier;
use crate::sandbox::gatekeeper::replies;
use crate::sandbox::gatekeeper::resumption::NotFound;
use crate::sandbox::gatekeeper::routing::Binding;
use crate::sandbox::random;
use crate::sandbox::token::seconds_since_epoch;
use crate::stanza::namespace::{BIND, BIND_2, CLIENT, STREAM_MANAGEMENT};
use crate::stanza::{Condition, Jid};

/// A session that can be served.
pub(super) struct Established {
    pub session: Claimable,
    /// What the client is told first.
    pub greeting: Vec<Vec<u8>>,
}

/// A session that was taken over.
struct Resumed {
    session: Claimable,
    answer: String,
    full_jid: String,
    unacknowledged: Vec<Vec<u8>>,
}

/// A session with a new resource.
struct NewlyBound {
    session: Claimable,
    full_jid: String,
}

impl Session {
    /// Waits until the client binds a resource (RFC 6120, section 7) or resumes a session (XEP-0198, section 5). Nothing
    /// else makes sense before (RFC 6120, section 7.1).
    pub(super) async fn establish(&mut self, account: &str) -> Result<Established, Ending> {
        loop {
            let root = self.next_stanza().await?.root;
            let answer = if root.is(STREAM_MANAGEMENT, "resume") {
                match self.resume(&root, account).await? {
                    Ok(resumed) => {
                        let mut greeting = vec![resumed.answer.into_bytes()];
                        greeting.extend(resumed.unacknowledged);
                        return Ok(Established { session: resumed.session, greeting });
                    }
                    Err(failed) => failed,
                }
            } else if root.is(STREAM_MANAGEMENT, "enable") {
                replies::failed("unexpected-request", None)
            } else {
                match self.bind(&root, account)? {
                    Ok(NewlyBound { session, full_jid }) => {
                        let greeting = vec![replies::bound(&root, &full_jid).into_bytes()];
                        return Ok(Established { session, greeting });
                    }
                    Err(error) => error,
                }
            };
            self.connection.send(answer.as_bytes()).await?;
        }
    }

    /// Does what the client has asked for along with its authentication, and tells it of its success (XEP-0388, section
    /// 2.6.1). `None` if that has led to no resource: the client may still ask for one.
    pub(super) async fn establish_at_once(
        &mut self,
        authenticated: &Authenticated,
    ) -> Result<Option<Established>, Ending> {
        let Authenticated { request, .. } = authenticated;
        let account = authenticated.account();
        let token = self.grant_token(authenticated)?;
        let success = |jid: &str, answers: &[&str]| {
            let answers = answers.concat() + &token;
            replies::success(jid, &authenticated.additional(), &answers).into_bytes()
        };
        // What is resumed is bound already (XEP-0386, section 3.2).
        let failed = match request.child(STREAM_MANAGEMENT, "resume") {
            Some(resume) => match self.resume(resume, account).await? {
                Ok(Resumed { session, answer, full_jid, unacknowledged }) => {
                    let success = success(&full_jid, &[&answer]);
                    let mut greeting = vec![success, replies::established(true).into_bytes()];
                    greeting.extend(unacknowledged);
                    return Ok(Some(Established { session, greeting }));
                }
                Err(failed) => failed,
            },
            None => String::new(),
        };
        if let Some((NewlyBound { session, full_jid }, answer)) = self.bind_at_once(authenticated)? {
            let features = replies::established(session.bound.management.is_some());
            let greeting = vec![success(&full_jid, &[&failed, &answer]), features.into_bytes()];
            return Ok(Some(Established { session, greeting }));
        }
        self.connection.send(&success(&self.shared.bare_jid(account), &[&failed])).await?;
        self.connection.send(replies::binding().as_bytes()).await?;
        Ok(None)
    }

    /// The token of FAST that the client gets, if any, as XML.
    fn grant_token(&self, authenticated: &Authenticated) -> Result<String, Ending> {
        let Some(client) = authenticated.user_agent() else { return Ok(String::new()) };
        let (account, credential) = (authenticated.account(), &authenticated.proven.credential);
        let now = seconds_since_epoch(SystemTime::now());
        let tokens = &self.shared.tokens;
        let Some(granted) = tokens.settle(account, client, credential, authenticated.wish(), now)? else {
            return Ok(String::new());
        };
        // Who opts out has the tokens forgotten that were given; one that is given only then has to be forgotten here.
        if !self.shared.exists(account) {
            tokens.forget(account);
            return Err(Ending::Error(Condition::NotAuthorized));
        }
        Ok(replies::token(&granted))
    }

    /// Binds as a request asks for. Otherwise returns the error that it is answered, if it is no good one or the account
    /// has too many; the client, which knows, may try again (RFC 6120, sections 7.7.2.1 and 7.6.2.1).
    fn bind(&mut self, root: &Element, account: &str) -> Result<Result<NewlyBound, String>, Ending> {
        // An answer is never answered (RFC 6120, sections 8.2.3 and 8.3.1).
        let is_answer = matches!(root.attribute("type"), Some("error" | "result"));
        let request = root.child(BIND, "bind").filter(|_| root.is(CLIENT, "iq") && !is_answer);
        let request = request.ok_or(Ending::Error(Condition::NotAuthorized))?;
        let wish = request.child(BIND, "resource").map(|resource| resource.text.clone());
        let wish = wish.filter(|resource| !resource.is_empty());
        let is_possible = |resource: &String| self.can_be_bound(account, resource);
        if root.attribute("type") != Some("set") || !wish.iter().all(is_possible) {
            return Ok(Err(replies::error(root, "modify", "bad-request")));
        }
        let bound = self.bind_resource(request, account, wish)?;
        Ok(bound.ok_or_else(|| replies::error(root, "wait", "resource-constraint")))
    }

    /// Binds along with SASL2 if that is asked for, and turns stream management on if that is, too. Returns the answer as
    /// well; `None` if nothing is asked for, or the account has too many resources.
    fn bind_at_once(
        &mut self,
        authenticated: &Authenticated,
    ) -> Result<Option<(NewlyBound, String)>, Ending> {
        let account = authenticated.account();
        let Some(request) = authenticated.request.child(BIND_2, "bind") else { return Ok(None) };
        // The client's word stands before what makes the resource unique (XEP-0386, section 3.2.1), if it can.
        let tag = request.child(BIND_2, "tag").map(|tag| tag.text.as_str()).filter(|tag| !tag.is_empty());
        let token = random::token()?;
        let wish = tag.map(|tag| format!("{tag}/{token}"));
        let wish = wish.filter(|resource| self.can_be_bound(account, resource));
        let Some(mut bound) = self.bind_resource(request, account, wish)? else { return Ok(None) };
        if let Some(client) = authenticated.user_agent() {
            self.shared.router.replace(&bound.session.bound.binding, client);
        }
        let answer = match request.child(STREAM_MANAGEMENT, "enable") {
            Some(enable) => self.enable(enable, &mut bound.session.bound)?,
            None => String::new(),
        };
        Ok(Some((bound, replies::bound_inline(&answer))))
    }

    fn can_be_bound(&self, account: &str, resource: &str) -> bool {
        Jid::parse(&format!("{}/{resource}", self.shared.bare_jid(account))).is_ok()
    }

    /// `None` if the account has too many.
    fn bind_resource(
        &mut self,
        request: &Element,
        account: &str,
        wish: Option<String>,
    ) -> Result<Option<NewlyBound>, Ending> {
        let Ok(binding) = self.shared.router.bind(account, wish, random::token()?) else { return Ok(None) };
        // Who opts out has the sessions ended that are bound; one that is bound only then has to end itself.
        if !self.shared.exists(account) {
            return Err(Ending::Error(Condition::NotAuthorized));
        }
        self.shared.learn(self.record, &binding, request, Carrier::Bind);
        let full_jid = self.note_binding(&binding);
        Ok(Some(NewlyBound { session: Claimable::new(binding, self.shared.clone()), full_jid }))
    }

    /// Takes over a session of the same account, with all that its client has not acknowledged (XEP-0198, section 5).
    /// Otherwise returns the answer that it is not possible; the client, which knows, may bind instead.
    async fn resume(&mut self, request: &Element, account: &str) -> Result<Result<Resumed, String>, Ending> {
        let (Some(id), Some(handled)) = (request.attribute("previd"), serving::count(request)) else {
            return Ok(Err(replies::failed("bad-request", None)));
        };
        let mut session = match self.shared.resumptions.claim(account, id).await {
            Ok(session) => session,
            Err(NotFound { handled }) => return Ok(Err(replies::failed("item-not-found", handled))),
        };
        // It has stayed where opting out ends it; here it is only not greeted any more.
        if !self.shared.exists(account) {
            return Err(Ending::Error(Condition::NotAuthorized));
        }
        self.shared.waking.arrived(account);
        // Only where it is enabled has a session an identifier.
        let management = session.bound.management.get_or_insert_default();
        management.acknowledge(handled)?;
        management.forget_question();
        let answer = replies::resumed(id, management.handled());
        let unacknowledged = management.unacknowledged().map(|kept| kept.stanza.clone()).collect();
        let full_jid = self.note_binding(&session.bound.binding);
        Ok(Ok(Resumed { session, answer, full_jid, unacknowledged }))
    }

    fn note_binding(&self, binding: &Binding) -> String {
        let full_jid = self.shared.full_jid(binding);
        self.shared.records.update(self.record, |record| {
            record.full_jid = Some(full_jid.clone());
            record.traffic = binding.traffic.clone();
        });
        full_jid
    }
}
