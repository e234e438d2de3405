//! The gatekeeper's side: endpoints, connecting, STARTTLS, TLS, and what is told of a client's connection. One connection
//! for each client, never pooled.

mod answered;
mod answers;
mod attempt;
mod connect;
mod endpoints;
mod fault;
mod health;
mod memory;
mod news;
mod probe;
mod rank;
mod resolve;
mod search;
mod signals;
mod source;
mod starttls;
pub mod tls;

pub use answered::Answered;
pub use attempt::Attempt;
pub use connect::{
    ConnectError, ConnectRequest, Connected, Gatekeeper, GatekeeperCounts, Transport, UpstreamConfig,
};
pub use endpoints::{Endpoint, Endpoints};
pub use fault::{ConnectionFault, TlsFault};
pub use health::HealthCounts;
pub use news::{EndpointChange, EndpointNews};
pub use probe::{OfferError, ProbedAddress, ProbedEndpoint, Reached, probe};
pub use resolve::{ResolutionError, Resolver, ResolverError};
pub use signals::{Provenance, SignalCarrier, Signals};
