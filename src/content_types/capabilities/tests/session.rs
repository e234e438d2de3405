//! Whole conversations.

use super::*;

const EXAMPLE: &str = "https://client.example";

fn base64_of(content: &str, kind: HashKind) -> String {
    hash_of(&query("", content), kind).digest.to_base64()
}

fn kind(family: Family, algorithm: Algorithm) -> HashKind {
    HashKind { family, algorithm }
}

/// A presence with one hash of a set.
fn presence_with(kind: HashKind, digest: &str) -> String {
    match kind.family {
        Family::Capabilities => presence(&c_0115(kind.algorithm.name(), digest)),
        Family::Capabilities2 => presence(&c_0390(&[(kind.algorithm.name(), digest)])),
    }
}

fn node(kind: HashKind, digest: &str) -> String {
    match kind.family {
        Family::Capabilities => format!("{EXAMPLE}#{digest}"),
        Family::Capabilities2 => format!("urn:xmpp:caps#{}.{digest}", kind.algorithm.name()),
    }
}

/// What stands in `after` where `before` has `original`, everything else being the same.
fn in_the_place_of(original: &str, before: &str, after: &str) -> String {
    let (start, end) = before.split_once(original).unwrap();
    after.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap().to_owned()
}

#[test]
fn an_unknown_set_passes_is_learnt_and_then_edited_so_that_the_hash_is_true() {
    for kind in HashKind::all() {
        let cache = cache();
        let mut peers = Peers::new(&cache);
        let original = base64_of(CONTENT, kind);
        let before = presence_with(kind, &original);
        assert_eq!(peers.client(&before), before);
        assert!(!peers.last.advertises);

        let first = peers.exchange(&node(kind, &original), CONTENT);
        assert_eq!(first, (answer("q1", &query(&node(kind, &original), CONTENT)), node(kind, &original)));
        assert!(peers.last.learnt && !peers.last.advertises);

        let digest = in_the_place_of(&original, &before, &peers.client(&before));
        assert!(peers.last.advertises);
        let (answer, asked) = peers.exchange(&node(kind, &digest), CONTENT);
        assert_eq!(asked, node(kind, &original));
        assert!(answer.contains(&node(kind, &digest)) && !answer.contains(&original));
        assert!(peers.last.advertises && !peers.last.learnt);
        assert_eq!(second_reader::hash(&answer, kind), digest, "{}", kind.algorithm.name());
    }
}

#[test]
fn what_one_session_learnt_another_one_uses() {
    let cache = cache();
    let digest = base64_of(CONTENT, SHA_1);
    let before = presence_with(SHA_1, &digest);
    let mut first = Peers::new(&cache);
    first.client(&before);
    first.exchange(&node(SHA_1, &digest), CONTENT);
    let mut second = Peers::new(&cache);
    assert_ne!(second.client(&before), before);
    let mut other_profile = Peers::new(&cache);
    other_profile.advertisement = empty_advertisement();
    assert_ne!(other_profile.client(&before), second.client(&before));
}

#[test]
fn both_kinds_of_hashes_are_edited_together_or_not_at_all() {
    let (sha_1, sha3) = (base64_of(CONTENT, SHA_1), base64_of(CONTENT, SHA3_256));
    let sha_512 = kind(Family::Capabilities2, Algorithm::Sha512);
    let hashes = [("sha3-256", sha3.as_str()), ("sha-512", &base64_of(CONTENT, sha_512))];
    let both = presence(&(c_0115("sha-1", &sha_1) + &c_0390(&hashes)));
    for asked in [node(SHA_1, &sha_1), node(SHA3_256, &sha3)] {
        let cache = cache();
        let mut peers = Peers::new(&cache);
        assert_eq!(peers.client(&both), both);
        peers.exchange(&asked, CONTENT);
        let edited = peers.client(&both);
        assert_eq!(edited.len(), both.len());
        for (_, digest) in hashes.iter().chain(&[("sha-1", sha_1.as_str())]) {
            assert!(!edited.contains(digest));
        }
        let wrong = both.replace(&sha3, &base64_of("<feature var='urn:x'/>", SHA3_256));
        assert_eq!(peers.client(&wrong), wrong, "the two contradict each other");
    }
}

#[test]
fn a_hash_that_cannot_be_computed_is_taken_out_beside_one_that_can() {
    let digest = base64_of(CONTENT, SHA3_256);
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let unknown = ("blake2b-256", "AAAA");
    let alone = presence(&c_0390(&[unknown]));
    let before = presence(&c_0390(&[unknown, ("sha3-256", &digest), unknown]));
    assert_eq!(peers.client(&before), before);
    peers.exchange(&node(SHA3_256, &digest), CONTENT);
    let without = presence_with(SHA3_256, &digest);
    assert_eq!(peers.client(&before), peers.client(&without));
    assert_ne!(peers.client(&without), without);
    assert_eq!(peers.client(&alone), alone);
}

