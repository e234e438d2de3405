//! What can be wrong with what a configuration file of the sandbox means. The messages never quote the file, as secrets
//! stand in it.

use crate::policy::Position;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxConfigError {
    #[error("the address at {other} is the same; streams and the API need one each")]
    DuplicateAddress { other: Position },
    #[error("this stands already at {first}; it may stand only once")]
    Duplicate { first: Position },
    #[error("the local part of a JID should stand here, such as `bob`")]
    LocalPart,
    #[error(
        "a visible identifier of at most {most} characters should stand here, such as `alice@provider.example`"
    )]
    VisibleId { most: usize },
    #[error(
        "an https URL without a user, a query, a fragment and a slash at its end should stand here, such as `https://provider.example`"
    )]
    Url,
    #[error("a password of 1 to {most} characters should stand here")]
    Password { most: usize },
    #[error("a secret of {least} to {most} letters, digits and `-._~+/` should stand here")]
    Secret { least: usize, most: usize },
    #[error("a namespace of 1 to {most} bytes should stand here, and none that XMPP has already")]
    Namespace { most: usize },
    #[error("a resource of 1 to {most} bytes should stand here")]
    Resource { most: usize },
    #[error("a time from one second to thirty days should stand here")]
    Time,
    #[error("the certificate and its key cannot be used by TLS, or do not belong together")]
    Identity,
    #[error("no root certificate can be used")]
    Roots,
}
