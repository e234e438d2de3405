//! How far a session has come, and what may stand at depth 1 of the streams meanwhile.
//!
//! ```text
//!         client's header                   <success/> passed
//!  Header --------------> Authentication --------------------> Restart
//!                          ^   |  ^   |                           |
//!                          +---+  |   | <authenticate/>           | client's new header
//!                     <failure/>  |   v                           v
//!                                 +- Sasl2 -------------------> Unbound
//!                                       |       <success/>        |
//!                                       |                         | bind result, or <resumed/>
//!                                       +-------------> Bound <---+
//!                                          <success/> with <bound/> or <resumed/>
//! ```

use crate::stanza::Name;

use super::{Failure, Side};

/// What is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The client's stream header.
    Header,
    /// The end of SASL (RFC 6120, 6), or the beginning of SASL2.
    Authentication,
    /// The end of SASL2, with the tasks that it may consist of (XEP-0388). No new epoch follows it.
    Sasl2,
    /// The client's header of the second epoch (RFC 6120, 6.4.6). The gatekeeper has nothing to say before it.
    Restart,
    /// A bound resource (RFC 6120, 7) or a resumed session (XEP-0198, 5).
    Unbound,
    /// The end of the session.
    Bound,
}

/// What kind of top-level element it is, as far as the phases tell elements apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// `<message/>` and `<presence/>`.
    Stanza,
    /// `<iq/>`, which also binds.
    Query,
    Features,
    Error,
    /// What a client says in SASL, and what a server says.
    SaslClient,
    SaslServer,
    /// SASL2: what begins it, what a client says then, what a server says, and what both may say.
    Sasl2Begin,
    Sasl2Client,
    Sasl2Server,
    Sasl2Both,
    /// Stream management: requests and answers of a client, answers of a server, and what both may say.
    ManagementClient,
    ManagementServer,
    ManagementBoth,
    /// Client state indication (XEP-0352).
    ClientState,
    Other,
}

impl Phase {
    /// Whether the frame `name` may come from `side` now. `asked`: the client has asked to be bound or resumed, and may
    /// send ahead of the answer.
    pub fn admit(self, side: Side, name: Option<Name>, asked: bool) -> Result<(), Failure> {
        let group = name.map_or(Group::Other, Group::of);
        let allowed = match side {
            Side::Downstream => self.admits_from_client(group, asked),
            Side::Upstream => self.admits_from_gatekeeper(group),
        };
        match (allowed, group) {
            (true, _) => Ok(()),
            (false, Group::Stanza | Group::Query) if self < Phase::Bound => Err(Failure::NotAuthorized),
            (false, _) => Err(Failure::UnsupportedElement),
        }
    }

    fn admits_from_client(self, group: Group, asked: bool) -> bool {
        match self {
            Phase::Header | Phase::Restart => false,
            Phase::Authentication => matches!(group, Group::SaslClient | Group::Sasl2Begin),
            Phase::Sasl2 => matches!(group, Group::Sasl2Client | Group::Sasl2Both),
            Phase::Unbound => match group {
                Group::Query | Group::ManagementClient | Group::ManagementBoth | Group::ClientState => true,
                Group::Stanza => asked,
                _ => false,
            },
            Phase::Bound => matches!(
                group,
                Group::Stanza
                    | Group::Query
                    | Group::ManagementClient
                    | Group::ManagementBoth
                    | Group::ClientState
            ),
        }
    }

    fn admits_from_gatekeeper(self, group: Group) -> bool {
        match self {
            // Only a stream header can come then.
            Phase::Header | Phase::Restart => false,
            Phase::Authentication => matches!(group, Group::Features | Group::Error | Group::SaslServer),
            // Features: the client may send ahead of those before SASL2.
            Phase::Sasl2 => {
                matches!(group, Group::Features | Group::Error | Group::Sasl2Server | Group::Sasl2Both)
            }
            Phase::Unbound => matches!(
                group,
                Group::Features
                    | Group::Error
                    | Group::Query
                    | Group::ManagementServer
                    | Group::ManagementBoth
            ),
            // Features: those after SASL2 follow a resource that was bound with it (XEP-0388, XEP-0386).
            Phase::Bound => matches!(
                group,
                Group::Features
                    | Group::Error
                    | Group::Stanza
                    | Group::Query
                    | Group::ManagementServer
                    | Group::ManagementBoth
            ),
        }
    }
}

impl Group {
    fn of(name: Name) -> Group {
        match name {
            Name::Message | Name::Presence => Group::Stanza,
            Name::Iq => Group::Query,
            Name::Features => Group::Features,
            Name::StreamError => Group::Error,
            Name::SaslAuth | Name::SaslResponse | Name::SaslAbort => Group::SaslClient,
            Name::SaslChallenge | Name::SaslSuccess | Name::SaslFailure => Group::SaslServer,
            Name::Sasl2Authenticate => Group::Sasl2Begin,
            Name::Sasl2Response | Name::Sasl2Abort | Name::Sasl2Next => Group::Sasl2Client,
            Name::Sasl2Challenge | Name::Sasl2Success | Name::Sasl2Failure | Name::Sasl2Continue => {
                Group::Sasl2Server
            }
            Name::Sasl2TaskData => Group::Sasl2Both,
            Name::SmEnable | Name::SmResume => Group::ManagementClient,
            Name::SmEnabled | Name::SmResumed | Name::SmFailed => Group::ManagementServer,
            Name::SmRequest | Name::SmAnswer => Group::ManagementBoth,
            Name::ClientActive | Name::ClientInactive => Group::ClientState,
            _ => Group::Other,
        }
    }
}
