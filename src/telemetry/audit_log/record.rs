//! What the audit log records, and the line of a record.

use std::time::SystemTime;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::head::{Head, parse_hash};
use super::journal::LOG;
use crate::disclosure::{Audit, Disclosed, Statement, Timestamp};
use crate::telemetry::line::render_fields;
use crate::telemetry::log_folder::SegmentName;

/// Something that an auditor has to know.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record<'a> {
    /// The process started.
    Started { version: &'a str },
    /// The process ends in order.
    Stopped,
    /// A policy takes effect right after this record.
    Policy { statement: &'a Statement, replaces: Option<&'a str>, widens: bool },
    /// A policy was refused; `reason` is one of our own words.
    Refused { digest: &'a str, replaces: &'a str, reason: &'static str },
    /// An exception ended by itself.
    ExceptionEnded { sink: &'static str, event: &'static str, fields: &'a [&'static str], reason: &'a str },
    /// The pseudonyms' keys were destroyed and new ones drawn.
    NewPeriod,
}

/// What the audit log records of itself.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum OwnRecord<'a> {
    /// A segment begins: this policy is in force, and was before.
    PolicyInForce { statement: &'a Statement },
    /// The segment is deleted right after this record, as it has reached its retention. The chain of what is left goes
    /// on from `head`, the segment's last record.
    SegmentDeleted { segment: String, head: String },
    /// So many lines of disclosed events are missing.
    Lost { lines: u64 },
}

/// The members of a record's JSON object that are its content, without the braces.
pub(super) struct Content(Vec<u8>);

impl Content {
    /// `None` if it cannot be written as JSON, which no record is.
    pub fn of(record: &impl Serialize) -> Option<Self> {
        let object = serde_json::to_vec(record).ok()?;
        Some(Self(object.strip_prefix(b"{")?.strip_suffix(b"}")?.to_owned()))
    }

    /// A disclosed event. The hash of the record is told outside of the log; `salt` has to be random, so that nobody can
    /// find out by it what the record says, by trying.
    pub fn of_disclosed(disclosed: &Disclosed<Audit>, salt: u128) -> Self {
        let mut content =
            format!("\"kind\":\"event\",\"salt\":\"{salt:032x}\",\"disclosed\":{{").into_bytes();
        render_fields(disclosed, &mut content);
        content.push(b'}');
        Self(content)
    }

    /// The record's line without its line feed. `discarded` bytes were cut off before it, of a line that a crash had
    /// left unfinished.
    pub fn line(&self, sequence: u64, at: SystemTime, previous: &Head, discarded: u64) -> Vec<u8> {
        let (time, previous) = (Timestamp(at), previous.hexadecimal());
        let mut line = format!("{{\"sequence\":{sequence},\"time\":\"{time}\",\"previous\":\"{previous}\",")
            .into_bytes();
        if discarded > 0 {
            line.extend_from_slice(format!("\"discarded\":{discarded},").as_bytes());
        }
        line.extend_from_slice(&self.0);
        line.push(b'}');
        line
    }
}

/// A policy as a record states it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum StatedPolicy {
    Readable(Statement),
    /// In words of another version, which is no fault of the chain.
    Unreadable(IgnoredAny),
}

/// What has to be known of a record to go on with its chain.
pub(super) struct Entry {
    pub sequence: u64,
    pub previous: [u8; 32],
    /// The policy that is in force from here on.
    pub policy: Option<StatedPolicy>,
    /// What was deleted right after this record.
    pub deletion: Option<Deletion>,
}

/// The deletion of a segment.
pub(super) struct Deletion {
    pub segment: SegmentName,
    /// Of the segment, where the chain goes on.
    pub head: Head,
    /// The record's.
    pub time: SystemTime,
}

/// The same as JSON has it. Records may get members that this version does not know.
#[derive(Deserialize)]
struct EntryDocument {
    sequence: u64,
    time: String,
    previous: String,
    kind: String,
    statement: Option<StatedPolicy>,
    segment: Option<String>,
    head: Option<String>,
}

impl Entry {
    /// Reads a record's line without its line feed. `None` if it is none.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let document: EntryDocument = serde_json::from_slice(line).ok()?;
        let deletion = match document.kind.as_str() {
            "segment-deleted" => Some(document.deletion()?),
            _ => None,
        };
        let policy = match (document.kind.as_str(), document.statement) {
            ("policy" | "policy-in-force", statement) => Some(statement?),
            _ => None,
        };
        let previous = parse_hash(&document.previous)?;
        Some(Self { sequence: document.sequence, previous, policy, deletion })
    }
}

impl EntryDocument {
    fn deletion(&self) -> Option<Deletion> {
        Some(Deletion {
            segment: SegmentName::parse(LOG, self.segment.as_deref()?)?,
            head: self.head.as_deref()?.parse().ok()?,
            time: OffsetDateTime::parse(&self.time, &Rfc3339).ok()?.into(),
        })
    }
}
