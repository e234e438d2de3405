//! A policy in words that outlive the program that wrote them: what the audit log keeps of it, what the public report
//! says, and what two policies are compared by.

use serde::{Deserialize, Serialize};

/// What a policy lets out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The policy's digest.
    pub digest: String,
    /// By sink and event.
    pub rules: Vec<RuleStatement>,
    /// Sets of fields that no sink holds together.
    pub never_together: Vec<Vec<String>>,
    /// How long pseudonyms can be linked, in seconds.
    pub pseudonym_period: u64,
}

/// What one sink may see of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleStatement {
    pub sink: String,
    pub event: String,
    pub purpose: String,
    pub basis: String,
    /// In seconds.
    pub retention: u64,
    pub recipients: Vec<String>,
    /// In the catalogue's order.
    pub fields: Vec<FieldStatement>,
    pub exceptions: Vec<ExceptionStatement>,
}

/// A field that is open for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionStatement {
    pub reason: String,
    /// In seconds since 1970-01-01 UTC.
    pub until: u64,
    pub fields: Vec<FieldStatement>,
}

/// A field and the form in which it is let out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldStatement {
    pub field: String,
    pub action: ActionStatement,
}

/// An action that lets something out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionStatement {
    Keep,
    Pseudonym,
    Truncate {
        v4: u8,
        v6: u8,
    },
    /// Bounds: numbers, or milliseconds.
    Bucket(Vec<u64>),
    /// In seconds.
    Round(u64),
}
