use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::content_types::{Carrier, ContentClass, ContentCounts};

#[tokio::test]
async fn metrics_are_served_in_prometheus_text_format() {
    let server = Server::start().await;
    let response = server.get("/metrics").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("content-type: text/plain; version=0.0.4"), "{response}");
    assert!(response.contains("vestibule_sessions_open{host=\"gatekeeper.example\"} 0"), "{response}");
    assert!(response.contains("process_start_time_seconds "), "{response}");
}

#[tokio::test]
async fn the_process_is_live_before_it_is_ready() {
    let server = Server::start().await;
    assert!(server.get("/live").await.starts_with("HTTP/1.1 200 "));
    assert!(server.get("/ready").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn ready_is_only_between_listening_and_draining() {
    let server = Server::start().await;
    server.readiness.set_ready();
    assert!(server.get("/ready").await.starts_with("HTTP/1.1 200 "));
    server.readiness.set_draining();
    assert!(server.get("/ready").await.starts_with("HTTP/1.1 503 "));
    server.readiness.set_ready();
    assert!(server.get("/ready").await.starts_with("HTTP/1.1 503 "), "draining is final");
}

#[tokio::test]
async fn the_status_tells_of_each_host_what_became_of_content() {
    let server = Server::start().await;
    let mut counts = ContentCounts::default();
    counts.count_advertised(Carrier::Bind, ContentClass::Text);
    counts.count_received(ContentClass::Image);
    counts.count_unadvertised(ContentClass::Image);
    counts.count_withheld(ContentClass::Image);
    let session = server.metrics.session("gatekeeper.example").expect("a configured host");
    assert!(session.observe_content(&counts).is_empty(), "once is no drift");
    let response = server.get("/status").await;
    assert!(response.contains("content-type: application/json"), "{response}");
    let body = response.split("\r\n\r\n").nth(1).expect("a body");
    let status: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let none = json!({ "fallback": 0, "withhold": 0 });
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": false,
        "metadata": {
            "policy": "sha256:00",
            "shadow": null,
            "exceptions": [{
                "sink": "access", "event": "refusal", "fields": ["account"], "reason": "an incident", "ends_in": 60,
            }],
            "audit_head": "7:00",
        },
        "hosts": { "gatekeeper.example": { "sessions_open": 1, "content": {
            "text": {
                "advertised": { "bind": 1, "presence": 0, "disco": 0 },
                "received": 0, "unadvertised": 0, "replaced": none,
            },
            "image": {
                "advertised": { "bind": 0, "presence": 0, "disco": 0 },
                "received": 1, "unadvertised": 1, "replaced": { "fallback": 0, "withhold": 1 },
            },
        } } },
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn there_is_no_other_page_and_no_other_method() {
    let server = Server::start().await;
    for path in ["/", "/metrics/", "/status/", "/debug/pprof"] {
        assert!(server.get(path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let request = "POST /metrics HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(server.exchange(request).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn the_answer_does_not_repeat_the_request() {
    let server = Server::start().await;
    assert!(!server.get("/marker?marker=marker").await.contains("marker"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let request = format!("GET /live HTTP/1.1\r\nhost: admin\r\npadding: {}\r\n\r\n", "x".repeat(20 * 1024));
    assert!(server.exchange(&request).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_half_a_request_is_dropped() {
    let server = Server::start().await;
    let response = server.exchange("GET /live HTTP/1.1\r\n").await;
    assert!(!response.contains("live\n"), "{response}");
}

#[tokio::test]
async fn shutdown_ends_the_server() {
    let server = Server::start().await;
    server.shutdown.send(()).unwrap();
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

fn metadata() -> MetadataStatus {
    let exception = ExceptionStatus {
        sink: "access",
        event: "refusal",
        fields: vec!["account"],
        reason: "an incident".to_owned(),
        ends_in: 60,
    };
    MetadataStatus {
        policy: "sha256:00".to_owned(),
        shadow: None,
        exceptions: vec![exception],
        audit_head: Some("7:00".to_owned()),
    }
}

struct Server {
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::new();
        let (shutdown, stopped) = oneshot::channel();
        let metrics = Metrics::new(["gatekeeper.example"]).unwrap();
        let stopped = async { stopped.await.unwrap_or_default() };
        let task =
            tokio::spawn(serve(listener, metrics.clone(), readiness.clone(), Arc::new(metadata), stopped));
        Self { address, metrics, readiness, shutdown, task }
    }

    async fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")).await
    }

    /// Everything that the server answers until it closes the connection.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        // A server that refuses early may reset the connection under what it has not read.
        let _ = stream.read_to_end(&mut response).await;
        String::from_utf8(response).unwrap()
    }
}