#[test]
fn what_cannot_be_made_true_passes_with_all_beside_it() {
    let cache = cache();
    cache.seed(format!("<seeds>{}</seeds>", query("", CONTENT)).as_bytes()).unwrap();
    let known = c_0390(&[("sha3-256", &base64_of(CONTENT, SHA3_256))]);
    let digest = base64_of(CONTENT, SHA_1);
    let mut peers = Peers::new(&cache);
    assert_ne!(peers.client(&presence(&known)), presence(&known));
    let legacy = format!("<c xmlns='http://jabber.org/protocol/caps' node='n' ver='{digest}'/>");
    let md5 = c_0115("md5", "AAAA");
    let long = c_0115("sha-1", &digest).replace(EXAMPLE, &"n".repeat(1025));
    let many = c_0390(&[("sha3-256", base64_of(CONTENT, SHA3_256).as_str()); 7]);
    for other in [legacy, md5, c_0115("sha-1", "0.9"), c_0390(&[]), c_0390(&[("sha-256", "x")]), long, many] {
        for content in [format!("{known}{other}"), format!("{other}{known}"), other] {
            assert_eq!(peers.client(&presence(&content)), presence(&content));
        }
    }
}

#[test]
fn only_stanzas_that_advertise_are_edited() {
    let cache = cache();
    cache.seed(format!("<seeds>{}</seeds>", query("", CONTENT)).as_bytes()).unwrap();
    let mut peers = Peers::new(&cache);
    let hashes = c_0390(&[("sha3-256", &base64_of(CONTENT, SHA3_256))]);
    let known = c_0115("sha-1", &base64_of(CONTENT, SHA_1)) + &hashes;
    for before in [
        format!("<presence xmlns='jabber:client' to='room@example/nick'>{known}</presence>"),
        format!("<iq xmlns='jabber:client' type='set' id='1'>{hashes}</iq>"),
    ] {
        assert_ne!(peers.client(&before), before);
    }
    for before in [
        format!("<presence xmlns='jabber:client' type='unavailable'>{known}</presence>"),
        format!("<presence xmlns='jabber:client' type='subscribe' to='a@b'>{known}</presence>"),
        format!("<presence xmlns='jabber:client'><x xmlns='urn:x'>{known}</x></presence>"),
        format!("<message xmlns='jabber:client'>{known}</message>"),
        format!(
            "<message xmlns='jabber:client'><forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded></message>",
            presence(&known)
        ),
        format!("<iq xmlns='jabber:client' type='result' id='1'>{hashes}</iq>"),
        format!(
            "<iq xmlns='jabber:client' type='set' id='1'>{}</iq>",
            c_0115("sha-1", &base64_of(CONTENT, SHA_1))
        ),
        format!("<presence xmlns='jabber:server'>{known}</presence>"),
    ] {
        assert_eq!(peers.client(&before), before);
    }
}

#[test]
fn an_edited_presence_is_not_edited_again() {
    let cache = cache();
    cache.seed(format!("<seeds>{}</seeds>", query("", CONTENT)).as_bytes()).unwrap();
    let mut peers = Peers::new(&cache);
    let once = peers.client(&presence_with(SHA_1, &base64_of(CONTENT, SHA_1)));
    assert_eq!(peers.client(&once), once);
    // Nor if the set that it stands for is known.
    let edited = format!("{CONTENT}{}", String::from_utf8_lossy(advertisement().bytes()));
    cache.seed(format!("<seeds>{}</seeds>", query("", &edited)).as_bytes()).unwrap();
    assert_eq!(peers.client(&once), once);
    assert!(peers.last.advertises);
}

#[test]
fn the_last_three_sets_are_answered_for_and_earlier_ones_as_far_as_the_cache_knows_them() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let content = |number: usize| format!("{CONTENT}<feature var='urn:{number}'/>");
    let mut edited = Vec::new();
    for number in 0..4 {
        cache.seed(format!("<seeds>{}</seeds>", query("", &content(number))).as_bytes()).unwrap();
        let original = base64_of(&content(number), SHA_1);
        let before = presence_with(SHA_1, &original);
        edited.push(in_the_place_of(&original, &before, &peers.client(&before)));
        // Advertised again, it is still one set.
        peers.client(&before);
    }
    for (number, digest) in edited.iter().enumerate() {
        let (answer, asked) = peers.exchange(&node(SHA_1, digest), &content(number));
        assert_eq!(asked, node(SHA_1, &base64_of(&content(number), SHA_1)));
        assert_eq!(second_reader::hash(&answer, SHA_1), *digest);
        let of_the_session = testing::with_frame(&question("q1", &node(SHA_1, digest)), |frame| {
            let tree = Tree::of(frame).unwrap();
            peers.capabilities.ask(frame, &tree, &super::cache(), &peers.advertisement).is_some()
        });
        assert_eq!(of_the_session, number > 0);
    }
}

#[test]
fn a_node_of_the_clients_own_is_answered_as_the_client_does() {
    let cache = cache();
    cache.seed(format!("<seeds>{}</seeds>", query("", CONTENT)).as_bytes()).unwrap();
    let mut peers = Peers::new(&cache);
    let digest = base64_of(CONTENT, SHA_1);
    peers.client(&presence_with(SHA_1, &digest));
    for node in [node(SHA_1, &digest), "http://jabber.org/protocol/commands".to_owned()] {
        assert_eq!(peers.exchange(&node, CONTENT), (answer("q1", &query(&node, CONTENT)), node.clone()));
    }
}

