//! A provider that can be told to misbehave: what it answers to which call.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::http::Server;
use vestibule::sandbox::token::SigningKey;

pub const CONFIGURATION: &str = "/.well-known/openid-configuration";
pub const KEYS: &str = "/jwks.json";
pub const INTROSPECTION: &str = "/introspect";
pub const PUSH: &str = "/push";
pub const CREDENTIAL: &str = "the gatekeeper's credential";

/// What is answered instead of what is right.
#[derive(Clone)]
pub enum Answer {
    Json(Value),
    Status(u16),
    Text(String),
    /// The connection breaks in the middle of the body.
    Cut,
    /// Nothing, for longer than anybody waits.
    Silence,
}

/// What is answered to the nth call of a path, if it is not what is right.
type Script = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

pub struct Provider {
    pub issuer: String,
    state: Arc<Acting>,
    server: Option<Server>,
}

struct Acting {
    issuer: String,
    keys: Mutex<Vec<Value>>,
    script: Mutex<Box<Script>>,
    calls: Mutex<BTreeMap<String, Vec<HeaderMap>>>,
}

impl Provider {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://{}", listener.local_addr().unwrap());
        let state = Arc::new(Acting {
            issuer: issuer.clone(),
            keys: Mutex::default(),
            script: Mutex::new(Box::new(|_, _| None)),
            calls: Mutex::default(),
        });
        let router = Router::new().route("/{*path}", any(answer)).with_state(state.clone());
        let tls = authority.issue(&["127.0.0.1"]).unwrap().server_config().unwrap();
        let server = Some(Server::start(listener, tls, router).unwrap());
        Self { issuer, state, server }
    }

    pub fn stop(&mut self) {
        self.server = None;
    }

    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys = keys.iter().map(|key| serde_json::to_value(key.public()).unwrap());
        *self.state.keys.lock().unwrap() = keys.collect();
    }

    /// From now on, calls are answered by this.
    pub fn misbehave(&self, script: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
    }

    /// The headers of the calls of a path so far.
    pub fn calls(&self, path: &str) -> Vec<HeaderMap> {
        self.state.calls.lock().unwrap().get(path).cloned().unwrap_or_default()
    }

    pub fn configuration(&self) -> Value {
        self.state.configuration()
    }
}

impl Acting {
    fn configuration(&self) -> Value {
        let below = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "jwks_uri": below(KEYS),
            "introspection_endpoint": below(INTROSPECTION),
            "push_endpoint": below(PUSH),
        })
    }

    fn right(&self, path: &str, body: &[u8]) -> Answer {
        match path {
            CONFIGURATION => Answer::Json(self.configuration()),
            KEYS => Answer::Json(json!({ "keys": *self.keys.lock().unwrap() })),
            INTROSPECTION => Answer::Json(introspection(std::str::from_utf8(body).unwrap())),
            PUSH => Answer::Status(204),
            _ => Answer::Status(404),
        }
    }
}

async fn answer(State(state): State<Arc<Acting>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let count = {
        let mut calls = state.calls.lock().unwrap();
        let of_path = calls.entry(path.to_owned()).or_default();
        of_path.push(parts.headers);
        of_path.len()
    };
    let scripted = (*state.script.lock().unwrap())(path, count);
    let body = axum::body::to_bytes(body, 65_536).await.unwrap();
    match scripted.unwrap_or_else(|| state.right(path, &body)) {
        Answer::Json(json) => axum::Json(json).into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Text(text) => text.into_response(),
        Answer::Cut => Response::new(Body::new(CutBody { sent: false })),
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
    }
}

/// The claims of the token that is asked about, which is good.
fn introspection(form: &str) -> Value {
    let token = form.strip_prefix("token=").unwrap();
    let claims = BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["active"] = json!(true);
    claims
}

struct CutBody {
    sent: bool,
}

impl hyper::body::Body for CutBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if std::mem::replace(&mut self.sent, true) {
            return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{\"active\":")))))
    }
}
