//! What is asked of groups: to be created, listed, joined and left, and to have others in.

use std::sync::Arc;

use super::register::{GroupError, Seen, Standing};
use crate::sandbox::element::{Element, escape};
use crate::sandbox::gatekeeper::routing::Binding;
use crate::sandbox::gatekeeper::{Shared, replies};
use crate::sandbox::groups::{self, NAMESPACE};
use crate::sandbox::random;
use crate::stanza::Jid;
use crate::stanza::namespace::DISCO_INFO;

/// Why a request fails: the error's type and condition.
type Failure = (&'static str, &'static str);

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Unknown => ("cancel", "item-not-found"),
            GroupError::Full => ("wait", "resource-constraint"),
        }
    }
}

impl Shared {
    /// Answers what is asked of one group, or of all if none is named; an answer gets none.
    pub(in crate::sandbox::gatekeeper) fn take_group_request(
        self: &Arc<Self>,
        iq: &Element,
        group: Option<&str>,
        Binding { account, .. }: &Binding,
    ) -> Option<String> {
        let asked = iq.children.first();
        let answered = match (iq.attribute("type"), asked) {
            (Some("result" | "error"), _) => return None,
            (Some("get"), Some(asked)) => self.look_up(asked, group, account),
            (Some("set"), Some(asked)) => {
                let changed = self.change(asked, group, account);
                // Who has opted out meanwhile has left all groups, and is not to be in this one.
                self.drop_if_gone(account);
                changed
            }
            _ => Err(("modify", "bad-request")),
        };
        Some(match answered {
            Ok(content) => replies::result(iq, &content),
            Err((type_, condition)) => replies::error(iq, type_, condition),
        })
    }

    fn look_up(&self, asked: &Element, group: Option<&str>, account: &str) -> Result<String, Failure> {
        match (asked.namespace.as_str(), asked.name.as_str(), group) {
            (NAMESPACE, "groups", None) => {
                let listed: String =
                    self.groups.of(account).iter().map(|seen| self.shown_group(seen)).collect();
                Ok(format!("<groups xmlns='{NAMESPACE}'>{listed}</groups>"))
            }
            (NAMESPACE, "members", Some(id)) => {
                let people = self.groups.people(id, account)?;
                let listed: String =
                    people.iter().map(|(account, standing)| self.shown_person(account, *standing)).collect();
                Ok(format!("<members xmlns='{NAMESPACE}'>{listed}</members>"))
            }
            (DISCO_INFO, _, None) if asked.attribute("node").is_none() => Ok(format!(
                "<query xmlns='{DISCO_INFO}'><identity category='conference' type='text'/>\
                 <feature var='{DISCO_INFO}'/><feature var='{NAMESPACE}'/></query>"
            )),
            (NAMESPACE, ..) => Err(("modify", "bad-request")),
            _ => Err(("cancel", "service-unavailable")),
        }
    }

    fn change(
        self: &Arc<Self>,
        asked: &Element,
        group: Option<&str>,
        account: &str,
    ) -> Result<String, Failure> {
        if asked.namespace != NAMESPACE {
            return Err(("cancel", "service-unavailable"));
        }
        match (asked.name.as_str(), group) {
            ("create", None) => self.create_group(asked, account),
            ("invite", Some(id)) => self.invite(asked, id, account).map(|()| String::new()),
            ("join", Some(id)) => {
                let others = self.groups.join(id, account)?;
                self.tell_members(id, others.unwrap_or_default(), "joined", account);
                Ok(String::new())
            }
            ("leave", Some(id)) => {
                let left = self.groups.leave(id, account)?;
                self.tell_members(id, left, "left", account);
                Ok(String::new())
            }
            _ => Err(("modify", "bad-request")),
        }
    }

    fn create_group(&self, asked: &Element, account: &str) -> Result<String, Failure> {
        let name = asked.attribute("name").filter(|name| groups::is_name(name));
        let name = name.ok_or(("modify", "bad-request"))?;
        let id = random::token().map_err(|_| ("wait", "internal-server-error"))?;
        self.groups.create(id.clone(), name, account)?;
        Ok(self.shown_group(&Seen { id, name: name.to_owned(), standing: Standing::Member }))
    }

    fn invite(self: &Arc<Self>, asked: &Element, id: &str, account: &str) -> Result<(), Failure> {
        let jid = asked.attribute("jid").ok_or(("modify", "bad-request"))?;
        let jid = Jid::parse(jid).map_err(|_| ("modify", "jid-malformed"))?;
        let whom = jid.local().filter(|_| jid.domain().eq_ignore_ascii_case(&self.host));
        let whom = whom.filter(|whom| self.exists(whom));
        // Who is no member does not learn who has an account either.
        self.groups.receivers(id, account)?;
        let whom = whom.ok_or(("cancel", "item-not-found"))?;
        if let Some(name) = self.groups.invite(id, account, whom)? {
            self.tell_invitation(id, &name, account, whom);
        }
        self.drop_if_gone(whom);
        Ok(())
    }

    /// A group's address.
    pub(super) fn group_jid(&self, id: &str) -> String {
        format!("{id}@{}", groups::domain(&self.host))
    }

    fn shown_group(&self, Seen { id, name, standing }: &Seen) -> String {
        let (jid, name, standing) = (self.group_jid(id), escape(name), standing.name());
        format!("<group xmlns='{NAMESPACE}' jid='{jid}' name='{name}' standing='{standing}'/>")
    }

    fn shown_person(&self, account: &str, standing: Standing) -> String {
        let jid = self.bare_jid(account);
        format!("<member jid='{}' standing='{}'/>", escape(&jid), standing.name())
    }
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Invited => "invited",
        }
    }
}
