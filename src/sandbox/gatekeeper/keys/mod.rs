//! The keys by which clients encrypt for each other: published by devices, given out to whoever wants to write to them.
//!
//! The gatekeeper looks at their form alone: whoever is given keys verifies that the device has signed them. It cannot
//! read what is encrypted with them. The requests are the sandbox's own choice (`docs/interop.md`).

mod directory;

pub(super) use self::directory::Directory;

use self::directory::DirectoryError;
use super::requests::Failure;
use super::routing::Binding;
use super::{Shared, replies};
use crate::sandbox::element::Element;
use crate::sandbox::encryption::{Publication, PublicationError, read_ids, write_devices, write_offers};
use crate::stanza::namespace::ENCRYPTION;

const BAD_REQUEST: Failure = ("modify", "bad-request");
const NOT_FOUND: Failure = ("cancel", "item-not-found");
const FORBIDDEN: Failure = ("auth", "forbidden");
const UNKNOWN: Failure = ("cancel", "service-unavailable");

/// Whether this is a request about keys.
pub(super) fn is_about_keys(iq: &Element) -> bool {
    let asks = matches!(iq.attribute("type"), Some("get" | "set"));
    asks && iq.children.first().is_some_and(|content| content.namespace == ENCRYPTION)
}

impl Shared {
    /// Answers a request about the keys of an account.
    pub(super) fn answer_about_keys(&self, iq: &Element, account: &str, binding: &Binding) -> String {
        match self.about_keys(iq, account, binding) {
            Ok(content) => replies::result(iq, &content),
            Err((type_, condition)) => replies::error(iq, type_, condition),
        }
    }

    fn about_keys(&self, iq: &Element, account: &str, binding: &Binding) -> Result<String, Failure> {
        let [content] = iq.children.as_slice() else { return Err(BAD_REQUEST) };
        if !self.exists(account) {
            return Err(UNKNOWN);
        }
        let is_own = account == binding.account;
        match (iq.attribute("type"), content.name.as_str()) {
            (Some("get"), "devices") => Ok(write_devices(&self.keys.devices(account))),
            (Some("set"), "take") => {
                let taken = self.keys.take(account, &read_ids(content)?);
                Ok(write_offers(&taken.ok_or(NOT_FOUND)?))
            }
            (Some("get"), "left") | (Some("set"), "publish" | "remove") if !is_own => Err(FORBIDDEN),
            (Some("get"), "left") => {
                let [device] = read_ids(content)?.try_into().map_err(|_| BAD_REQUEST)?;
                Ok(left(self.keys.left(account, &device).ok_or(NOT_FOUND)?))
            }
            (Some("set"), "publish") => {
                let published = self.keys.publish(account, Publication::read(content)?)?;
                self.drop_if_gone(account);
                Ok(left(published))
            }
            (Some("set"), "remove") => {
                let removed = self.keys.remove(account, &read_ids(content)?);
                if removed { Ok(String::new()) } else { Err(NOT_FOUND) }
            }
            _ => Err(BAD_REQUEST),
        }
    }
}

/// How many one-time keys of a device are left.
fn left(one_time: usize) -> String {
    format!("<left xmlns='{ENCRYPTION}' one-time='{one_time}'/>")
}

impl From<PublicationError> for Failure {
    fn from(error: PublicationError) -> Self {
        match error {
            PublicationError::Malformed | PublicationError::Twice => BAD_REQUEST,
            PublicationError::TooMany => ("modify", "not-acceptable"),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::TooManyKeys => ("modify", "not-acceptable"),
            DirectoryError::TooManyDevices | DirectoryError::Full => ("wait", "resource-constraint"),
        }
    }
}
