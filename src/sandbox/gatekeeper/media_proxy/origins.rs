//! Where providers have their media, and what a URL is to be fetched from.

use std::sync::Arc;

use reqwest::Url;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::FetchError;
use crate::sandbox::http::has_credentials;

/// Where a provider has its media.
#[derive(Clone)]
pub struct MediaOrigin {
    /// `https`, a host and a port, as `https://media.provider.example:8443`: these and no others.
    pub url: String,
    /// Whom to trust there.
    pub tls: Arc<ClientConfig>,
}

pub struct Origins(Vec<(Url, Arc<ClientConfig>)>);

/// What is to be fetched, from one of the origins.
pub struct Target {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
    /// As `Host` says it.
    pub authority: String,
    /// With the query.
    pub path: String,
    pub name: ServerName<'static>,
    pub tls: Arc<ClientConfig>,
}

impl Origins {
    /// What is no `https` URL matches nothing.
    pub fn new(origins: Vec<MediaOrigin>) -> Self {
        let known = |MediaOrigin { url, tls }: MediaOrigin| {
            let url = Url::parse(&url).ok().filter(|url| url.scheme() == "https")?;
            let mut tls = Arc::unwrap_or_clone(tls);
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some((url, Arc::new(tls)))
        };
        Self(origins.into_iter().filter_map(known).collect())
    }

    /// What a URL means, if it is of an origin that is known: the same scheme, host and port.
    pub fn target(&self, text: &str) -> Result<Target, FetchError> {
        let url = Url::parse(text).map_err(|_| FetchError::Url)?;
        if has_credentials(&url) || url.fragment().is_some() || url.scheme() != "https" {
            return Err(FetchError::Url);
        }
        let known = self.0.iter().find(|(known, _)| known.origin() == url.origin());
        let (_, tls) = known.ok_or(FetchError::Origin)?;
        let host = url.host_str().ok_or(FetchError::Url)?.trim_matches(['[', ']']).to_owned();
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Target {
            name: ServerName::try_from(host.clone()).map_err(|_| FetchError::Url)?,
            port: url.port_or_known_default().ok_or(FetchError::Url)?,
            authority: url.authority().to_owned(),
            tls: tls.clone(),
            host,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::certificates::Authority;

    fn found(text: &str) -> Result<(String, u16, String), FetchError> {
        let tls = Authority::new("test").unwrap().client_config().unwrap();
        let urls = ["https://media.example", "https://[2a00::1]:8443", "http://plain.example"];
        let origin = |url: &str| MediaOrigin { url: url.to_owned(), tls: tls.clone() };
        let target = Origins::new(urls.map(origin).to_vec()).target(text)?;
        Ok((target.host, target.port, target.path))
    }

    #[test]
    fn a_url_of_a_known_origin_is_taken_apart() {
        let of = |host: &str, port, path: &str| Ok((host.to_owned(), port, path.to_owned()));
        assert_eq!(found("https://media.example/a/b?c=d"), of("media.example", 443, "/a/b?c=d"));
        assert_eq!(found("https://MEDIA.example:443"), of("media.example", 443, "/"));
        assert_eq!(found("https://[2a00::1]:8443/x"), of("2a00::1", 8443, "/x"));
    }

    #[test]
    fn a_url_of_any_other_origin_is_refused() {
        let names =
            ["https://other.example/", "https://media.example.evil.example/", "https://a.media.example/"];
        let ports =
            ["https://media.example:8443/", "https://[2a00::1]/", "https://169.254.169.254/", "https://0/"];
        for other in names.into_iter().chain(ports).chain(["https://media.example./"]) {
            assert_eq!(found(other), Err(FetchError::Origin), "{other}");
        }
    }

    #[test]
    fn what_is_no_https_url_without_extras_is_refused() {
        let schemes =
            ["http://media.example/", "http://plain.example/", "file:///etc/passwd", "data:,a", "/a", ""];
        let extras =
            ["https://a@media.example/", "https://media.example@evil.example/", "https://media.example/#a"];
        for wrong in schemes.into_iter().chain(extras) {
            assert_eq!(found(wrong), Err(FetchError::Url), "{wrong}");
        }
    }
}
