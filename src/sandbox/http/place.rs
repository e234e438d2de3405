//! Where a party's HTTP interface is found.

use reqwest::Url;

/// Where a provider says what it can be asked where, below its issuer (OpenID Connect Discovery 1.0, section 4).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

/// The URL behind which paths can be put: `https`, as it would be written again, without a slash at its end.
pub fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.query().is_none() && url.fragment().is_none() && !has_credentials(&url);
    // An issuer is compared as it is written (OpenID Connect Discovery 1.0, section 4.3).
    let is_as_written = url.as_str().trim_end_matches('/') == text;
    (url.scheme() == "https" && is_bare && is_as_written).then_some(url)
}

/// Whether a URL says who asks, which is never written into one here.
pub fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_https_url_to_build_on_is_a_base() {
        for right in ["https://a.example", "https://a.example/tenant", "https://127.0.0.1:8443"] {
            assert!(base_url(right).is_some(), "{right}");
        }
        let no_url = ["", "a", "https://", "https:///", "//a.example", "http://a.example"];
        let more =
            ["https://a.example/", "https://a.example?b", "https://a.example#b", "https://b@a.example"];
        let otherwise = ["https://A.example", "https://a.example:443", "https://a.example/b/../c"];
        for wrong in no_url.into_iter().chain(more).chain(otherwise) {
            assert!(base_url(wrong).is_none(), "{wrong}");
        }
    }
}
