//! Strings of requests, as long as an interface's description lets them be.

use serde::{Deserialize, Deserializer};

/// A string is not what the description asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the string is too short, too long or of other characters")]
pub struct TextError;

/// A string of 1 to `MOST` characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Text<const MOST: usize>(String);

impl<const MOST: usize> Text<MOST> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MOST: usize> TryFrom<String> for Text<MOST> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        // JSON Schema counts characters, not bytes.
        if (1..=MOST).contains(&text.chars().count()) { Ok(Self(text)) } else { Err(TextError) }
    }
}

/// A key's name by what it is: a SHA-256 hash (RFC 7638) in base64url, which has 43 characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    const LENGTH: usize = 43;

    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        let of_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.len() == Self::LENGTH && text.bytes().all(of_base64url) {
            Ok(Self(text))
        } else {
            Err(TextError)
        }
    }
}

/// Reads a member that may be missing but, unlike what serde makes of an option, may not be `null`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        let text = |text: &str| Text::<2>::try_from(text.to_owned()).is_ok();
        assert!(text("a") && text("äö"));
        assert!(!text("") && !text("abc"));
    }

    #[test]
    fn a_thumbprint_is_base64url_of_its_length() {
        let thumbprint = |text: &str| Thumbprint::try_from(text.to_owned()).is_ok();
        assert!(thumbprint(&"aZ9-_".repeat(9)[..43]));
        for other in ["a".repeat(42), "a".repeat(44), format!("{}=", "a".repeat(42)), "ä".repeat(43)] {
            assert!(!thumbprint(&other), "{other}");
        }
    }

    #[test]
    fn null_is_no_way_to_leave_a_member_out() {
        #[derive(Deserialize)]
        struct Request {
            #[serde(default, deserialize_with = "present")]
            member: Option<Text<9>>,
        }
        let read = |json| serde_json::from_str::<Request>(json).map(|request| request.member.is_some());
        assert!(read(r#"{"member":"a"}"#).unwrap());
        assert!(!read("{}").unwrap());
        assert!(read(r#"{"member":null}"#).is_err());
    }
}
