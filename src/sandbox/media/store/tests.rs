use super::*;

const LIMITS: Limits =
    Limits { blob: 100, account: 150, all: 250, blobs: 3, uploads: 2, lifetime: Duration::from_secs(60) };

fn keep(store: &Arc<Store>, account: &str, bytes: usize, now: Instant) -> Result<BlobName, StoreError> {
    let mut upload = store.begin(account, now)?;
    upload.push(&vec![7; bytes])?;
    Ok(upload.finish(now)?.name)
}

#[test]
fn a_blob_is_given_as_it_came_from_wherever_it_is_asked_for() {
    let (store, now) = (Store::new(Limits::default()), Instant::now());
    let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|place| (place % 251) as u8).collect();
    let mut upload = store.begin("ann", now).unwrap();
    for chunk in bytes.chunks(10_007) {
        upload.push(chunk).unwrap();
    }
    let stored = upload.finish(now).unwrap();
    let blob = store.find(stored.name, now).unwrap();
    for start in [0, 1, PIECE - 1, PIECE, 3 * PIECE + 16, 3 * PIECE + 17] {
        let mut read = Vec::new();
        while read.len() < bytes.len() - start {
            read.extend_from_slice(&blob.at((start + read.len()) as u64));
        }
        assert!(read == bytes[start..], "{start}");
    }
    assert!(blob.at(u64::MAX).is_empty());
    assert_eq!(store.held(now), (1, bytes.len() as u64));
}

#[test]
fn a_large_push_is_kept_in_pieces_of_one_size() {
    let (store, now) = (Store::new(Limits::default()), Instant::now());
    let mut upload = store.begin("ann", now).unwrap();
    upload.push(&[1; 5]).unwrap();
    upload.push(&vec![2; 5 * PIECE]).unwrap();
    let name = upload.finish(now).unwrap().name;
    let blob = store.find(name, now).unwrap();
    assert_eq!(
        blob.pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
        [PIECE, PIECE, PIECE, PIECE, PIECE, 5]
    );
}

#[test]
fn blobs_accounts_and_the_store_are_bounded() {
    let (store, now) = (Store::new(LIMITS), Instant::now());
    assert_eq!(keep(&store, "ann", 101, now), Err(StoreError::TooLarge));
    assert!(keep(&store, "ann", 100, now).is_ok());
    assert_eq!(keep(&store, "ann", 51, now), Err(StoreError::AccountFull));
    assert!(keep(&store, "ann", 50, now).is_ok());
    assert!(keep(&store, "ben", 100, now).is_ok());
    assert_eq!(keep(&store, "cat", 1, now), Err(StoreError::Full));
    assert_eq!(store.held(now), (3, 250));
}

#[test]
fn an_account_has_so_many_blobs_and_uploads_at_a_time() {
    let (store, now) = (Store::new(LIMITS), Instant::now());
    let uploads = [store.begin("ann", now).unwrap(), store.begin("ann", now).unwrap()];
    assert_eq!(store.begin("ann", now).err(), Some(StoreError::TooManyUploads));
    assert!(store.begin("ben", now).is_ok());
    drop(uploads);
    for _ in 0..LIMITS.blobs {
        assert!(keep(&store, "ann", 0, now).is_ok());
    }
    assert_eq!(keep(&store, "ann", 0, now), Err(StoreError::AccountFull));
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let (store, now) = (Store::new(LIMITS), Instant::now());
    let mut upload = store.begin("ann", now).unwrap();
    upload.push(&[0; 80]).unwrap();
    assert_eq!(store.held(now), (0, 80));
    drop(upload);
    assert_eq!(store.held(now), (0, 0));
    assert!(store.kept().accounts.is_empty());
}

#[test]
fn a_blob_is_there_for_its_time_and_leaves_its_room_to_others() {
    let (store, now) = (Store::new(LIMITS), Instant::now());
    let name = keep(&store, "ann", 100, now).unwrap();
    let later = now + LIMITS.lifetime;
    assert!(store.find(name, later - Duration::from_millis(1)).is_some());
    assert!(store.find(name, later).is_none());
    assert!(keep(&store, "ann", 100, later).is_ok());
    assert_eq!(store.held(later), (1, 100));
    assert_eq!(store.held(later + LIMITS.lifetime), (0, 0));
    let kept = store.kept();
    assert!(kept.accounts.is_empty() && kept.expiring.is_empty());
}

#[test]
fn a_blob_goes_with_its_account_or_by_its_own_word_and_nobody_elses() {
    let (store, now) = (Store::new(LIMITS), Instant::now());
    let [first, second] = [10, 20].map(|bytes| keep(&store, "ann", bytes, now).unwrap());
    let bens = keep(&store, "ben", 30, now).unwrap();
    assert!(!store.delete("ben", first));
    assert!(store.delete("ann", first) && !store.delete("ann", first));
    assert_eq!(store.held(now), (2, 50));
    let mut under_way = store.begin("ann", now).unwrap();
    under_way.push(&[0; 5]).unwrap();
    store.forget("ann");
    assert_eq!(under_way.finish(now), Err(StoreError::AccountGone));
    assert!(store.find(second, now).is_none() && store.find(bens, now).is_some());
    assert_eq!(store.held(now), (1, 30));
    assert_eq!(store.kept().expiring.len(), 1);
}

#[test]
fn a_name_is_read_as_it_was_written_and_shown_nowhere_else() {
    let name = BlobName([0xA5; NAME_BYTES]);
    assert_eq!(BlobName::parse(&name.text()), Some(name));
    assert_eq!(format!("{name:?}"), "BlobName");
    for other in ["", "a", &"a".repeat(42), &"a".repeat(44), &"ä".repeat(43), &"a".repeat(1000)] {
        assert_eq!(BlobName::parse(other), None, "{other}");
    }
}
