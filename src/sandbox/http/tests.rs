//! Calls to a party that fails in one way after another, and a server that is asked wrong things, on real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::*;
use crate::sandbox::certificates::Authority;

const PATIENCE: Patience =
    Patience { attempt: Duration::from_secs(10), attempts: 3, pause: Duration::from_millis(1) };
const FOUND: &str = r#"HTTP/1.1 200 OK
content-type: application/json
content-length: 12
connection: close

{"answer":1}"#;

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Answer {
    answer: u32,
}

/// What the other party does with a connection.
enum Deed {
    /// Ends it before TLS.
    Refuse,
    /// Answers the request with these bytes, each line's end made that of HTTP, and ends it.
    Say(String),
    /// Reads the request and never answers.
    Stall,
}

/// One deed for each connection, then nobody listens. It remembers the requests.
struct Party {
    address: SocketAddr,
    authority: Authority,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Party {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Party {
    async fn start(deeds: Vec<Deed>) -> Self {
        let authority = Authority::new("test").unwrap();
        let tls = authority.issue(&["127.0.0.1"]).unwrap().server_config().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (acceptor, seen) = (TlsAcceptor::from(tls), requests.clone());
        let serving = tokio::spawn(async move {
            let mut stalled = Vec::new();
            for deed in deeds {
                let (stream, _) = listener.accept().await.unwrap();
                stalled.extend(perform(deed, stream, &acceptor, &seen).await);
            }
            drop(listener);
            std::future::pending::<()>().await;
        });
        Self { address, authority, requests, serving }
    }

    fn caller(&self, patience: Patience) -> Caller {
        Caller::new(&self.authority.client_config().unwrap(), patience).unwrap()
    }

    /// Asks once or more often, and says how many requests arrived.
    async fn ask(&self, patience: Patience) -> (Result<Answer, CallError>, usize) {
        let caller = self.caller(patience);
        let request = caller.client().get(format!("https://{}/", self.address));
        let answer = caller.ask(request).await;
        (answer, self.requests.lock().unwrap().len())
    }
}

/// The connection, if it stays open. Whoever loses patience early is no fault of the party.
async fn perform(
    deed: Deed,
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    seen: &Mutex<Vec<String>>,
) -> Option<server::TlsStream<TcpStream>> {
    if matches!(deed, Deed::Refuse) {
        return None;
    }
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    let Deed::Say(answer) = deed else { return Some(stream) };
    // Whoever got more than it takes may be gone already.
    let _ = stream.write_all(answer.replace('\n', "\r\n").as_bytes()).await;
    let _ = stream.shutdown().await;
    None
}

fn say(answer: &str) -> Deed {
    Deed::Say(answer.to_owned())
}

fn status(line: &str) -> Deed {
    Deed::Say(format!("HTTP/1.1 {line}\ncontent-length: 0\nconnection: close\n\n"))
}

#[tokio::test]
async fn an_answer_is_what_was_asked_for() {
    let party = Party::start(vec![say(FOUND)]).await;
    assert_eq!(party.ask(PATIENCE).await, (Ok(Answer { answer: 1 }), 1));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let cut_head = "HTTP/1.1 200 OK\ncontent-ty";
    let cut_body = FOUND.strip_suffix(":1}").unwrap();
    for fault in [status("500 X"), status("503 X"), status("429 X"), say(cut_head), say(cut_body)] {
        let party = Party::start(vec![fault, say(FOUND)]).await;
        assert_eq!(party.ask(PATIENCE).await, (Ok(Answer { answer: 1 }), 2));
    }
    let party = Party::start(vec![Deed::Refuse, say(FOUND)]).await;
    assert_eq!(party.ask(PATIENCE).await, (Ok(Answer { answer: 1 }), 1));
}

#[tokio::test]
async fn what_does_not_pass_is_the_error_of_the_last_attempt() {
    let party = Party::start(vec![Deed::Refuse, status("500 X"), status("503 X"), say(FOUND)]).await;
    assert_eq!(party.ask(PATIENCE).await, (Err(CallError::Status(503)), 2));
    let party = Party::start(vec![Deed::Refuse, Deed::Refuse, say("HTTP/1.1 200 OK\n"), say(FOUND)]).await;
    assert_eq!(party.ask(PATIENCE).await, (Err(CallError::Unreachable), 1));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let party = Party::start(vec![]).await;
    assert_eq!(party.ask(PATIENCE).await, (Err(CallError::Unreachable), 0));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted_and_nothing_is_tried_again() {
    let party = Party::start(vec![Deed::Refuse, Deed::Stall, say(FOUND)]).await;
    let caller = party.caller(PATIENCE);
    let request = caller.client().get(format!("https://localhost:{}/", party.address.port()));
    assert_eq!(caller.ask::<Answer>(request).await, Err(CallError::Certificate));
    assert_eq!(party.ask(PATIENCE).await, (Ok(Answer { answer: 1 }), 1));
}

#[tokio::test]
async fn whoever_does_not_answer_in_time_is_asked_again_and_then_given_up() {
    let patience = Patience { attempt: Duration::from_millis(300), attempts: 2, ..PATIENCE };
    let party = Party::start(vec![Deed::Stall, Deed::Stall, say(FOUND)]).await;
    assert_eq!(party.ask(patience).await.0, Err(CallError::TimedOut));
}

#[tokio::test]
async fn what_would_not_change_is_not_asked_twice() {
    for (line, code) in [("400 X", 400), ("401 X", 401), ("404 X", 404), ("409 X", 409)] {
        let party = Party::start(vec![status(line), say(FOUND)]).await;
        assert_eq!(party.ask(PATIENCE).await, (Err(CallError::Status(code)), 1));
    }
    let other = FOUND.replace("\"answer\":1", "\"answer\":{");
    let elsewhere = "HTTP/1.1 302 Found\nlocation: /elsewhere\ncontent-length: 0\nconnection: close\n\n";
    for (answer, error) in [(other.as_str(), CallError::Unexpected), (elsewhere, CallError::Status(302))] {
        let party = Party::start(vec![say(answer), say(FOUND)]).await;
        assert_eq!(party.ask(PATIENCE).await, (Err(error), 1));
    }
}

#[tokio::test]
async fn a_large_answer_is_not_read_to_its_end() {
    let large = "1".repeat(512 * 1024);
    let declared = format!("HTTP/1.1 200 OK\ncontent-length: {}\n\n{large}", large.len());
    let endless = format!("HTTP/1.1 200 OK\nconnection: close\n\n{large}");
    for answer in [declared, endless] {
        let party = Party::start(vec![Deed::Say(answer), say(FOUND)]).await;
        assert_eq!(party.ask(PATIENCE).await, (Err(CallError::Unexpected), 1));
    }
}

#[tokio::test]
async fn an_order_has_the_same_idempotency_key_each_time() {
    let party = Party::start(vec![status("500 X"), status("429 X"), status("204 X")]).await;
    let caller = party.caller(PATIENCE);
    let order = caller.client().post(format!("https://{}/", party.address));
    assert_eq!(caller.order(order).await, Ok(()));
    let requests = party.requests.lock().unwrap();
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.lines().find(|line| line.starts_with("idempotency-key: \"")).unwrap())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn only_whom_the_caller_trusts_is_asked_and_only_over_tls() {
    let party = Party::start(vec![]).await;
    let plain = party.caller(PATIENCE);
    let request = plain.client().get(format!("http://{}/", party.address));
    assert_eq!(plain.ask::<Answer>(request).await, Err(CallError::Unreachable));

    let (server, _) = serve().await;
    let stranger = Party::start(vec![]).await.caller(PATIENCE);
    let request = stranger.client().get(format!("https://{}/here", server.address()));
    assert_eq!(stranger.ask::<Answer>(request).await, Err(CallError::Certificate));
}

/// A server that adds one, to numbers of JSON and of forms.
async fn serve() -> (Server, reqwest::Client) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Number {
        number: u8,
    }
    let add = |number: u8| number.checked_add(1).map(|sum| sum.to_string()).ok_or_else(Problem::internal);
    let router = Router::new()
        .route("/here", get(async || "1"))
        .route("/broken", get(broken))
        .route("/json", post(async move |Body(Number { number })| add(number)))
        .route("/form", post(async move |Form(Number { number })| add(number)));
    let authority = Authority::new("test").unwrap();
    let tls = authority.issue(&["127.0.0.1"]).unwrap().server_config().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let server = Server::start(listener, tls, router).unwrap();
    let caller = Caller::new(&authority.client_config().unwrap(), PATIENCE).unwrap();
    (server, caller.client().clone())
}

#[expect(clippy::panic, reason = "the server is tested with code that is wrong")]
async fn broken() -> Problem {
    panic!("a test's own panic")
}

/// The status, and the last word of the problem's type.
async fn told(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let is_problem = response.headers()["content-type"] == "application/problem+json";
    let text = response.text().await.unwrap();
    if !is_problem {
        return (status, text);
    }
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status);
    let kind = problem["type"].as_str().unwrap().strip_prefix("urn:x-vestibule:problem:").unwrap();
    (status, kind.to_owned())
}

#[tokio::test]
async fn a_body_that_is_no_such_json_object_is_refused_with_the_reason() {
    let (server, client) = serve().await;
    let url = format!("https://{}/json", server.address());
    let post =
        |body: &[u8]| told(client.post(&url).header("content-type", "application/json").body(body.to_vec()));
    assert_eq!(post(br#"{"number": 1}"#).await, (200, "2".to_owned()));
    for body in [&b""[..], b"{", b"{\"number\":1}x", b"\0", b"{\"\xff\":1}", br#"{"\ud800":1}"#] {
        assert_eq!(post(body).await, (400, "malformed".to_owned()), "{}", body.escape_ascii());
    }
    let nested = "[".repeat(10_000);
    assert!([400, 422].contains(&post(nested.as_bytes()).await.0));
    let wrong = ["{}", "[1]", "1", "null", r#"{"number":"1"}"#, r#"{"number":256}"#, r#"{"number":1,"x":1}"#];
    for body in wrong.into_iter().chain([r#"{"number":1,"number":1}"#, r#"{"number":1,"\u0000":1}"#]) {
        assert_eq!(post(body.as_bytes()).await, (422, "not-as-described".to_owned()), "{body}");
    }
    let large = format!(r#"{{"number":1{}}}"#, " ".repeat(64 * 1024));
    assert_eq!(post(large.as_bytes()).await, (413, "too-large".to_owned()));
    let larger = " ".repeat(1024 * 1024);
    assert_eq!(post(larger.as_bytes()).await, (413, "too-large".to_owned()));
    let form = client.post(&url).form(&[("number", "1")]);
    assert_eq!(told(form).await, (415, "media-type".to_owned()));
    let encoded = client.post(&url).header("content-encoding", "gzip").json(&1);
    assert_eq!(told(encoded).await, (415, "media-type".to_owned()));
    assert_eq!(post(br#"{"number": 255}"#).await, (500, "internal".to_owned()));
}

#[tokio::test]
async fn a_body_that_is_no_such_form_is_refused_with_the_reason() {
    let (server, client) = serve().await;
    let url = format!("https://{}/form", server.address());
    let post = |body: &str| {
        let request = client.post(&url).header("content-type", "application/x-www-form-urlencoded");
        told(request.body(body.to_owned()))
    };
    assert_eq!(post("number=1").await, (200, "2".to_owned()));
    for body in ["", "number", "number=%00", "number=1&number=1", "number=256", "%ff=%ff"] {
        assert_eq!(post(body).await, (422, "not-as-described".to_owned()), "{body}");
    }
    assert_eq!(post(&"x".repeat(65 * 1024)).await, (413, "too-large".to_owned()));
    let json = client.post(&url).json(&1);
    assert_eq!(told(json).await, (415, "media-type".to_owned()));
}

#[tokio::test]
async fn problems_of_one_type_are_told_in_the_same_words() {
    let (server, client) = serve().await;
    let post = |path| client.post(format!("https://{}{path}", server.address()));
    let json = post("/form").json(&1).send().await.unwrap();
    let form = post("/json").form(&[("number", "1")]).send().await.unwrap();
    assert_eq!(json.text().await.unwrap(), form.text().await.unwrap());
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_done_is_a_problem_too() {
    let (server, client) = serve().await;
    let url = |path| format!("https://{}{path}", server.address());
    for path in ["/", "/elsewhere", "/here/", "/%00", "//here"] {
        assert_eq!(told(client.get(url(path))).await, (404, "not-found".to_owned()), "{path}");
    }
    let response = client.delete(url("/here")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    assert_eq!(told(client.get(url("/json"))).await, (405, "method-not-allowed".to_owned()));
}

#[tokio::test]
async fn code_that_panics_is_answered_for() {
    let (server, client) = serve().await;
    let url = format!("https://{}/broken", server.address());
    for _ in 0..2 {
        assert_eq!(told(client.get(&url)).await, (500, "internal".to_owned()));
    }
}

/// Connections to a server of one page, from a client that can speak HTTP/2, too.
async fn connect(times: usize) -> (Server, Vec<client::TlsStream<TcpStream>>) {
    let authority = Authority::new("test").unwrap();
    let tls = authority.issue(&["127.0.0.1"]).unwrap().server_config().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let server = Server::start(listener, tls, Router::new().route("/", get(async || "1"))).unwrap();
    let mut tls = Arc::unwrap_or_clone(authority.client_config().unwrap());
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (connector, mut streams) = (TlsConnector::from(Arc::new(tls)), Vec::new());
    for _ in 0..times {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        streams.push(connector.connect(ServerName::from(server.address().ip()), stream).await.unwrap());
    }
    (server, streams)
}

#[tokio::test]
async fn a_client_that_can_speak_http_2_too_is_spoken_to_in_http_1_1() {
    let (_server, streams) = connect(1).await;
    assert_eq!(streams[0].get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn a_request_is_made_to_one_host() {
    let requests =
        [("1.1", "", 400), ("1.1", "host: a\n", 200), ("1.1", "host: a\nhost: b\n", 400), ("1.0", "", 200)];
    let (_server, streams) = connect(requests.len()).await;
    for ((version, hosts, status), mut stream) in requests.into_iter().zip(streams) {
        let request = format!("GET / HTTP/{version}\n{hosts}\n").replace('\n', "\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut line = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut line).await.unwrap();
        assert_eq!(line, format!("HTTP/{version} {status}").as_bytes(), "{hosts}");
    }
}

#[test]
fn a_problem_says_when_to_come_back() {
    let problem = Problem::internal().retry_after(Duration::from_millis(1500)).into_response();
    assert_eq!(problem.headers()["retry-after"], "2");
}
