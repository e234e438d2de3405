//! The process's own log: the only place that calls `tracing`.
//!
//! A [`Diagnostic`] is one of a closed list and holds words from closed lists, numbers of our own, configured addresses
//! and a session's random id: nothing that a peer chose can be put into one. Who sets up a subscriber should let only
//! [`TARGET`] through: what libraries log is not held to this.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use tracing::{debug, error, info, warn};

use super::metrics::{ConnectResult, ConnectionRefusal, EndReason, HandshakeResult, Label};
use crate::disclosure::SessionId;
use crate::relay::Side;

/// The target of every line.
pub const TARGET: &str = "vestibule";

/// Something to tell whoever runs the process.
#[derive(Clone, Copy, Debug)]
pub enum Diagnostic {
    Starting,
    /// Clients can connect to this address of ours.
    Listening {
        address: SocketAddr,
    },
    /// The admin server answers at this address of ours.
    AdminListening {
        address: SocketAddr,
    },
    Draining,
    Stopped,
    /// The system gave us no connection, for instance because no file descriptors are left.
    AcceptFailed {
        kind: ErrorKind,
    },
    /// Lines of the access log are being lost; told when it begins.
    AccessLogFailed {
        kind: ErrorKind,
    },
    ConnectionRefused {
        reason: ConnectionRefusal,
    },
    HandshakeFailed {
        result: HandshakeResult,
    },
    /// The gatekeeper was not reached.
    ConnectFailed {
        session: SessionId,
        result: ConnectResult,
    },
    /// A stream was refused; `kind` is the refusal's name from its module's closed list.
    StreamRefused {
        session: SessionId,
        side: Side,
        kind: &'static str,
    },
    SessionEnded {
        session: SessionId,
        reason: EndReason,
    },
    /// A task ended by a panic. The panic hook has told where.
    TaskPanicked,
}

impl Diagnostic {
    /// Writes the line. What happens for each connection is told at the level `debug`.
    pub fn report(self) {
        match self {
            Self::Starting => info!(target: TARGET, version = env!("CARGO_PKG_VERSION"), "starting"),
            Self::Listening { address } => info!(target: TARGET, %address, "listening"),
            Self::AdminListening { address } => info!(target: TARGET, %address, "admin server listening"),
            Self::Draining => info!(target: TARGET, "draining"),
            Self::Stopped => info!(target: TARGET, "stopped"),
            Self::AcceptFailed { kind } => warn!(target: TARGET, %kind, "cannot accept connections"),
            Self::AccessLogFailed { kind } => error!(target: TARGET, %kind, "cannot write the access log"),
            Self::TaskPanicked => error!(target: TARGET, "a task panicked"),
            Self::ConnectionRefused { reason } => {
                debug!(target: TARGET, reason = reason.name(), "connection refused");
            }
            Self::HandshakeFailed { result } => {
                debug!(target: TARGET, result = result.name(), "TLS handshake failed");
            }
            Self::ConnectFailed { session, result } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, result = result.name(), "gatekeeper not reached");
            }
            Self::StreamRefused { session, side, kind } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, side = side.name(), kind, "stream refused");
            }
            Self::SessionEnded { session, reason } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, reason = reason.name(), "session ended");
            }
        }
    }
}

/// A session's id as this log shows it. Other sinks show ids derived from it with keys, so lines cannot be joined.
struct Hex(SessionId);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(*self.0.as_bytes()))
    }
}
