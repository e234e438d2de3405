//! Origins and names that mean ill, or are broken.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use vestibule::sandbox::gatekeeper::FetchLimits;
use vestibule::sandbox::media::Limits;

use super::origin::{Deed, said};
use super::{LARGEST, World, hasty};

#[tokio::test]
async fn only_known_origins_are_asked() {
    let world = World::start().await;
    let port = world.gatekeeper.api().port();
    let own = format!("https://localhost:{port}/operator/accounts");
    let metadata = "https://169.254.169.254/latest/meta-data/".to_owned();
    let near = world.origin.url("/").replace("media.example", "localhost");
    for url in [own, metadata, near, "https://[::ffff:7f00:1]/".to_owned()] {
        assert_eq!(world.refusal(&url).await, (403, "media-origin".to_owned()), "{url}");
    }
    for url in [world.origin.url("/").replace("https", "http"), "file:///etc/passwd".to_owned()] {
        assert_eq!(world.refusal(&url).await, (403, "media-url".to_owned()), "{url}");
    }
    assert_eq!((world.names.asked.load(Ordering::Relaxed), world.origin.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_name_that_leads_into_a_network_that_is_not_named_is_refused() {
    let world = World::start().await;
    world.origin.says("200 OK\ncontent-length: 1", b"x");
    for address in
        ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
    {
        world.names.say(&[address]);
        let refused = world.refusal(&world.origin.url("/a")).await;
        assert_eq!(refused, (403, "media-address".to_owned()), "{address}");
    }
    world.names.say(&[]);
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (403, "media-address".to_owned()));
    assert_eq!(world.origin.requests().len(), 0);
    // Of several, the one that may be connected to is.
    world.names.say(&["10.0.0.1", "127.0.0.1"]);
    assert_eq!(world.fetch(&world.origin.url("/a"), |request| request).await.status(), 200);
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_a_fetch_and_anew_for_the_next() {
    let world = World::start().await;
    world.origin.says("200 OK\ncontent-length: 1", b"x");
    // What is looked at and what is connected to are the same answer: a second one, which leads inside, is not asked for.
    world.names.say(&["127.0.0.1"]);
    world.names.say(&["10.0.0.1"]);
    assert_eq!(world.fetch(&world.origin.url("/a"), |request| request).await.status(), 200);
    assert_eq!(world.names.asked.load(Ordering::Relaxed), 1);
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (403, "media-address".to_owned()));
}

#[tokio::test]
async fn nobody_is_told_who_asks_and_nothing_of_the_origin_but_the_blob_comes_through() {
    let world = World::start().await;
    world.origin.says(
        "200 OK\ncontent-length: 2\ncontent-type: text/html\nset-cookie: a=b\nx-frame: c\netag: W/\"w\"\nserver: d",
        b"ok",
    );
    let answer = world
        .fetch(&world.origin.url("/a?b=c"), |request| {
            request.header("cookie", "me").header("x-forwarded-for", "192.0.2.1").header("user-agent", "mine")
        })
        .await;
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "application/octet-stream");
    for gone in ["set-cookie", "x-frame", "etag", "server"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(answer.text().await.unwrap(), "ok");
    let asked = &world.origin.requests()[0];
    assert!(asked.starts_with("get /a?b=c http/1.1\r\n") && asked.contains("accept-encoding: identity\r\n"));
    for own in ["authorization", "cookie", "forwarded", "user-agent", "bob"] {
        assert!(!asked.contains(own), "{asked}");
    }
}

#[tokio::test]
async fn answers_that_are_none_to_what_was_asked_are_refused() {
    let world = World::start().await;
    let far = LARGEST + 1;
    let cases: [(&str, (u16, &str)); 13] = [
        ("302 Found\nlocation: https://10.0.0.1/\ncontent-length: 0", (502, "media-wrong-answer")),
        ("307 X\nlocation: https://localhost/\ncontent-length: 0", (502, "media-wrong-answer")),
        ("200 OK\ncontent-encoding: gzip\ncontent-length: 9", (502, "media-wrong-answer")),
        ("200 OK\ncontent-length: 9\ncontent-length: 10", (502, "media-wrong-answer")),
        ("200 OK\ncontent-length: -1", (502, "media-wrong-answer")),
        ("204 No Content", (502, "media-wrong-answer")),
        ("401 X\ncontent-length: 0", (502, "media-wrong-answer")),
        ("no HTTP", (502, "media-wrong-answer")),
        ("206 X\ncontent-range: bytes 0-8/9\ncontent-length: 9", (502, "media-wrong-range")),
        (&format!("200 OK\ncontent-length: {far}"), (502, "media-too-large")),
        ("404 X\ncontent-length: 0", (404, "media-vanished")),
        ("410 X\ncontent-length: 0", (404, "media-vanished")),
        ("503 X\ncontent-length: 0", (502, "media-unreachable")),
    ];
    for (head, (status, problem)) in cases {
        world.origin.says(head, b"");
        let refused = world.refusal(&world.origin.url("/a")).await;
        assert_eq!(refused, (status, problem.to_owned()), "{head}");
    }
    let many: String = (0..500).map(|number| format!("\nx-{number}: {}", "a".repeat(100))).collect();
    world.origin.says(&format!("200 OK{many}\ncontent-length: 0"), b"");
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (502, "media-wrong-answer".to_owned()));
}

#[tokio::test]
async fn a_range_that_is_another_than_was_asked_for_is_refused() {
    let world = World::start().await;
    for given in ["bytes 0-8/9", "bytes 6-8/9", "bytes 5-7/9", "bytes 5-8/*", "bytes 5-80/90"] {
        world.origin.says(&format!("206 X\ncontent-range: {given}\ncontent-length: 4"), b"abcd");
        let answer =
            world.fetch(&world.origin.url("/a"), |request| request.header("range", "bytes=5-8")).await;
        let expected = if given == "bytes 5-80/90" { "bytes 5-80/90" } else { given };
        assert_eq!(super::problem(answer).await, (502, "media-wrong-range".to_owned()), "{expected}");
    }
    world.origin.says("206 X\ncontent-range: bytes 5-8/9\ncontent-length: 4", b"abcd");
    let answer = world.fetch(&world.origin.url("/a"), |request| request.header("range", "bytes=5-8")).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (206, "abcd".to_owned()));
}

