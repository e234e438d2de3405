use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::telemetry::status::tests::sample;

#[tokio::test]
async fn metrics_are_served_in_prometheus_text_format() {
    let server = Server::start().await;
    let response = server.get("/metrics").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("content-type: text/plain; version=0.0.4"), "{response}");
    assert!(response.contains("\nvestibule_connections_open 0\n"), "{response}");
    assert!(response.contains("process_start_time_seconds "), "{response}");
}

#[tokio::test]
async fn the_process_is_live_before_it_is_ready() {
    let server = Server::start().await;
    assert!(server.get("/live").await.starts_with("HTTP/1.1 200 "));
    assert!(server.get("/ready").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_process_of_which_a_thread_hangs_is_not_live() {
    let server = Server::start().await;
    server.hangs.store(true, Ordering::Relaxed);
    let response = server.get("/live").await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(response.ends_with("a thread hangs\n"), "{response}");
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
async fn the_status_is_json_for_scripts() {
    let server = Server::start().await;
    for (path, accept) in [
        ("/status", ""),
        ("/status", "accept: */*\r\n"),
        ("/status", "accept: application/json, text/html\r\n"),
        ("/status.json", "accept: text/html\r\n"),
    ] {
        let response = server.get_with(path, accept).await;
        assert!(response.contains("content-type: application/json"), "{response}");
        let body = response.split("\r\n\r\n").nth(1).expect("a body");
        let status: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(status["hosts"]["gatekeeper.example"]["sessions_open"], 1);
    }
}

#[tokio::test]
async fn the_status_is_a_page_for_browsers_and_protected() {
    let server = Server::start().await;
    let accept = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
    let response = server.get_with("/status", accept).await;
    assert!(response.contains("<h1>Vestibule</h1>"), "{response}");
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
    ] {
        assert!(response.contains(&format!("\r\n{header}")), "{header} is not in\n{response}");
    }
    assert_protected(&response);
    assert_protected(&server.get("/status").await);
    assert_protected(&server.get_with("/status.json", accept).await);
}

fn assert_protected(response: &str) {
    for header in [
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "vary: accept",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(response.contains(&format!("\r\n{header}")), "{header} is not in\n{response}");
    }
}

#[tokio::test]
async fn the_address_alone_leads_to_the_status() {
    let response = Server::start().await.get("/").await;
    assert!(
        response.starts_with("HTTP/1.1 303 ") && response.contains("\r\nlocation: status\r\n"),
        "{response}"
    );
    assert_protected(&response);
}

#[tokio::test]
async fn the_metrics_say_whether_it_is_ready() {
    let server = Server::start().await;
    assert!(server.get("/metrics").await.contains("\nvestibule_ready 0\n"));
    server.readiness.set_ready();
    assert!(server.get("/metrics").await.contains("\nvestibule_ready 1\n"));
    server.readiness.set_draining();
    assert!(server.get("/metrics").await.contains("\nvestibule_ready 0\n"));
}

#[tokio::test]
async fn there_is_no_other_page_and_no_other_method() {
    let server = Server::start().await;
    for path in ["/metrics/", "/status/", "/debug/pprof"] {
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

struct Server {
    address: SocketAddr,
    readiness: Readiness,
    hangs: Arc<AtomicBool>,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::new();
        let (shutdown, stopped) = oneshot::channel();
        let hangs = Arc::new(AtomicBool::new(false));
        let hanging = Arc::clone(&hangs);
        let pages = Pages {
            metrics: Metrics::new().unwrap(),
            readiness: readiness.clone(),
            status: Arc::new(sample),
            live: Arc::new(move || !hanging.load(Ordering::Relaxed)),
        };
        let stopped = async { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(serve(listener, pages, stopped));
        Self { address, readiness, hangs, shutdown, task }
    }

    async fn get(&self, path: &str) -> String {
        self.get_with(path, "").await
    }

    /// The same with another header, which ends its line.
    async fn get_with(&self, path: &str, header: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: admin\r\n{header}connection: close\r\n\r\n"))
            .await
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
