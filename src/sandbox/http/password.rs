//! Who is asking, by name and password (RFC 7617): a gatekeeper's own users have nothing else to show.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Problem;

/// Of what is shown, in bytes.
const LONGEST: usize = 8192;

/// The name and the password of `Authorization: Basic`.
pub fn name_and_password(headers: &HeaderMap) -> Result<(String, String), Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = value.filter(|value| value.len() <= LONGEST).and_then(decoded);
    shown.ok_or_else(|| Problem::no_credentials().of_password())
}

fn decoded(value: &str) -> Option<(String, String)> {
    let (scheme, shown) = value.split_once(' ')?;
    let bytes = BASE64.decode(shown.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_name_with_a_password_is_taken_from_the_header() {
        let shown = |value: &str| {
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
            name_and_password(&headers).ok()
        };
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        let ann = |password: &str| Some(("ann".to_owned(), password.to_owned()));
        assert_eq!(shown(&basic("ann:a:b")), ann("a:b"));
        assert_eq!(shown(&basic("ann:").replace("Basic", "basic")), ann(""));
        for other in
            ["Basic", "Basic !", "Bearer YTpi", &basic("ann"), &basic(&format!("a:{}", "b".repeat(9000)))]
        {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
