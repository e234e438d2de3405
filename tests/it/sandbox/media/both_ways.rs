//! What one sends the other has.

use std::io::Cursor;

use vestibule::sandbox::client::{About, ApiError, MediaError, Source};
use vestibule::sandbox::media::{MediaClass, MediaReference, OpenError};

use super::super::fault::{Mode, Way};
use super::origin::said;
use super::{World, bytes};

async fn sent(from: &super::Media, plain: &[u8]) -> MediaReference {
    let about = About::new(MediaClass::Image, "image/png");
    from.upload(Cursor::new(plain.to_vec()), plain.len() as u64, about).await.unwrap()
}

async fn received(to: &super::Media, reference: &MediaReference) -> Result<(Vec<u8>, u32), MediaError> {
    let mut plain = Vec::new();
    let breaks = to.download(reference, &mut plain).await?;
    Ok((plain, breaks))
}

#[tokio::test]
async fn what_one_sends_the_other_has_in_both_directions_and_no_store_can_read() {
    let world = World::start().await;
    for length in [0, 1, 70_000, 3_000_000] {
        let plain = bytes(length);
        let (hers, his) = (sent(&world.alice, &plain).await, sent(&world.bob, &plain).await);
        assert!(received(&world.bob, &hers).await == Ok((plain.clone(), 0)), "{length}");
        assert!(received(&world.alice, &his).await == Ok((plain.clone(), 0)), "{length}");
        assert_eq!(hers.plain_size(), length as u64);
    }
    let text = bytes(64);
    let stores = [world.provider.media().contents(), world.gatekeeper.media().contents()];
    for stored in stores.iter().flatten() {
        assert!(!stored.windows(16).any(|window| window == &text[16..32]));
    }
    assert_eq!(stores.map(|blobs| blobs.len()), [4, 4]);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let world = World::start().await;
    let plain = bytes(1_000_000);
    let reference = sent(&world.alice, &plain).await;
    // The provider's every connection breaks, so that bob's does.
    world.to_provider.set(Mode::Cut(Way::ToClient, 200_000));
    let (got, breaks) = received(&world.bob, &reference).await.unwrap();
    assert!(got == plain && breaks >= 5, "{breaks}");
    // The same without the media proxy.
    let direct = super::Media { source: world.alice.source.clone(), ..world.bob.clone() };
    let (got, breaks) = received(&direct, &reference).await.unwrap();
    assert!(got == plain && breaks >= 5, "{breaks}");
}

#[tokio::test]
async fn a_blob_that_is_gone_changed_or_not_the_one_that_was_meant_is_a_clear_error() {
    let world = World::start().await;
    let reference = sent(&world.alice, &bytes(100_000)).await;
    let other = sent(&world.alice, &bytes(100_000)).await;
    let refused = |status, problem| Err(MediaError::Api(ApiError::Refused { status, problem }));
    let of = |change: &dyn Fn(&mut MediaReference)| {
        let mut changed = reference.clone();
        change(&mut changed);
        changed
    };
    let with_hash = of(&|changed| changed.sha256 = other.sha256);
    assert!(received(&world.bob, &with_hash).await == Err(OpenError::WrongHash.into()));
    let with_key = of(&|changed| changed.key = other.key.clone());
    assert!(received(&world.bob, &with_key).await == Err(OpenError::Forged.into()));
    let larger = of(&|changed| changed.size += 1);
    assert!(received(&world.bob, &larger).await == Err(MediaError::Changed));
    let mut sealed = world.provider.media().contents().concat();
    sealed.truncate(100_000);
    sealed[50_000] ^= 1;
    world.origin.says(&format!("200 OK\ncontent-length: {}", sealed.len()), &sealed);
    let forged = of(&|changed| {
        changed.url = world.origin.url("/a");
        changed.size = 100_000;
    });
    assert!(matches!(received(&world.bob, &forged).await, Err(MediaError::Open(_))));
    let elsewhere = of(&|changed| changed.url = world.origin.url("/a"));
    assert!(received(&world.alice, &elsewhere).await == Err(MediaError::Elsewhere));
    let name = reference.url.rsplit('/').next().unwrap();
    let request = world.caller.client().delete(format!("{}/{name}", world.alice.endpoint));
    let super::Authorization::Token(token) = &world.alice.authorization else { unreachable!() };
    assert_eq!(request.bearer_auth(token).send().await.unwrap().status(), 204);
    assert!(received(&world.bob, &reference).await == refused(404, "media-vanished"));
    assert!(received(&world.alice, &reference).await == refused(404, "not-found"));
}

#[tokio::test]
async fn a_blob_that_changes_between_two_parts_is_not_put_together() {
    let world = World::start().await;
    let reference = sent(&world.alice, &bytes(100_000)).await;
    let sealed = world.provider.media().contents().concat();
    let head = format!("200 OK\netag: \"a\"\ncontent-length: {}", sealed.len());
    // What it says again to a request for the rest.
    world.origin.does(super::origin::Deed::Say(said(&head, &sealed[..70_000])));
    let there = MediaReference { url: world.origin.url("/a"), ..reference };
    assert!(received(&world.bob, &there).await == Err(MediaError::Changed));
    let asked = world.origin.requests();
    assert!(
        asked[1].contains("range: bytes=70000-\r\n") && asked[1].contains("if-range: \"a\"\r\n"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn who_says_less_or_more_than_there_is_sends_nothing() {
    let world = World::start().await;
    for said in [99, 101] {
        let about = About::new(MediaClass::File, "application/pdf");
        let failed = world.alice.upload(Cursor::new(vec![0; 100]), said, about).await;
        assert_eq!(failed.err(), Some(MediaError::Source), "{said}");
    }
    let Source::Direct { .. } = world.alice.source else { unreachable!() };
    assert_eq!(world.provider.media().contents().len(), 0);
}
