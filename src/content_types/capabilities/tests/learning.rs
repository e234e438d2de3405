//! What the cache takes in, keeps and gives up, and seeds.

use super::*;

fn content(number: usize) -> String {
    format!("{CONTENT}<feature var='urn:{number}'/>")
}

fn learn(cache: &CapabilitiesCache, number: usize) -> CapabilityHash {
    let query = query("", &content(number));
    let hash = hash_of(&query, SHA_1);
    assert!(cache.learn(&[hash], &read(&query).ok().unwrap()));
    hash
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let cache = CapabilitiesCache::new(CacheLimits { entries: 3, bytes: 1 << 20 });
    let hashes: Vec<_> = (0..3).map(|number| learn(&cache, number)).collect();
    assert!(cache.find(&hashes[0]).is_some());
    let last = learn(&cache, 3);
    let found: Vec<_> = hashes.iter().map(|hash| cache.find(hash).is_some()).collect();
    assert_eq!(found, [true, false, true]);
    assert!(cache.find(&last).is_some());
    assert_eq!(cache.len(), 3);
}

#[test]
fn the_bytes_are_bounded_too() {
    let size = read(&query("", &content(0))).ok().unwrap().size();
    assert!(size > content(0).len() / 2, "{size}");
    let cache = CapabilitiesCache::new(CacheLimits { entries: 100, bytes: 2 * size });
    for number in 0..9 {
        learn(&cache, number);
    }
    assert_eq!(cache.len(), 2);
    let nothing = CapabilitiesCache::new(CacheLimits { entries: 100, bytes: size - 1 });
    learn(&nothing, 0);
    assert!(nothing.is_empty());
}

#[test]
fn seeds_are_found_by_all_their_hashes_and_stay() {
    let cache = CapabilitiesCache::new(CacheLimits { entries: 1, bytes: 1 << 20 });
    learn(&cache, 0);
    let recorded = format!(
        "<?xml version='1.0'?><recorded xmlns='jabber:client'> <iq>{}</iq> {} </recorded>",
        query("n#v", &content(0)),
        query("", &content(1))
    );
    assert_eq!(cache.seed(recorded.as_bytes()), Ok(2));
    for number in 2..5 {
        learn(&cache, number);
    }
    for number in 0..2 {
        for kind in HashKind::all() {
            assert!(cache.find(&hash_of(&query("", &content(number)), kind)).is_some());
        }
    }
    assert_eq!(cache.len(), 33);
}

#[test]
fn seeds_are_believed_where_clients_are_not() {
    let ambiguous = query("", "<identity category='client' type='pc' name='a&lt;b'/><feature var='urn:c'/>");
    let cache = cache();
    assert_eq!(cache.seed(format!("<seeds>{ambiguous}</seeds>").as_bytes()), Ok(1));
    assert!(cache.find(&hash_of(&ambiguous, SHA_1)).is_some());
}

#[test]
fn a_file_that_is_wrong_says_so_and_changes_nothing() {
    let cache = cache();
    let good = query("", CONTENT);
    let twice = query("", &format!("{CONTENT}{CONTENT}"));
    for (document, error) in [
        (
            "<a/>".to_owned(),
            "no `<query xmlns='http://jabber.org/protocol/disco#info'>` stands below the outermost element",
        ),
        (
            good.clone(),
            "no `<query xmlns='http://jabber.org/protocol/disco#info'>` stands below the outermost element",
        ),
        (
            format!("<a>{good}{twice}</a>"),
            "the query at byte 324 is not well-formed disco#info: an identity stands twice",
        ),
        (format!("<a>{good}"), "this is not the XML that streams may hold: truncated at byte 321"),
        (format!("<a>{good}<!-- --></a>"), "this is not the XML that streams may hold: comment at byte 321"),
    ] {
        let found = cache.seed(document.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            found.replace(|c: char| c.is_ascii_digit(), ""),
            error.replace(|c: char| c.is_ascii_digit(), "")
        );
        assert!(cache.is_empty());
    }
}

#[test]
fn debug_shows_no_set() {
    let cache = cache();
    learn(&cache, 0);
    assert_eq!(format!("{cache:?}"), "CapabilitiesCache(1 hashes)");
}
