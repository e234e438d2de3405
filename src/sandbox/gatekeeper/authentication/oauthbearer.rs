//! The messages of OAUTHBEARER (RFC 7628), as the server reads and writes them.

use serde::Serialize;

use crate::sandbox::gs2::{Gs2Error, Gs2Header};
use crate::sandbox::http::OPENID_CONFIGURATION;

/// Separates the key-value pairs, and alone is what a client answers to a refusal (sections 3.1 and 3.2.3).
const SEPARATOR: char = '\u{1}';
/// More are not looked at. The specification knows seven names.
const MOST_PAIRS: usize = 32;

/// What a client asks for (section 3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Whom the client wants to act as, if it says so.
    pub authorization: Option<String>,
    /// `None` if the client has none, and asks where it could get one (section 4.3).
    pub token: Option<String>,
}

/// Why a message is none of OAUTHBEARER. It never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("{0}")]
    Header(#[from] Gs2Error),
    #[error("the message does not follow RFC 7628, section 3.1")]
    Malformed,
    #[error("the message has no bearer token where RFC 6750 has it")]
    NoBearer,
}

impl Request {
    pub fn read(message: &str) -> Result<Self, MessageError> {
        let (Gs2Header { authorization, .. }, body) = Gs2Header::split(message)?;
        let pairs = body.strip_prefix(SEPARATOR).ok_or(MessageError::Malformed)?;
        // The message ends with two separators: of the last pair, and of the whole.
        let pairs = pairs.strip_suffix([SEPARATOR]).and_then(|pairs| pairs.strip_suffix([SEPARATOR]));
        let pairs = pairs.ok_or(MessageError::Malformed)?;
        if pairs.matches(SEPARATOR).count() >= MOST_PAIRS {
            return Err(MessageError::Malformed);
        }
        let mut credentials = None;
        for pair in pairs.split(SEPARATOR) {
            let (key, value) = pair.split_once('=').ok_or(MessageError::Malformed)?;
            if key == "auth" && credentials.replace(value).is_some() {
                return Err(MessageError::Malformed);
            }
        }
        let token = match credentials.ok_or(MessageError::Malformed)? {
            "" => None,
            credentials => Some(bearer(credentials)?.to_owned()),
        };
        Ok(Self { authorization, token })
    }
}

/// The token of `Bearer token`, whose scheme is case-insensitive (RFC 7628, section 4.1; RFC 9110, section 11.1).
fn bearer(credentials: &str) -> Result<&str, MessageError> {
    let (scheme, token) = credentials.split_once(' ').ok_or(MessageError::NoBearer)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() || token.contains(' ') {
        return Err(MessageError::NoBearer);
    }
    Ok(token)
}

/// Whether this is what a client says to a refusal that it has read.
pub fn is_acknowledgement(message: &str) -> bool {
    message.chars().eq([SEPARATOR])
}

/// What a client is told of a token that opens nothing (section 3.2.2), as JSON.
pub fn refusal(status: &str, issuer: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Refusal<'a> {
        status: &'a str,
        scope: &'static str,
        #[serde(rename = "openid-configuration", skip_serializing_if = "Option::is_none")]
        configuration: Option<String>,
    }
    let configuration =
        issuer.map(|issuer| format!("{}{OPENID_CONFIGURATION}", issuer.trim_end_matches('/')));
    // Strings are all it holds, so that it cannot fail.
    serde_json::to_string(&Refusal { status, scope: "", configuration }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(message: &str) -> Result<Option<String>, MessageError> {
        Request::read(message).map(|request| request.token)
    }

    #[test]
    fn the_request_of_rfc_7628_section_4_1_is_read() {
        let request = Request::read(
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=143\u{1}\
             auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}",
        );
        let request = request.ok().unwrap();
        assert_eq!(request.authorization.as_deref(), Some("user@example.com"));
        assert_eq!(request.token.as_deref(), Some("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="));
    }

    #[test]
    fn the_request_of_rfc_7628_section_4_3_has_no_token() {
        let message = "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=143\u{1}auth=\u{1}\u{1}";
        assert!(matches!(token_of(message), Ok(None)));
    }

    #[test]
    fn unknown_pairs_and_the_case_of_the_scheme_do_not_matter() {
        let message = "n,,\u{1}x=1=2\u{1}auth=bEARER  abc \u{1}y=\u{1}\u{1}";
        assert_eq!(token_of(message).ok().unwrap().as_deref(), Some("abc"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let many = format!("n,,\u{1}{}auth=Bearer a\u{1}\u{1}", "x=y\u{1}".repeat(MOST_PAIRS));
        for message in [
            "n,,",
            "n,,\u{1}",
            "n,,\u{1}\u{1}",
            "n,,auth=Bearer a\u{1}\u{1}",
            "n,,\u{1}auth=Bearer a\u{1}",
            "n,,\u{1}auth=Bearer a\u{1}auth=Bearer a\u{1}\u{1}",
            "n,,\u{1}host=x\u{1}\u{1}",
            "n,,\u{1}auth\u{1}\u{1}",
            &many,
        ] {
            assert_eq!(token_of(message), Err(MessageError::Malformed), "{message:?}");
        }
        for credentials in ["Basic YTpi", "Bearer", "Bearer ", "Bearer a b"] {
            let message = format!("n,,\u{1}auth={credentials}\u{1}\u{1}");
            assert_eq!(token_of(&message), Err(MessageError::NoBearer), "{credentials}");
        }
        assert_eq!(token_of("\u{1}auth=Bearer a\u{1}\u{1}"), Err(Gs2Error::Malformed.into()));
        assert_eq!(token_of("p=x,,\u{1}auth=Bearer a\u{1}\u{1}"), Err(Gs2Error::Unsupported.into()));
    }

    #[test]
    fn a_refusal_names_its_status_and_the_issuers_configuration() {
        assert_eq!(refusal("invalid_token", None), r#"{"status":"invalid_token","scope":""}"#);
        assert_eq!(
            refusal("invalid_token", Some("https://provider.example/")),
            r#"{"status":"invalid_token","scope":"","openid-configuration":"https://provider.example/.well-known/openid-configuration"}"#
        );
    }

    #[test]
    fn only_one_separator_acknowledges_a_refusal() {
        assert!(is_acknowledgement("\u{1}"));
        for other in ["", "\u{1}\u{1}", "n,,"] {
            assert!(!is_acknowledgement(other));
        }
    }
}
