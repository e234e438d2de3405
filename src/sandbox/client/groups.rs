//! Groups as a client speaks of them: what it asks the gatekeeper, and how it writes to all members at once.

use super::{Client, ClientError};
use crate::sandbox::element::{Element, escape};
use crate::sandbox::groups::{self, NAMESPACE};
use crate::stanza::namespace::STANZA_ERRORS;

/// What is asked of a gatekeeper's groups, or of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRequest<'a> {
    /// A new group of this name.
    Create {
        name: &'a str,
    },
    /// The groups that the user is in or invited to.
    List,
    /// Who is in this group.
    Members {
        group: &'a str,
    },
    /// Asks somebody in, by the bare JID.
    Invite {
        group: &'a str,
        whom: &'a str,
    },
    Join {
        group: &'a str,
    },
    Leave {
        group: &'a str,
    },
}

impl GroupRequest<'_> {
    /// The request as a stanza with this id, to the gatekeeper of `host`.
    pub fn stanza(self, id: &str, host: &str) -> String {
        let all = groups::domain(host);
        let (type_, to, name, attribute) = match self {
            Self::Create { name } => ("set", all.as_str(), "create", Some(("name", name))),
            Self::List => ("get", all.as_str(), "groups", None),
            Self::Members { group } => ("get", group, "members", None),
            Self::Invite { group, whom } => ("set", group, "invite", Some(("jid", whom))),
            Self::Join { group } => ("set", group, "join", None),
            Self::Leave { group } => ("set", group, "leave", None),
        };
        let attribute = attribute.map(|(name, value)| format!(" {name}='{}'", escape(value)));
        let attribute = attribute.unwrap_or_default();
        let to = escape(to);
        format!("<iq type='{type_}' id='{id}' to='{to}'><{name} xmlns='{NAMESPACE}'{attribute}/></iq>")
    }
}

/// A message to all members of a group. `content` is XML: what one-to-one messages hold, too.
pub fn group_message(group: &str, id: &str, content: &str) -> String {
    let (group, id) = (escape(group), escape(id));
    format!("<message to='{group}' type='groupchat' id='{id}'>{content}</message>")
}

/// Whether an address is a group's.
pub fn is_group(jid: &str) -> bool {
    crate::stanza::Jid::parse(jid).is_ok_and(|jid| {
        let host = jid.domain().split_once('.').map_or("", |(_, host)| host);
        jid.local().is_some() && groups::is_domain(jid.domain(), host)
    })
}

impl Client {
    /// Asks, and waits for the answer. Other stanzas that come meanwhile are passed over.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the answer is an error; others as for anything that is received.
    pub async fn ask_groups(&mut self, request: GroupRequest<'_>, id: &str) -> Result<Element, ClientError> {
        let stanza = request.stanza(id, &self.host);
        self.send(stanza.as_bytes()).await?;
        let answer = self.receive_where(|stanza| stanza.name == "iq" && stanza.attribute("id") == Some(id));
        let answer = answer.await?.root;
        if answer.attribute("type") == Some("result") {
            return Ok(answer);
        }
        let error = answer.children.iter().find(|child| child.name == "error");
        let condition =
            error.and_then(|error| error.children.iter().find(|child| child.namespace == STANZA_ERRORS));
        let condition = condition.map_or("undefined-condition", |condition| condition.name.as_str());
        Err(ClientError::Refused(condition.to_owned()))
    }

    /// Creates a group. Returns its address.
    pub async fn create_group(&mut self, name: &str) -> Result<String, ClientError> {
        let answer = self.ask_groups(GroupRequest::Create { name }, "create-group").await?;
        let group = answer.child(NAMESPACE, "group").and_then(|group| group.attribute("jid"));
        group.map(str::to_owned).ok_or(ClientError::Unexpected)
    }

    /// Asks somebody into a group, by the bare JID.
    pub async fn invite(&mut self, group: &str, whom: &str) -> Result<(), ClientError> {
        self.ask_groups(GroupRequest::Invite { group, whom }, "invite").await.map(drop)
    }

    /// Joins a group that the user was invited to.
    pub async fn join_group(&mut self, group: &str) -> Result<(), ClientError> {
        self.ask_groups(GroupRequest::Join { group }, "join-group").await.map(drop)
    }

    /// Leaves a group, or declines an invitation.
    pub async fn leave_group(&mut self, group: &str) -> Result<(), ClientError> {
        self.ask_groups(GroupRequest::Leave { group }, "leave-group").await.map(drop)
    }

    /// The bare JIDs of a group's members, and of who is invited.
    pub async fn group_members(&mut self, group: &str) -> Result<Vec<String>, ClientError> {
        let answer = self.ask_groups(GroupRequest::Members { group }, "group-members").await?;
        let listed = answer.child(NAMESPACE, "members").ok_or(ClientError::Unexpected)?;
        Ok(listed.children.iter().filter_map(|member| member.attribute("jid").map(str::to_owned)).collect())
    }

    /// The addresses of the groups that the user is in or invited to.
    pub async fn groups(&mut self) -> Result<Vec<String>, ClientError> {
        let answer = self.ask_groups(GroupRequest::List, "groups").await?;
        let listed = answer.child(NAMESPACE, "groups").ok_or(ClientError::Unexpected)?;
        Ok(listed.children.iter().filter_map(|group| group.attribute("jid").map(str::to_owned)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_what_is_asked_of_whom() {
        let stanza = |request: GroupRequest<'_>| request.stanza("1", "h.example");
        assert_eq!(
            stanza(GroupRequest::Create { name: "<us>" }),
            format!(
                "<iq type='set' id='1' to='groups.h.example'><create xmlns='{NAMESPACE}' name='&lt;us&gt;'/></iq>"
            )
        );
        assert_eq!(
            stanza(GroupRequest::Members { group: "g@groups.h.example" }),
            format!("<iq type='get' id='1' to='g@groups.h.example'><members xmlns='{NAMESPACE}'/></iq>")
        );
    }

    #[test]
    fn a_group_is_known_by_its_address() {
        assert!(is_group("1f@groups.gatekeeper.example"));
        for other in ["groups.gatekeeper.example", "bob@gatekeeper.example", "groups@gatekeeper.example", "@"]
        {
            assert!(!is_group(other), "{other}");
        }
    }
}
