//! Sealing and opening: whatever the sizes, what was sealed is what is opened, and whatever was changed is refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::digest::Hashing;
use super::segments::{HEADER, SEALED_SEGMENT, SEGMENT, TAG};
use super::*;

/// A blob as it is stored, with what its sender says of it.
struct Sample {
    key: MediaKey,
    sealed: Vec<u8>,
    size: u64,
    sha256: Sha256,
}

/// Bytes that differ from segment to segment.
fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place.wrapping_mul(31) ^ (place >> 8)).to_le_bytes()[0]).collect()
}

fn seal(plain: &[u8], chunk: usize) -> Sample {
    let (mut sealer, key) = Sealer::new().unwrap();
    let mut sealed = Vec::new();
    for chunk in plain.chunks(chunk) {
        sealer.push(chunk, &mut sealed).unwrap();
    }
    let Sealed { size, sha256 } = sealer.finish(&mut sealed).unwrap();
    Sample { key, sealed, size, sha256 }
}

/// What is opened of `sealed`, with size and hash as they are, so that nothing but the segments can tell.
fn open(key: &MediaKey, sealed: &[u8], chunk: usize) -> Result<Vec<u8>, OpenError> {
    let mut hashing = Hashing::new();
    hashing.add(sealed);
    open_as(key, (sealed.len() as u64, hashing.end()), sealed, chunk)
}

fn open_as(
    key: &MediaKey,
    (size, sha256): (u64, Sha256),
    sealed: &[u8],
    chunk: usize,
) -> Result<Vec<u8>, OpenError> {
    let mut opener = Opener::new(key, size, sha256)?;
    let mut plain = Vec::new();
    for chunk in sealed.chunks(chunk.max(1)) {
        opener.push(chunk, &mut plain)?;
    }
    opener.finish(&mut plain)?;
    Ok(plain)
}

/// The sealed segments of a blob, behind its header.
fn segments(sealed: &[u8]) -> Vec<&[u8]> {
    sealed[HEADER..].chunks(SEALED_SEGMENT).collect()
}

fn joined(sealed: &[u8], segments: &[&[u8]]) -> Vec<u8> {
    [&sealed[..HEADER], &segments.concat()].concat()
}

#[test]
fn every_size_around_a_segments_end_is_opened_as_it_was_and_foretold() {
    for length in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 5] {
        let plain = plain(length);
        let sample = seal(&plain, SEGMENT);
        assert!(open(&sample.key, &sample.sealed, 4096) == Ok(plain), "{length}");
        let size = sample.sealed.len() as u64;
        assert_eq!((sample.size, sealed_size(length as u64)), (size, Some(size)));
        assert_eq!(plain_size(size), Some(length as u64));
    }
    for none in [0, 7, (HEADER + TAG - 1) as u64, (HEADER + SEALED_SEGMENT + TAG) as u64] {
        assert_eq!(plain_size(none), None, "{none}");
    }
    assert_eq!(sealed_size(u64::MAX), None);
}

#[test]
fn nothing_of_what_was_sealed_is_in_the_blob_and_no_two_are_alike() {
    let text = b"Meet me at the corner at nine.".repeat(100);
    let [first, second] = [seal(&text, 1000), seal(&text, 1000)];
    assert!(!first.sealed.windows(8).any(|window| text.windows(8).any(|words| words == window)));
    assert!(first.sealed[HEADER..] != second.sealed[HEADER..] && first.key != second.key);
}

#[test]
fn a_segment_that_is_missing_doubled_moved_or_of_another_blob_is_refused() {
    let bytes = plain(3 * SEGMENT + 100);
    let sample = seal(&bytes, SEGMENT);
    let all = segments(&sample.sealed);
    let other = seal(&bytes, SEGMENT);
    let foreign = segments(&other.sealed);
    let changed: [&[&[u8]]; 10] = [
        &all[..3],
        &all[1..],
        &[all[0], all[2], all[3]],
        &[all[0], all[0], all[1], all[2], all[3]],
        &[all[0], all[2], all[1], all[3]],
        &[all[0], all[1], all[2], all[3], all[3]],
        &[all[0], foreign[1], all[2], all[3]],
        &[all[0], all[1], all[2], foreign[3]],
        &[all[3]],
        &[],
    ];
    for (number, segments) in changed.into_iter().enumerate() {
        let refused = open(&sample.key, &joined(&sample.sealed, segments), 1000);
        assert!(matches!(refused, Err(OpenError::Forged | OpenError::Truncated)), "{number}: {refused:?}");
    }
    assert_eq!(open(&other.key, &sample.sealed, 1000), Err(OpenError::Forged));
}

