//! XMPP addresses (RFC 7622), read where they stand. Nothing is normalised: Vestibule compares no two accounts, the
//! gatekeeper does.

use std::fmt;

/// Bytes that each part of a JID may have at most (RFC 7622, 3.1).
const LARGEST_PART: usize = 1023;

/// `local@domain/resource`, borrowed from where it stood. Each part that is there has 1 to 1,023 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Jid<'a> {
    text: &'a str,
    /// Where the domain starts, after the `@` if there is one.
    domain_start: usize,
    /// Where the domain ends, before the `/` if there is one.
    domain_end: usize,
}

/// Why a text is not a JID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    #[error("the part before the @ is empty")]
    EmptyLocal,
    #[error("the domain is empty")]
    EmptyDomain,
    #[error("the resource is empty")]
    EmptyResource,
    #[error("a part is longer than 1023 bytes")]
    PartTooLong,
    #[error("a character is not allowed where it stands")]
    ForbiddenCharacter,
}

impl<'a> Jid<'a> {
    /// Splits at the first `/`, then at the first `@` before it (RFC 7622, 3.1).
    pub fn parse(text: &'a str) -> Result<Self, JidError> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        check_part(domain, JidError::EmptyDomain)?;
        local.map_or(Ok(()), |local| check_part(local, JidError::EmptyLocal))?;
        resource.map_or(Ok(()), |resource| check_part(resource, JidError::EmptyResource))?;
        if local.is_some_and(|local| local.contains(is_forbidden_in_local))
            || domain.contains(is_forbidden_in_domain)
        {
            return Err(JidError::ForbiddenCharacter);
        }
        Ok(Self { text, domain_start: bare.len() - domain.len(), domain_end: bare.len() })
    }

    pub fn local(&self) -> Option<&'a str> {
        self.text[..self.domain_start].strip_suffix('@')
    }

    pub fn domain(&self) -> &'a str {
        &self.text[self.domain_start..self.domain_end]
    }

    pub fn resource(&self) -> Option<&'a str> {
        self.text[self.domain_end..].strip_prefix('/')
    }

    /// The address without its resource.
    pub fn bare(&self) -> &'a str {
        &self.text[..self.domain_end]
    }
}

impl fmt::Debug for Jid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jid({} bytes)", self.text.len())
    }
}

fn check_part(part: &str, empty: JidError) -> Result<(), JidError> {
    match part.len() {
        0 => Err(empty),
        1..=LARGEST_PART => Ok(()),
        _ => Err(JidError::PartTooLong),
    }
}

/// RFC 7622, 3.3.1; `@` and `/` cannot occur, as the address was split there.
fn is_forbidden_in_local(character: char) -> bool {
    matches!(character, '"' | '&' | '\'' | ':' | '<' | '>')
        || character.is_whitespace()
        || character.is_control()
}

/// No domain name or address literal holds any of these (RFC 7622, 3.2).
fn is_forbidden_in_domain(character: char) -> bool {
    character == '@' || character.is_whitespace() || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str, Option<&str>) {
        let jid = Jid::parse(text).expect("a JID");
        (jid.local(), jid.domain(), jid.resource())
    }

    #[test]
    fn an_address_has_the_parts_of_rfc_7622() {
        assert_eq!(parts("juliet@example.com/balcony"), (Some("juliet"), "example.com", Some("balcony")));
        assert_eq!(parts("example.com"), (None, "example.com", None));
        assert_eq!(parts("example.com/a@b/c"), (None, "example.com", Some("a@b/c")));
        assert_eq!(parts("ѐ@[::1]/ "), (Some("ѐ"), "[::1]", Some(" ")));
        assert_eq!(Jid::parse("a@b/c").expect("a JID").bare(), "a@b");
    }

    #[test]
    fn what_is_not_an_address_says_why() {
        let long = "x".repeat(1024);
        for (text, error) in [
            ("", JidError::EmptyDomain),
            ("@example.com", JidError::EmptyLocal),
            ("a@", JidError::EmptyDomain),
            ("/r", JidError::EmptyDomain),
            ("a@b/", JidError::EmptyResource),
            ("a@b@c", JidError::ForbiddenCharacter),
            ("a b@c", JidError::ForbiddenCharacter),
            ("a\"@c", JidError::ForbiddenCharacter),
            (long.as_str(), JidError::PartTooLong),
        ] {
            assert_eq!(Jid::parse(text), Err(error));
        }
    }

    #[test]
    fn a_part_of_1023_bytes_is_allowed() {
        assert!(Jid::parse(&format!("a@b/{}", "x".repeat(1023))).is_ok());
    }

    #[test]
    fn debug_does_not_show_the_address() {
        assert_eq!(format!("{:?}", Jid::parse("juliet@example.com").expect("a JID")), "Jid(18 bytes)");
    }
}
