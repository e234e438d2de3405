//! What leaves the process for its operator: the access log, the audit log, the metrics, the admin server and the
//! process's own log.
//!
//! It takes what came from a peer only as a [`Disclosed`](crate::disclosure::Disclosed) of the sink that writes it.
//! Metrics and diagnostics hold words from closed lists, numbers, configured names and random ids; nothing here can
//! stop or slow traffic.

mod accept_failures;
pub mod access_log;
pub mod admin;
pub mod audit_log;
pub mod diagnostics;
pub mod metrics;
pub mod status;

mod line;
mod log_folder;
mod log_thread;
mod queue;
mod shown_path;

pub use accept_failures::AcceptFailures;
pub use access_log::{AccessLog, AccessLogTarget, AccessLogWriter};
pub use admin::Readiness;
pub use audit_log::{AuditLog, AuditLogConfig, AuditLogWriter};
pub use diagnostics::Diagnostic;
pub use metrics::{Metrics, SessionMetrics};
pub use shown_path::ShownPath;
pub use status::{ExceptionStatus, MetadataStatus, Status};
