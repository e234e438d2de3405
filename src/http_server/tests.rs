use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::*;

/// More than the kernel takes for a client that reads nothing.
const LARGE: usize = 16 << 20;

/// A handler that waits: it says that it does, and until when.
struct Slow {
    began: Semaphore,
    let_go: Semaphore,
}

/// Serves two connections at a time: `/` at once, `/slow` when it is let go, `/large` as far as it is read.
async fn start() -> (TcpClients, Arc<Slow>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let slow = Arc::new(Slow { began: Semaphore::new(0), let_go: Semaphore::new(0) });
    let waits = Arc::clone(&slow);
    let wait = move || async move {
        waits.began.add_permits(1);
        waits.let_go.acquire().await.unwrap().forget();
        "slow"
    };
    let router = Router::new()
        .route("/", get(|| async { "fast" }))
        .route("/slow", get(wait))
        .route("/large", get(|| async { "x".repeat(LARGE) }));
    let bounds = Bounds { connections: 2, connection_time: Duration::from_secs(60) };
    let open = |stream: TcpStream| std::future::ready(Some(stream));
    tokio::spawn(async move { serve(listener, router, bounds, open, |_| ()).await });
    (TcpClients(address), slow)
}

struct TcpClients(std::net::SocketAddr);

impl TcpClients {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.0).await.unwrap()
    }
}

async fn ask(client: &mut TcpStream, path: &str) {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
}

/// What was answered: the body's four letters. Empty if the connection was closed instead.
async fn answer(client: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("fast") && !text.ends_with("slow") {
        match client.read(&mut byte).await {
            Ok(1) => text.push(char::from(byte[0])),
            _ => return String::new(),
        }
    }
    text.split_off(text.len() - 4)
}

#[tokio::test]
async fn the_quietest_connection_makes_room_for_one_more() {
    let (clients, _) = start().await;
    let mut kept = clients.connect().await;
    let mut silent = clients.connect().await;
    ask(&mut kept, "/").await;
    assert_eq!(answer(&mut kept).await, "fast");
    let mut third = clients.connect().await;
    ask(&mut third, "/").await;
    assert_eq!(answer(&mut third).await, "fast");
    assert_eq!(answer(&mut silent).await, "");
    ask(&mut kept, "/").await;
    assert_eq!(answer(&mut kept).await, "fast");
}

#[tokio::test]
async fn a_request_at_work_is_waited_for_and_no_longer() {
    let (clients, slow) = start().await;
    let mut answered = [clients.connect().await, clients.connect().await];
    for client in &mut answered {
        ask(client, "/slow").await;
    }
    slow.began.acquire_many(2).await.unwrap().forget();
    let mut third = clients.connect().await;
    ask(&mut third, "/").await;
    let mut byte = [0];
    let early = time::timeout(Duration::from_millis(50), third.read(&mut byte)).await;
    assert!(early.is_err(), "there was no room for it");
    slow.let_go.add_permits(1);
    // One of the two is answered, and gives way then; the other one is not disturbed.
    assert_eq!(answer(&mut third).await, "fast");
    slow.let_go.add_permits(1);
    for client in &mut answered {
        assert_eq!(answer(client).await, "slow");
    }
}

#[tokio::test]
async fn who_reads_nothing_and_asks_again_and_again_makes_room() {
    let (clients, _) = start().await;
    let mut greedy = [clients.connect().await, clients.connect().await];
    for client in &mut greedy {
        for _ in 0..3 {
            ask(client, "/large").await;
        }
        // The first answer is on its way.
        client.readable().await.unwrap();
    }
    let mut third = clients.connect().await;
    ask(&mut third, "/").await;
    assert_eq!(answer(&mut third).await, "fast");
    let [first, second] = &mut greedy;
    let whole = tokio::join!(read_whole(first), read_whole(second));
    assert!(whole == (true, false) || whole == (false, true));
}

/// Whether three large answers come.
async fn read_whole(client: &mut TcpStream) -> bool {
    let mut read = 0;
    let mut piece = vec![0; 1 << 16];
    while read < 3 * LARGE {
        match client.read(&mut piece).await {
            Ok(count) if count > 0 => read += count,
            _ => return false,
        }
    }
    true
}
