//! Media on their way between the provider's and the gatekeeper's users, and what can go wrong there.

mod both_ways;
mod hostile;
mod origin;
mod store;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use tokio::net::TcpListener;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{Authorization, Media, ProviderAccount, Source};
use vestibule::sandbox::gatekeeper::{
    self, FetchLimits, Gatekeeper, Listeners, MediaConfig, MediaOrigin, MediaProxyConfig, Resolve, Resolved,
};
use vestibule::sandbox::http::{Caller, Patience};
use vestibule::sandbox::media::Limits;
use vestibule::sandbox::provider::{self, GatekeeperAccess, Provider};

use self::origin::Origin;
use super::fault::Fault;

const HOST: &str = "gatekeeper.example";
const PASSWORD: &str = "secret";
/// Of the blobs that the media proxy fetches, in bytes.
const LARGEST: u64 = 80 << 20;
/// A test of what never comes waits that long for it.
const HASTE: Duration = Duration::from_millis(2000);

/// Alice at the provider, bob at the gatekeeper, and an origin besides that the gatekeeper takes for a provider's.
struct World {
    provider: Provider,
    gatekeeper: Gatekeeper,
    /// Between everybody and the provider.
    to_provider: Fault,
    origin: Origin,
    names: Arc<Names>,
    alice: Media,
    bob: Media,
    caller: Caller,
}

/// What names lead to: what is said next, and this machine when nothing is.
#[derive(Default)]
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn say(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().push_back(addresses);
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolved<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async { Ok(next.unwrap_or_else(|| vec![Ipv4Addr::LOCALHOST.into()])) })
    }
}

/// In no hurry.
fn calm() -> FetchLimits {
    FetchLimits { size: LARGEST, ..FetchLimits::default() }
}

/// With an origin that does not answer given up soon.
fn hasty() -> FetchLimits {
    FetchLimits { first_byte: HASTE, idle: HASTE, ..calm() }
}

impl World {
    async fn start() -> Self {
        Self::start_with(calm(), Limits::default()).await
    }

    async fn start_with(limits: FetchLimits, store: Limits) -> Self {
        let authority = Authority::new("test").unwrap();
        let identity = authority.issue(&[HOST, "localhost", "127.0.0.1", "media.example"]).unwrap();
        let tls = authority.client_config().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to_provider = Fault::before(listener.local_addr().unwrap()).await;
        let issuer = format!("https://localhost:{}", to_provider.address.port());
        let alice = ProviderAccount {
            issuer: issuer.clone(),
            visible_id: "alice@provider.example".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let account =
            provider::Account { visible_id: alice.visible_id.clone(), password: PASSWORD.to_owned() };
        let access = GatekeeperAccess { audience: HOST.to_owned(), credential: PASSWORD.to_owned() };
        let config = provider::Config {
            accounts: vec![account],
            gatekeepers: vec![access],
            media: store,
            ..provider::Config::new(&issuer)
        };
        let provider = Provider::start(config, listener, &identity).unwrap();
        let origin = Origin::start(&identity).await;
        let names = Arc::new(Names::default());
        let origins = [issuer.clone(), origin.url("")].map(|url| MediaOrigin { url, tls: tls.clone() });
        let proxy = MediaProxyConfig {
            origins: origins.to_vec(),
            networks: vec!["127.0.0.0/8".parse().unwrap()],
            resolver: names.clone(),
            limits,
        };
        let bob = gatekeeper::Account {
            name: "bob".to_owned(),
            password: PASSWORD.to_owned(),
            contacts: Vec::new(),
        };
        let config = gatekeeper::Config {
            accounts: vec![bob],
            media: MediaConfig { store, proxy },
            ..gatekeeper::Config::new(HOST)
        };
        let listeners = Listeners::on_loopback().await.unwrap();
        let gatekeeper = Gatekeeper::start(config, listeners, &identity).unwrap();
        let caller = Caller::new(&tls, Patience::default()).unwrap();
        let api = format!("https://localhost:{}", gatekeeper.api().port());
        let token = alice.token(&caller, HOST, None).await.unwrap().token;
        let alice = Media {
            caller: caller.clone(),
            authorization: Authorization::Token(token),
            endpoint: format!("{issuer}/media"),
            source: Source::Direct { origins: vec![api.clone(), issuer] },
        };
        let bob = Media {
            caller: caller.clone(),
            authorization: Authorization::Password {
                account: "bob".to_owned(),
                password: PASSWORD.to_owned(),
            },
            endpoint: format!("{api}/media"),
            source: Source::Proxy { url: format!("{api}/media-proxy") },
        };
        Self { provider, gatekeeper, to_provider, origin, names, alice, bob, caller }
    }

    /// What the media proxy answers bob.
    async fn fetch(&self, url: &str, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Response {
        let Source::Proxy { url: proxy } = &self.bob.source else { unreachable!() };
        let place = reqwest::Url::parse_with_params(proxy, [("url", url)]).unwrap();
        let request = self.caller.client().get(place).basic_auth("bob", Some(PASSWORD));
        change(request.timeout(Duration::from_secs(60))).send().await.unwrap()
    }

    /// The status, and the last word of the problem's type.
    async fn refusal(&self, url: &str) -> (u16, String) {
        problem(self.fetch(url, |request| request).await).await
    }
}

async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or("none").rsplit(':').next().unwrap();
    (status, kind.to_owned())
}

/// Bytes that differ from place to place.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place.wrapping_mul(31) ^ (place >> 9)).to_le_bytes()[0]).collect()
}