#[test]
fn a_blob_that_ends_on_a_segments_end_cannot_be_cut_there_or_go_on() {
    let sample = seal(&plain(2 * SEGMENT), SEGMENT);
    let all = segments(&sample.sealed);
    assert_eq!(open(&sample.key, &joined(&sample.sealed, &all[..1]), 999), Err(OpenError::Forged));
    let empty = [0; TAG];
    let longer = joined(&sample.sealed, &[all[0], all[1], &empty]);
    assert_eq!(open(&sample.key, &longer, 999), Err(OpenError::Forged));
}

#[test]
fn what_its_sender_says_of_a_blob_is_held_against_what_comes() {
    let bytes = plain(100);
    let sample = seal(&bytes, 7);
    let said = |size, sha256| open_as(&sample.key, (size, sha256), &sample.sealed, 16);
    assert_eq!(said(sample.size, sample.sha256), Ok(bytes));
    assert_eq!(said(sample.size + 1, sample.sha256), Err(OpenError::Truncated));
    assert_eq!(said(sample.size - 1, sample.sha256), Err(OpenError::TooLong));
    assert_eq!(said(sample.size, seal(b"", 1).sha256), Err(OpenError::WrongHash));
    let mut newer = sample.sealed.clone();
    newer[0] += 1;
    assert_eq!(open(&sample.key, &newer, 16), Err(OpenError::Version));
}

#[test]
fn no_more_than_a_segment_is_kept_while_a_blob_passes() {
    let (mut sealer, key) = Sealer::new().unwrap();
    let (mut sealed, mut largest) = (Vec::new(), 0);
    let mut all = Vec::new();
    for _ in 0..50 {
        sealed.clear();
        sealer.push(&[7; 10_000], &mut sealed).unwrap();
        largest = largest.max(sealed.capacity());
        all.extend_from_slice(&sealed);
    }
    sealed.clear();
    let Sealed { size, sha256 } = sealer.finish(&mut sealed).unwrap();
    all.extend_from_slice(&sealed);
    let mut opener = Opener::new(&key, size, sha256).unwrap();
    let (mut plain, mut opened) = (Vec::new(), 0);
    for chunk in all.chunks(10_000) {
        plain.clear();
        opener.push(chunk, &mut plain).unwrap();
        opened += plain.len();
        largest = largest.max(plain.capacity());
    }
    plain.clear();
    opener.finish(&mut plain).unwrap();
    assert_eq!(opened + plain.len(), 500_000);
    assert!(largest <= 2 * SEALED_SEGMENT, "{largest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_chunking_seals_and_opens_the_same(
        length in 0..3 * SEGMENT,
        (pushed, taken) in (1..2 * SEGMENT, 1..2 * SEGMENT),
    ) {
        let plain = plain(length);
        let sample = seal(&plain, pushed);
        prop_assert_eq!(sample.sealed.len() as u64, sealed_size(length as u64).unwrap());
        prop_assert!(open(&sample.key, &sample.sealed, taken) == Ok(plain));
    }

    #[test]
    fn any_changed_byte_is_refused(length in 0..2 * SEGMENT, place in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let sample = seal(&plain(length), SEGMENT);
        let mut changed = sample.sealed.clone();
        let place = place.index(changed.len());
        changed[place] ^= change;
        prop_assert!(open(&sample.key, &changed, SEGMENT).is_err());
        // Its sender's hash tells, too, whatever the cipher says.
        let said = (sample.size, sample.sha256);
        prop_assert!(open_as(&sample.key, said, &changed, SEGMENT).is_err());
    }

    #[test]
    fn any_cut_and_anything_behind_the_end_is_refused(
        length in 0..2 * SEGMENT,
        cut in any::<prop::sample::Index>(),
        more in vec(any::<u8>(), 1..100),
    ) {
        let sample = seal(&plain(length), SEGMENT);
        let cut = &sample.sealed[..cut.index(sample.sealed.len())];
        prop_assert!(open(&sample.key, cut, SEGMENT).is_err());
        prop_assert!(open(&sample.key, &[&sample.sealed[..], &more].concat(), SEGMENT).is_err());
    }

    #[test]
    fn no_text_makes_reading_a_reference_fail_otherwise_than_by_an_error(text in vec(any::<u8>(), 0..300)) {
        prop_assert!(MediaReference::parse(&text).is_err());
    }
}

