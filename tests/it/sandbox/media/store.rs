//! A store over HTTP: who may put something into it, and what is given of it.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use vestibule::sandbox::media::Limits;

use super::{Authorization, PASSWORD, World, bytes, calm, problem};

const BLOB: usize = 200_000;

/// Uploads as alice, and returns the answer.
async fn upload(world: &World, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Response {
    let request = world.caller.client().post(&world.alice.endpoint);
    let Authorization::Token(token) = &world.alice.authorization else { unreachable!() };
    let request = request.bearer_auth(token).header("content-type", "application/octet-stream");
    change(request.timeout(Duration::from_secs(60))).send().await.unwrap()
}

/// The URL of a blob of the provider's.
async fn stored(world: &World, blob: Vec<u8>) -> String {
    let answer = upload(world, |request| request.body(blob)).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    format!("{}/{location}", world.alice.endpoint.strip_suffix("/media").unwrap())
}

#[tokio::test]
async fn ranges_are_given_by_the_store_and_through_the_media_proxy_alike() {
    let world = World::start().await;
    let blob = bytes(BLOB);
    let url = stored(&world, blob.clone()).await;
    let name = url.rsplit('/').next().unwrap();
    assert_eq!(name.len(), 43);
    for through_proxy in [false, true] {
        let ask = async |range: &str, if_range: Option<&str>| {
            let change = |mut request: RequestBuilder| {
                request = request.header("range", range);
                if let Some(tag) = if_range { request.header("if-range", tag) } else { request }
            };
            if through_proxy {
                world.fetch(&url, change).await
            } else {
                change(world.caller.client().get(&url)).send().await.unwrap()
            }
        };
        let part = async |range: &str| {
            let answer = ask(range, None).await;
            assert_eq!(answer.status(), 206, "{range}");
            let range = answer.headers()["content-range"].to_str().unwrap().to_owned();
            (range, answer.bytes().await.unwrap())
        };
        assert_eq!(part("bytes=0-9").await, ("bytes 0-9/200000".to_owned(), blob[..10].to_vec().into()));
        assert_eq!(
            part("bytes=199990-").await,
            ("bytes 199990-199999/200000".to_owned(), blob[199_990..].to_vec().into())
        );
        assert_eq!(
            part("bytes=-5").await,
            ("bytes 199995-199999/200000".to_owned(), blob[199_995..].to_vec().into())
        );
        assert_eq!(part("bytes=65530-131080").await.1, blob[65_530..=131_080]);
        for whole in ["bytes=5-1", "bytes=0-1,5-6", "items=0-1", "bytes"] {
            let answer = ask(whole, None).await;
            assert_eq!(
                (answer.status().as_u16(), answer.bytes().await.unwrap().len()),
                (200, BLOB),
                "{whole}"
            );
        }
        let behind = ask("bytes=200000-", None).await;
        assert_eq!(behind.headers()["content-range"], "bytes */200000");
        assert_eq!(problem(behind).await, (416, "range".to_owned()));
        let tag = ask("bytes=0-9", None).await.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(ask("bytes=0-9", Some(&tag)).await.status(), 206);
        for other in ["\"other\"", "W/\"other\"", "Tue, 24 Nov 2026 00:00:00 GMT"] {
            assert_eq!(ask("bytes=0-9", Some(other)).await.status(), 200, "{other}");
        }
    }
}

#[tokio::test]
async fn a_blob_is_bytes_of_which_nothing_is_made_and_its_head_can_be_asked_for() {
    let world = World::start().await;
    let url = stored(&world, b"<html><script>alert(1)</script>".to_vec()).await;
    let Some(proxy) = (match &world.bob.source {
        super::Source::Proxy { url } => Some(url),
        super::Source::Direct { .. } => None,
    }) else {
        unreachable!()
    };
    let proxied = reqwest::Url::parse_with_params(proxy, [("url", &url)]).unwrap();
    for place in [reqwest::Url::parse(&url).unwrap(), proxied] {
        let head = world.caller.client().head(place).basic_auth("bob", Some(PASSWORD)).send().await.unwrap();
        let headers = head.headers();
        assert_eq!(head.status(), 200);
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-disposition"], "attachment");
        assert_eq!(headers["content-length"], "31");
        assert!(headers.contains_key("etag"));
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_who_says_who_they_are_can_upload_and_only_octets() {
    let world = World::start().await;
    let without = world.caller.client().post(&world.alice.endpoint).body("x").send().await.unwrap();
    assert_eq!(problem(without).await, (401, "no-credentials".to_owned()));
    let bobs = world.caller.client().post(&world.bob.endpoint);
    let without = bobs.try_clone().unwrap().body("x").send().await.unwrap();
    assert!(without.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(problem(without).await, (401, "no-credentials".to_owned()));
    let wrong = bobs.basic_auth("bob", Some("guessed")).body("x").send().await.unwrap();
    assert_eq!(problem(wrong).await, (401, "wrong-credential".to_owned()));
    let typed = upload(&world, |request| request.header("content-encoding", "gzip").body("x")).await;
    assert_eq!(problem(typed).await, (415, "media-type".to_owned()));
    assert_eq!(world.provider.media().contents().len(), 0);
}

#[tokio::test]
async fn what_is_too_large_or_too_much_is_refused_and_leaves_nothing() {
    let limits = Limits { blob: 1000, account: 1500, ..Limits::default() };
    let world = World::start_with(calm(), limits).await;
    for size in [1001, 500_000] {
        let refused = upload(&world, |request| request.body(vec![0; size])).await;
        assert_eq!(problem(refused).await, (413, "too-large".to_owned()), "{size}");
    }
    stored(&world, vec![0; 1000]).await;
    let refused = upload(&world, |request| request.body(vec![0; 501])).await;
    assert_eq!(problem(refused).await, (507, "media-account-full".to_owned()));
    assert_eq!(world.provider.media().contents().len(), 1);
}

#[tokio::test]
async fn a_blob_whose_time_is_over_is_as_one_that_never_was() {
    let world = World::start_with(calm(), Limits { lifetime: Duration::ZERO, ..Limits::default() }).await;
    let url = stored(&world, b"x".to_vec()).await;
    let never = format!("{}/{}", world.alice.endpoint, "a".repeat(43));
    let mut answers = Vec::new();
    for url in [&url, &never, &format!("{}/x", world.alice.endpoint)] {
        answers.push(world.caller.client().get(url).send().await.unwrap().text().await.unwrap());
    }
    assert!(answers[0].contains(":not-found\"") && answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(world.refusal(&url).await, (404, "media-vanished".to_owned()));
    let listing = world.caller.client().get(&world.alice.endpoint).send().await.unwrap();
    assert_eq!(listing.status(), 405);
}

#[tokio::test]
async fn media_go_with_their_account() {
    let world = World::start().await;
    let url = stored(&world, b"x".to_vec()).await;
    assert!(world.provider.delete_account("alice@provider.example"));
    assert!(!world.provider.delete_account("alice@provider.example"));
    let gone = world.caller.client().get(&url).send().await.unwrap();
    assert_eq!(problem(gone).await, (404, "not-found".to_owned()));
    let refused = upload(&world, |request| request.body("x")).await;
    assert_eq!(problem(refused).await, (401, "wrong-credential".to_owned()));
}
