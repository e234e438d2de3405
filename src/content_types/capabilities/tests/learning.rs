//! What the cache takes in, keeps and gives up, and seeds.

use super::*;
use crate::content_types::Seeds;

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
    assert!(cache.find(&hashes[0], false).is_some());
    let last = learn(&cache, 3);
    let found: Vec<_> = hashes.iter().map(|hash| cache.find(hash, false).is_some()).collect();
    assert_eq!(found, [true, false, true]);
    assert!(cache.find(&last, false).is_some());
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
            assert!(cache.find(&hash_of(&query("", &content(number)), kind), false).is_some());
        }
    }
    assert_eq!(cache.len(), 33);
}

#[test]
fn other_seeds_take_the_place_of_those_before_and_what_was_learnt_stays() {
    let cache = CapabilitiesCache::new(CacheLimits { entries: 1, bytes: 1 << 20 });
    let learnt = learn(&cache, 0);
    let seeds = |number| {
        let document = format!("<seeds>{}</seeds>", query("", &content(number)));
        Seeds::read([document.as_bytes()]).unwrap()
    };
    let is_known = |number| cache.find(&hash_of(&query("", &content(number)), SHA_1), false).is_some();
    cache.replace_seeds(seeds(1));
    assert!(is_known(1));
    for _ in 0..100 {
        cache.replace_seeds(seeds(2));
    }
    assert_eq!((is_known(1), is_known(2)), (false, true));
    assert!(cache.find(&learnt, false).is_some());
    // Of each set, all hashes of the seed and one of what was learnt.
    assert_eq!(cache.len(), HashKind::all().count() + 1);
}

#[test]
fn seeds_are_believed_where_clients_are_not() {
    let ambiguous = query("", "<identity category='client' type='pc' name='a&lt;b'/><feature var='urn:c'/>");
    let cache = cache();
    assert_eq!(cache.seed(format!("<seeds>{ambiguous}</seeds>").as_bytes()), Ok(1));
    assert!(cache.find(&hash_of(&ambiguous, SHA_1), false).is_some());
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

#[test]
fn a_set_is_charged_once_for_all_its_hashes() {
    let (query, size) = (query("", CONTENT), read(&query("", CONTENT)).ok().unwrap().size());
    let cache = CapabilitiesCache::new(CacheLimits { entries: 100, bytes: size });
    let hashes: Vec<_> = HashKind::all().map(|kind| hash_of(&query, kind)).collect();
    assert!(cache.learn(&hashes, &read(&query).ok().unwrap()));
    assert_eq!(cache.len(), hashes.len());
}

#[test]
fn what_one_session_taught_pushes_out_what_nobody_else_used() {
    let cache = CapabilitiesCache::new(CacheLimits { entries: 3, bytes: 1 << 20 });
    let shared: Vec<_> = (0..2).map(|number| learn(&cache, number)).collect();
    assert!(shared.iter().all(|hash| cache.find(hash, false).is_some()));
    for number in 2..9 {
        let taught = learn(&cache, number);
        assert!(cache.find(&taught, true).is_some());
    }
    assert!(shared.iter().all(|hash| cache.find(hash, false).is_some()));
    // If others use all of them, there is no other way.
    let last = learn(&cache, 9);
    assert!(cache.find(&last, false).is_some());
    let next = learn(&cache, 10);
    assert!(cache.find(&next, false).is_some() && cache.find(&shared[0], false).is_none());
}

#[test]
fn one_session_pushes_out_no_more_bytes_than_it_may_teach() {
    let cache = CapabilitiesCache::new(CacheLimits { entries: 4096, bytes: 256 << 10 });
    let mut honest = Peers::new(&cache);
    let widespread: Vec<_> = (0..100).map(|number| learn(&cache, number)).collect();
    let presences: Vec<_> =
        widespread.iter().map(|hash| presence(&c_0115("sha-1", &hash.digest.to_base64()))).collect();
    assert!(presences.iter().all(|before| honest.client(before) != *before));
    let mut hostile = Peers::new(&cache);
    let mut learnt = 0;
    for lesson in 0..16 {
        let features: String = (0..800).map(|number| format!("<feature var='{number:04}'/>")).collect();
        let content = format!("<identity category='client' type='pc' name='{lesson}'/>{features}");
        let ver = hash_of(&query("", &content), SHA_1).digest.to_base64();
        hostile.client(&presence(&c_0115("sha-1", &ver)));
        hostile.exchange(&format!("https://client.example#{ver}"), &content);
        learnt += usize::from(hostile.last.learnt);
    }
    assert_eq!(learnt, 2);
    assert!(presences.iter().all(|before| honest.client(before) != *before));
}
