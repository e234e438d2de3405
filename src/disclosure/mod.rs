//! The metadata policy: what may be written down about a connection or a session, where, why and in which form.
//!
//! Everything that could be written is a [`Value`] of a closed catalogue; an [`Observation`] gathers the values of one
//! event; a [`DisclosurePolicy`] turns it into a [`Disclosed`] for one [`Sink`], which holds what the operator's rule
//! for that sink and event names and nothing else. Without a rule there is no disclosure. Only this module can make a
//! [`Disclosed`], and sinks take nothing else, so that a value which skipped the policy does not compile.
//!
//! ```text
//! Interest --observe--> Observation --DisclosurePolicy::disclose--> Disclosed<Access> --> telemetry::AccessLog
//! ```
//!
//! It does not read streams, write files or draw randomness. The content of a stream (bodies, payloads) and credentials
//! are not in the catalogue: no policy can name them.

pub mod document;

mod action;
mod catalogue;
mod comparison;
mod digest;
mod disclosed;
mod notation;
mod observation;
mod policy;
mod printable;
mod pseudonym;
mod statement;
#[cfg(test)]
mod tests;
mod withheld;
mod wording;

pub use action::{Action, Buckets, Rounding, Truncation};
pub use catalogue::{Class, Event, Field, Form, SessionId, Value};
pub use comparison::{Change, Comparison, Unannounced, compare, may_replace};
pub use digest::Digest;
pub use disclosed::{
    Access, Audit, Diagnostics, Disclosed, DisclosedValue, Gatekeeper, Metrics, Sink, SinkName,
};
pub(crate) use notation::{Range, Timestamp};
pub use observation::{Interest, Observation};
pub use policy::{DisclosurePolicy, Exception, PSEUDONYM_PERIOD, Rule};
pub use printable::is_printable;
pub use pseudonym::{KeyMemory, Pseudonym, PseudonymKeys, SECRET_LENGTH};
pub use statement::{ActionStatement, ExceptionStatement, FieldStatement, RuleStatement, Statement};
pub use withheld::{WITHHELD, Withheld};
pub use wording::{moment, period, visible, visible_lines};