/// A reference with everything in it.
fn reference() -> MediaReference {
    let Sample { key, size, sha256, .. } = seal(b"a picture", 9);
    MediaReference {
        url: "https://media.example/media/a".to_owned(),
        key,
        size,
        sha256,
        media_type: "image/png".to_owned(),
        class: MediaClass::Image,
        name: Some("a picture.png".to_owned()),
        duration: Some(1500),
        dimensions: Some(Dimensions { width: 640, height: 480 }),
    }
}

#[test]
fn a_reference_is_read_as_it_was_written() {
    let written = reference();
    assert!(MediaReference::parse(&written.to_json().unwrap()) == Ok(written.clone()));
    let bare = MediaReference { name: None, duration: None, dimensions: None, ..written };
    let json = bare.to_json().unwrap();
    assert!(MediaReference::parse(&json) == Ok(bare));
    let text = String::from_utf8(json).unwrap();
    assert!(!text.contains("null") && !text.contains("name"), "{text}");
}

#[test]
fn a_reference_shows_neither_its_key_nor_its_url() {
    let reference = reference();
    let shown = format!("{reference:?} {:?}", reference.key);
    assert!(!shown.contains(reference.key.text().as_str()) && !shown.contains("media.example"), "{shown}");
}

#[test]
fn a_reference_that_could_not_be_is_refused() {
    let refused = |change: &dyn Fn(&mut MediaReference)| {
        let mut changed = reference();
        change(&mut changed);
        let json = serde_json::to_vec(&changed).unwrap();
        assert_eq!(changed.to_json().err(), MediaReference::parse(&json).err());
        MediaReference::parse(&json).err()
    };
    assert_eq!(refused(&|_| ()), None);
    for url in ["", "a", "http://a.example/", "https://a@b.example/", "https://a.example/#b"] {
        assert_eq!(refused(&|changed| changed.url = url.to_owned()), Some(ReferenceError::Url), "{url}");
    }
    let long = format!("https://a.example/{}", "a".repeat(1024));
    assert_eq!(refused(&|changed| changed.url.clone_from(&long)), Some(ReferenceError::Url));
    for size in [0, 10, LARGEST_BLOB + 1, u64::MAX] {
        assert_eq!(refused(&|changed| changed.size = size), Some(ReferenceError::Size), "{size}");
    }
    for media_type in ["", "image", "image/", "a b/c"] {
        let of_type = refused(&|changed| changed.media_type = media_type.to_owned());
        assert_eq!(of_type, Some(ReferenceError::MediaType), "{media_type}");
    }
    for name in ["", "..", "a/b", "a\\b", "a\nb", &"a".repeat(321)] {
        let named = refused(&|changed| changed.name = Some(name.to_owned()));
        assert_eq!(named, Some(ReferenceError::Name), "{name}");
    }
    let flat = Dimensions { width: 0, height: 1 };
    assert_eq!(refused(&|changed| changed.dimensions = Some(flat)), Some(ReferenceError::Extent));
    assert_eq!(refused(&|changed| changed.duration = Some(u64::MAX)), Some(ReferenceError::Extent));
    let json = reference().to_json().unwrap();
    let padded = [&json[..], &b" ".repeat(4096)].concat();
    assert_eq!(MediaReference::parse(&padded).err(), Some(ReferenceError::TooLong));
    for (from, to) in
        [("\"key\":\"", "\"key\":\"A"), ("\"sha256\":\"", "\"sha256\":\"A"), ("\"url\"", "\"uri\"")]
    {
        let changed = String::from_utf8(json.clone()).unwrap().replace(from, to);
        assert_eq!(
            MediaReference::parse(changed.as_bytes()).err(),
            Some(ReferenceError::Malformed),
            "{from}"
        );
    }
}