#[tokio::test]
async fn a_blob_that_breaks_off_does_not_look_whole() {
    let world = World::start().await;
    let chunked = "200 OK\ntransfer-encoding: chunked";
    let broken: [(&str, &[u8]); 4] = [
        ("200 OK\ncontent-length: 1000", b"only these"),
        (chunked, b"5\r\nhello\r\n"),
        (chunked, b"5\r\nhello\r\nzz\r\n"),
        (chunked, b"ff\r\nhello"),
    ];
    for (head, body) in broken {
        world.origin.says(head, body);
        let answer = world.fetch(&world.origin.url("/a"), |request| request).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.bytes().await.is_err(), "{head}");
    }
    world.origin.says(chunked, b"5\r\nhello\r\n0\r\n\r\n");
    let answer = world.fetch(&world.origin.url("/a"), |request| request).await;
    assert_eq!(answer.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_blob_without_an_end_is_given_up_at_its_bound() {
    let limits = FetchLimits { size: 1 << 20, ..super::calm() };
    let world = World::start_with(limits, Limits::default()).await;
    world.origin.does(Deed::PourChunks("200 OK\ntransfer-encoding: chunked".to_owned()));
    let mut answer = world.fetch(&world.origin.url("/a"), |request| request).await;
    let mut came = 0;
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => came += chunk.len(),
            other => break other,
        }
    };
    assert!(ended.is_err() && came <= 1 << 20, "{came}");
}

#[tokio::test]
async fn an_origin_that_does_not_answer_or_go_on_is_given_up() {
    let world = World::start_with(hasty(), Limits::default()).await;
    world.origin.does(Deed::SayAndStall(Vec::new()));
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (504, "media-too-slow".to_owned()));
    world.origin.does(Deed::SayAndStall(said("200 OK\ncontent-length: 9", b"some")));
    let answer = world.fetch(&world.origin.url("/a"), |request| request).await;
    assert!(answer.status() == 200 && answer.bytes().await.is_err());
}

#[tokio::test]
async fn an_origin_that_is_not_there_or_is_somebody_else_is_not_believed() {
    let world = World::start().await;
    // Its name leads to where nobody listens.
    world.names.say(&["127.0.0.2"]);
    let port = world.origin.url("").rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let nobody = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    drop(nobody);
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (502, "media-unreachable".to_owned()));
}

#[tokio::test]
async fn a_user_has_so_many_fetches_at_a_time() {
    let limits = FetchLimits { of_user: 1, ..super::calm() };
    let world = World::start_with(limits, Limits::default()).await;
    world.origin.does(Deed::SayAndStall(said("200 OK\ncontent-length: 9", b"some")));
    let held = world.fetch(&world.origin.url("/a"), |request| request).await;
    assert_eq!(world.refusal(&world.origin.url("/a")).await, (429, "media-too-many".to_owned()));
    drop(held);
    world.origin.says("200 OK\ncontent-length: 2", b"ok");
    // That its reader has gone is seen a little later.
    while world.fetch(&world.origin.url("/a"), |request| request).await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_reader_that_pauses_stops_the_origin_and_then_has_everything() {
    const BLOB: u64 = 64 << 20;
    let world = World::start().await;
    world.origin.does(Deed::Pour(format!("200 OK\ncontent-length: {BLOB}"), BLOB));
    let mut answer = world.fetch(&world.origin.url("/a"), |request| request).await;
    let mut before = u64::MAX;
    while world.origin.poured() != before {
        before = world.origin.poured();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // What stands in the sockets' buffers, and a few pieces in each program.
    assert!(before < BLOB / 2, "{before}");
    let mut came = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        came += chunk.len() as u64;
    }
    assert_eq!(came, BLOB);
}
