//! What a client does over HTTP, against the sandbox's provider and gatekeeper.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpListener;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{ApiError, Enlisting, ProviderAccount, Token};
use vestibule::sandbox::gatekeeper::{self, Gatekeeper, Listeners, ProviderConfig};
use vestibule::sandbox::http::{CallError, Caller, Patience};
use vestibule::sandbox::provider::{self, GatekeeperAccess, Provider};
use vestibule::sandbox::token::{Algorithm, SigningKey};

const HOST: &str = "gatekeeper.example";
const CREDENTIAL: &str = "between-the-two";

/// A provider where alice has an account, and a gatekeeper.
struct System {
    _provider: Provider,
    _gatekeeper: Gatekeeper,
    alice: ProviderAccount,
    enlisting: Enlisting,
    key: SigningKey,
}

impl System {
    async fn start() -> Self {
        let authority = Authority::new("test").unwrap();
        let identity = authority.issue(&[HOST, "localhost", "127.0.0.1"]).unwrap();
        let tls = authority.client_config().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let alice = ProviderAccount {
            issuer: issuer.clone(),
            visible_id: "alice@provider.example".to_owned(),
            password: "secret".to_owned(),
        };
        let account =
            provider::Account { visible_id: alice.visible_id.clone(), password: alice.password.clone() };
        let access = GatekeeperAccess { audience: HOST.to_owned(), credential: CREDENTIAL.to_owned() };
        let config = provider::Config {
            accounts: vec![account],
            gatekeepers: vec![access],
            ..provider::Config::new(&issuer)
        };
        let provider = Provider::start(config, listener, &identity).unwrap();
        let agreement = ProviderConfig { issuer, credential: CREDENTIAL.to_owned(), tls: tls.clone() };
        let config = gatekeeper::Config { providers: vec![agreement], ..gatekeeper::Config::new(HOST) };
        let listeners = Listeners::on_loopback().await.unwrap();
        let gatekeeper = Gatekeeper::start(config, listeners, &identity).unwrap();
        let enlisting = Enlisting {
            api: format!("https://localhost:{}", gatekeeper.api().port()),
            host: HOST.to_owned(),
            caller: Caller::new(&tls, Patience::default()).unwrap(),
        };
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        Self { _provider: provider, _gatekeeper: gatekeeper, alice, enlisting, key }
    }

    async fn token(&self) -> Token {
        self.alice.token(&self.enlisting.caller, HOST, Some(&self.key)).await.unwrap()
    }
}

fn refused(status: u16, problem: &'static str) -> Option<ApiError> {
    Some(ApiError::Refused { status, problem })
}

#[tokio::test]
async fn a_user_is_enlisted_once_from_all_clients_until_opting_out() {
    let system = System::start().await;
    let token = system.token().await;
    assert_eq!(system.enlisting.list(&token.token).await, Ok(Vec::new()));
    let enlisted = system.enlisting.enlist(&token.token, &system.key).await.unwrap();
    assert_eq!(enlisted.visible_id, system.alice.visible_id);
    assert_eq!(enlisted.jid, format!("{}@{HOST}", enlisted.internal_id));
    assert_eq!(system.enlisting.list(&token.token).await, Ok(vec![enlisted.clone()]));

    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let second = system.alice.token(&system.enlisting.caller, HOST, Some(&other)).await.unwrap();
    assert_eq!(system.enlisting.enlist(&second.token, &other).await, Ok(enlisted.clone()));

    assert_eq!(system.enlisting.opt_out(&token.token, &enlisted.internal_id).await, Ok(()));
    assert_eq!(system.enlisting.list(&token.token).await, Ok(Vec::new()));
    let again = system.enlisting.opt_out(&token.token, &enlisted.internal_id).await;
    assert_eq!(again.err(), refused(404, "not-found"));
}

#[tokio::test]
async fn a_refused_enlistment_tells_the_type_of_its_problem() {
    let system = System::start().await;
    let caller = &system.enlisting.caller;
    let enlist = async |token: &str, key| system.enlisting.enlist(token, key).await.err();
    let token = system.token().await.token;
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert_eq!(enlist(&token, &other).await, refused(403, "proof-other-key"));
    assert_eq!(enlist(&token, &system.key).await, None);
    assert_eq!(enlist(&token, &system.key).await, refused(403, "token-replayed"));
    assert_eq!(enlist("a.b.c", &system.key).await, refused(403, "token-malformed"));
    let unbound = system.alice.token(caller, HOST, None).await.unwrap().token;
    assert_eq!(enlist(&unbound, &system.key).await, refused(403, "token-unbound"));
    assert_eq!(system.enlisting.list("a.b.c").await.err(), refused(401, "token-malformed"));
}

#[tokio::test]
async fn a_refused_token_tells_the_type_of_its_problem() {
    let system = System::start().await;
    let caller = &system.enlisting.caller;
    let guessing = ProviderAccount { password: "guessed".to_owned(), ..system.alice.clone() };
    assert_eq!(guessing.token(caller, HOST, None).await.err(), refused(401, "wrong-password"));
    let elsewhere = system.alice.token(caller, "elsewhere.example", None).await;
    assert_eq!(elsewhere.err(), refused(403, "unknown-audience"));
    // The same provider by another URL than the one that it calls its own.
    let issuer = system.alice.issuer.replace("localhost", "127.0.0.1");
    let other = ProviderAccount { issuer, ..system.alice.clone() };
    assert_eq!(other.token(caller, HOST, None).await.err(), Some(ApiError::OtherIssuer));
}

#[tokio::test]
async fn what_does_not_answer_or_is_no_provider_is_told_apart() {
    let system = System::start().await;
    let gatekeeper = ProviderAccount { issuer: system.enlisting.api.clone(), ..system.alice.clone() };
    let answer = gatekeeper.token(&system.enlisting.caller, HOST, None).await;
    assert_eq!(answer.err(), refused(404, "not-found"));

    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let issuer = format!("https://localhost:{}", silent.local_addr().unwrap().port());
    let patience = Patience { attempt: Duration::from_millis(200), ..Patience::default() };
    let caller = Caller::new(&Authority::new("other").unwrap().client_config().unwrap(), patience).unwrap();
    let account = ProviderAccount { issuer, ..system.alice.clone() };
    let answer = account.token(&caller, HOST, None).await.err();
    assert_eq!(answer, Some(ApiError::Call(CallError::TimedOut)));
    drop(silent);
    let answer = account.token(&caller, HOST, None).await.err();
    assert_eq!(answer, Some(ApiError::Call(CallError::Unreachable)));
    // Nor is anybody asked whose certificate is signed by somebody else.
    let answer = system.alice.token(&caller, HOST, None).await.err();
    assert_eq!(answer, Some(ApiError::Call(CallError::Certificate)));
}
