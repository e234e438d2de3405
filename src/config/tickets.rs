//! The keys of TLS session tickets.

use super::document::TicketsDocument;
use super::files::Files;
use super::{ConfigError, ConfigWarning};
use crate::downstream::tickets::{KEY_LENGTH, TicketKey};
use crate::policy::Located;

/// The keys in the files' order. What is wrong with one is noted, and the configuration is refused for it.
pub(super) fn ticket_keys(files: &mut Files, document: &TicketsDocument) -> Vec<TicketKey> {
    let mut keys: Vec<TicketKey> = Vec::new();
    for reference in &document.keys {
        let Some(key) = ticket_key(files, reference) else { continue };
        if keys.iter().any(|other| other.has_name_of(&key)) {
            files.problem(reference.at, &ConfigError::SameTicketKey);
        }
        keys.push(key);
    }
    keys
}

fn ticket_key(files: &mut Files, reference: &Located<String>) -> Option<TicketKey> {
    let (bytes, readable_by_all) = files.secret(reference)?;
    if readable_by_all {
        files.warning(reference.at, &ConfigWarning::TicketKeyReadableByAll);
    }
    let key = TicketKey::new(&bytes);
    if key.is_none() {
        files.problem(reference.at, &ConfigError::TicketKeyLength { expected: KEY_LENGTH });
    }
    key
}
