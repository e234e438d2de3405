//! Questions that could be mistaken for each other, or were asked of a session before this one.

use super::*;

const EXAMPLE: &str = "https://client.example";

fn base64_of(content: &str) -> String {
    hash_of(&query("", content), SHA_1).digest.to_base64()
}

/// Advertises a set, whose node and edited node these are.
fn advertise(peers: &mut Peers<'_>, content: &str) -> (String, String) {
    let original = base64_of(content);
    let edited = peers.client(&presence(&c_0115("sha-1", &original)));
    let edited = edited.split("ver='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    (format!("{EXAMPLE}#{original}"), format!("{EXAMPLE}#{edited}"))
}

/// Lets a session teach the set, so that it is edited from then on.
fn teach(peers: &mut Peers<'_>, content: &str) -> (String, String) {
    let (original, _) = advertise(peers, content);
    peers.exchange(&original, content);
    advertise(peers, content)
}

fn answer_at(id: &str, node: &str) -> String {
    answer(id, &query(node, CONTENT))
}

#[test]
fn however_many_questions_are_open_each_answer_is_true() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let (original, edited) = teach(&mut peers, CONTENT);
    peers.gatekeeper(&question("by-edited", &edited));
    peers.gatekeeper(&question("by-original", &original));
    for number in 0..100 {
        let other = question(&format!("x{number}"), "").replace("g@example/r", "mallory@example/r");
        peers.gatekeeper(&other);
    }
    let answer = peers.client(&answer_at("by-edited", &original));
    assert_eq!(format!("{EXAMPLE}#{}", second_reader::hash(&answer, SHA_1)), edited);
    assert!(answer.contains(&edited) && !answer.contains(&original));
    let unedited = answer_at("by-original", &original);
    assert_eq!(peers.client(&unedited), unedited);
}

#[test]
fn an_id_that_is_used_again_is_of_the_last_question() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let (original, edited) = teach(&mut peers, CONTENT);
    peers.gatekeeper(&question("q1", &original));
    peers.gatekeeper(&question("q1", &edited));
    assert!(peers.client(&answer_at("q1", &original)).contains(&edited));
}

#[test]
fn of_two_profiles_each_is_answered_by_the_hash_that_was_given_for_it() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let (original, first) = teach(&mut peers, CONTENT);
    peers.advertisement = empty_advertisement();
    let (_, second) = advertise(&mut peers, CONTENT);
    peers.gatekeeper(&question("first", &first));
    peers.gatekeeper(&question("second", &second));
    for (id, node) in [("second", second), ("first", first)] {
        let answer = peers.client(&answer_at(id, &original));
        assert_eq!(format!("{EXAMPLE}#{}", second_reader::hash(&answer, SHA_1)), node);
    }
}

#[test]
fn after_a_resumption_the_edited_node_is_still_answered() {
    let cache = cache();
    let (original, edited) = teach(&mut Peers::new(&cache), CONTENT);
    let mut resumed = Peers::new(&cache);
    let (answer, asked) = resumed.exchange(&edited, CONTENT);
    assert_eq!(asked, original);
    assert_eq!(format!("{EXAMPLE}#{}", second_reader::hash(&answer, SHA_1)), edited);
    let mut other_profile = Peers::new(&cache);
    other_profile.advertisement = empty_advertisement();
    let (answer, asked) = other_profile.exchange(&edited, CONTENT);
    assert_eq!(asked, original);
    assert_eq!(answer, answer_at("q1", &edited), "mapped only");
}

#[test]
fn after_a_resumption_hashes_of_xep_0390_are_answered_too() {
    let cache = cache();
    let digest = hash_of(&query("", CONTENT), SHA3_256).digest.to_base64();
    let before = presence(&c_0390(&[("sha3-256", &digest)]));
    let node = |digest: &str| format!("urn:xmpp:caps#sha3-256.{digest}");
    let mut peers = Peers::new(&cache);
    peers.client(&before);
    peers.exchange(&node(&digest), CONTENT);
    let after = peers.client(&before);
    let edited = after.split("algo='sha3-256'>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert_ne!(edited, digest);
    let (_, asked) = Peers::new(&cache).exchange(&node(edited), CONTENT);
    assert_eq!(asked, node(&digest));
}

#[test]
fn no_clients_own_words_send_the_question_elsewhere_after_a_resumption() {
    let cache = cache();
    let own = format!("{CONTENT}<feature var='{PREFIX}video'/>");
    let (_, hostile) = teach(&mut Peers::new(&cache), &own);
    let (original, edited) = teach(&mut Peers::new(&cache), CONTENT);
    assert_eq!(hostile, edited);
    let (_, asked) = Peers::new(&cache).exchange(&edited, CONTENT);
    assert_eq!(asked, original);
}

#[test]
fn a_set_that_passes_unedited_takes_no_place_of_an_edited_one() {
    // There is nothing to fall back to: what is mapped is what the session remembers.
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let sets: Vec<_> = (0..3).map(|number| format!("{CONTENT}<feature var='urn:{number}'/>")).collect();
    let nodes: Vec<_> = sets.iter().map(|set| teach(&mut peers, set)).collect();
    for number in 3..9 {
        advertise(&mut peers, &format!("{CONTENT}<feature var='urn:{number}'/>"));
    }
    for (original, edited) in &nodes {
        let asked = testing::with_frame(&question("q1", edited), |frame| {
            let tree = Tree::of(frame).unwrap();
            applied(peers.capabilities.ask(frame, &tree, &super::cache(), &peers.advertisement), frame.bytes)
        });
        assert!(asked.contains(original.as_str()));
    }
}

#[test]
fn no_second_query_carries_the_clients_own_words() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    peers.gatekeeper(&question("q1", ""));
    let own = query("", &format!("<feature var='{PREFIX}video'/>"));
    let twice = peers.client(&answer("q1", &(query("", CONTENT) + &own + &own)));
    peers.gatekeeper(&question("q1", ""));
    assert_eq!(twice, peers.client(&answer("q1", &query("", CONTENT))));
}

#[test]
fn no_address_and_the_accounts_own_are_the_same() {
    let cache = cache();
    let address =
        |name: &str, value: Option<&str>| value.map_or(String::new(), |value| format!(" {name}='{value}'"));
    for (from, to, edited) in [
        (None, Some("me@example"), true),
        (Some("me@example"), None, true),
        (Some("me@example"), Some("you@example"), false),
        (None, Some("me@example/r"), false),
        (Some("me@example/r"), None, false),
    ] {
        let mut peers = Peers::new(&cache);
        let asked = question("q1", "").replace(" from='g@example/r'", &address("from", from));
        peers.gatekeeper(&asked);
        let result = answer("q1", &query("", CONTENT)).replace(" to='g@example/r'", &address("to", to));
        assert_eq!(peers.client(&result) != result, edited, "{from:?} {to:?}");
    }
}

#[test]
fn without_the_insertion_the_answer_is_still_no_more_than_the_client_may_say() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let (original, edited) = teach(&mut peers, CONTENT);
    let own = format!("<feature var='{PREFIX}video'/>");
    let result = answer("q1", &query(&original, &format!("{CONTENT}{own}")));
    let minimum = testing::with_frame(&result, |frame| applied(peers.outcome(frame).edit, frame.bytes));
    assert_eq!(minimum, answer_at("q1", &edited));
    let full = peers.client(&result);
    let inserted = String::from_utf8_lossy(advertisement().bytes()).into_owned();
    assert_eq!(full.replacen(&inserted, "", 1), minimum);
    assert_ne!(full, minimum);
}