#[test]
fn a_question_without_a_node_is_answered_for_the_profile_and_taught_from() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let before = presence_with(SHA_1, &base64_of(CONTENT, SHA_1));
    peers.client(&before);
    for (number, node) in ["", " node=''"].into_iter().enumerate() {
        let asked = question("q1", "").replace("disco#info'", &format!("disco#info'{node}"));
        assert_eq!(peers.gatekeeper(&asked), asked);
        let answer = peers.client(&answer("q1", &query("", CONTENT)));
        assert!(answer.contains("urn:example:content:text") && peers.last.advertises);
        assert_eq!(peers.last.learnt, number == 0);
        peers.client(&before);
    }
    assert_eq!(cache.len(), 1);
}

#[test]
fn only_the_answer_to_a_question_is_edited_and_only_once() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let result = answer("q1", &query("", CONTENT));
    assert_eq!(peers.client(&result), result, "nobody asked");
    peers.gatekeeper(&question("q1", ""));
    for other in [
        result.replace("q1", "q2"),
        result.replace("g@example/r", "g@example/other"),
        result.replace(" to='g@example/r'", ""),
        result.replace("type='result'", "type='set'"),
        format!("<message xmlns='jabber:client' id='q1' to='g@example/r'>{}</message>", query("", CONTENT)),
    ] {
        assert_eq!(peers.client(&other), other);
    }
    assert_ne!(peers.client(&result), result);
    assert_eq!(peers.client(&result), result);
    peers.gatekeeper(&question("&#113;1", "").replace(" from='g@example/r'", ""));
    let to_the_account = result.replace(" to='g@example/r'", "");
    assert_ne!(peers.client(&to_the_account), to_the_account);
}

#[test]
fn an_error_ends_the_wait_and_names_the_node_that_was_asked_for() {
    let cache = cache();
    cache.seed(format!("<seeds>{}</seeds>", query("", CONTENT)).as_bytes()).unwrap();
    let mut peers = Peers::new(&cache);
    let original = base64_of(CONTENT, SHA_1);
    let before = presence_with(SHA_1, &original);
    let digest = in_the_place_of(&original, &before, &peers.client(&before));
    peers.gatekeeper(&question("q1", &node(SHA_1, &digest)));
    let error = |node: &str| answer("q1", &query(node, "")).replace("'result'", "'error'");
    assert_eq!(peers.client(&error(&node(SHA_1, &original))), error(&node(SHA_1, &digest)));
    let result = answer("q1", &query("", CONTENT));
    assert_eq!(peers.client(&result), result);
}

#[test]
fn a_bounded_number_of_questions_is_followed_and_the_oldest_goes() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    for number in 0..9 {
        peers.gatekeeper(&question(&format!("q{number}"), ""));
    }
    let long = "i".repeat(257);
    peers.gatekeeper(&question(&long, ""));
    for (id, edited) in [("q0", false), ("q1", true), ("q8", true), (&long, false)] {
        let result = answer(id, &query("", CONTENT));
        assert_eq!(peers.client(&result) != result, edited, "{id}");
    }
}

#[test]
fn an_inherited_language_counts_if_the_client_counted_it() {
    let inherited = CONTENT.replace("<identity", "<identity xml:lang='de'");
    for kind in [SHA_1, SHA3_256] {
        for content in [CONTENT, &inherited] {
            let cache = cache();
            let mut peers = Peers::new(&cache);
            peers.stream_language = Some("de");
            let original = base64_of(content, kind);
            let before = presence_with(kind, &original);
            peers.client(&before);
            peers.exchange(&node(kind, &original), CONTENT);
            let digest = in_the_place_of(&original, &before, &peers.client(&before));
            let (answer, _) = peers.exchange(&node(kind, &digest), content);
            assert_eq!(second_reader::hash(&answer, kind), digest);
        }
    }
    // The nearest one counts, and an empty one is none.
    for (query, language) in [
        ("<iq xml:lang='fr'><query xml:lang='it'/></iq>", "it"),
        ("<iq xml:lang='fr'><query/></iq>", "fr"),
        ("<iq xml:lang=''><query/></iq>", ""),
        ("<iq><query/></iq>", "de"),
    ] {
        testing::with_frame(query, |frame| {
            let tree = Tree::of(frame).unwrap();
            let info = DiscoInfo::read(frame.bytes, &tree, &tree.elements()[1], Some("de"));
            assert_eq!(info.ok().unwrap().inherited_language, language);
        });
    }
}

#[test]
fn nothing_is_kept_before_capabilities_are_spoken_of() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    peers.client("<presence xmlns='jabber:client'/>");
    peers.client(&answer("q1", &query("", CONTENT)));
    peers.gatekeeper(&question("q1", "urn:some:node"));
    assert!(peers.capabilities.state.is_none());
    assert_eq!(size_of::<Capabilities>(), size_of::<usize>());
}
