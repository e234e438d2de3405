//! The access log and the audit log: where they go, and whether that fits what the metadata policy lets into them.

use std::path::PathBuf;
use std::time::Duration;

use super::document::{AccessLogDocument, AccessLogFolderDocument};
use super::files::Files;
use super::{ConfigDocument, ConfigError, ConfigWarning};
use crate::disclosure::{DisclosurePolicy, SinkName};
use crate::policy::{Located, Position};
use crate::telemetry::access_log::FolderConfig;
use crate::telemetry::{AccessLogTarget, AuditLogConfig};

/// With smaller segments a folder would have more files than it is good for.
const SMALLEST_SEGMENT: u64 = 1 << 16;

pub(super) fn access_log(files: &mut Files, document: &AccessLogDocument) -> AccessLogTarget {
    match document {
        AccessLogDocument::Stdout => AccessLogTarget::StandardOutput,
        AccessLogDocument::Journald => AccessLogTarget::Journald,
        AccessLogDocument::Folder(AccessLogFolderDocument { folder, segment_size }) => {
            if segment_size.value.bytes() < SMALLEST_SEGMENT {
                files.problem(segment_size.at, &ConfigError::SmallSegments { minimum: SMALLEST_SEGMENT });
            }
            let (path, segment_size) = (log_folder(files, folder), segment_size.value.bytes());
            AccessLogTarget::Folder(FolderConfig { path, segment_size })
        }
    }
}

/// `policy` is the metadata policy, if it could be loaded.
pub(super) fn audit_log(
    files: &mut Files,
    document: &ConfigDocument,
    policy: Option<&DisclosurePolicy>,
) -> Option<AuditLogConfig> {
    let shortest = policy.and_then(shortest_audit_retention);
    let Some(log) = &document.audit_log else {
        match shortest {
            Some(_) => files.problem(document.metadata.at, &ConfigError::NoAuditLog),
            None => files.warning(Position::START, &ConfigWarning::NoAuditLog),
        }
        return None;
    };
    let retention = log.retention.value.duration();
    if retention.is_zero() {
        files.problem(log.retention.at, &ConfigError::NoTime);
    }
    if let Some(rule) = shortest.filter(|shortest| *shortest < retention) {
        files.problem(log.retention.at, &ConfigError::AuditLogKeptTooLong { rule: rule.as_secs() });
    }
    Some(AuditLogConfig { folder: log_folder(files, &log.folder), retention })
}

fn shortest_audit_retention(policy: &DisclosurePolicy) -> Option<Duration> {
    let rules = policy.rules().filter(|(sink, _, _)| *sink == SinkName::Audit);
    rules.map(|(_, _, rule)| rule.retention).min()
}

/// A folder that a log makes its files in. It is not made itself: a path that was mistyped would go unnoticed.
fn log_folder(files: &mut Files, reference: &Located<String>) -> PathBuf {
    let path = files.path_of(reference);
    if !path.is_dir() {
        files.problem(reference.at, &ConfigError::NoLogFolder);
    }
    path
}
