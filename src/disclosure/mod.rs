//! The metadata policy: which observations may be written down, by whom, in which form. Deny by default.

pub mod document;   // the YAML of policies/metadata/*.yaml as written
mod field;
mod policy;
mod pseudonym;

pub use field::{Class, Event, Field, Observation, Value};
pub use policy::{Access, Disclosed, DisclosurePolicy, Interest, Sink};
pub use pseudonym::PseudonymKeys;

// Sketch of what session/ and proxy call:
//
// pub enum Event { SessionEnd, ConnectionRefused (before a session: TLS failure, header refused) ... }  closed
// pub enum Value<'a> { Time(SystemTime), ClientAddress(IpAddr), ClientPort(u16), Host(&'a str), Account(&'a str),
//     Resource(&'a str), TlsVersion(&'static str), Duration(Duration), BytesFromClient(u64), BytesFromGatekeeper(u64),
//     StanzasFromClient(u64), StanzasFromGatekeeper(u64), EndReason(&'static str), ErrorKind(&'static str), Sni(&'a str), ...}
//     with fn field(&self) -> Field: the observation cannot pair a field with a wrong type. Debug hand-written.
// pub struct Observation<'a> { event, values }     no Debug of values, no Display, no Serialize
// DisclosurePolicy::interest(&self) -> Interest    bit mask: (event, field) anybody may see; what is not in it is never built
// DisclosurePolicy::disclose::<Access>(&self, &Observation, &PseudonymKeys, now) -> Option<Disclosed<Access>>
// Disclosed<S>: private fields, no public constructor; telemetry::AccessLog::write(&self, Disclosed<Access>)
