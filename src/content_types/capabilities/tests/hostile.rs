//! Answers that are made to do harm.

use std::sync::Arc as Shared;

use super::*;
use crate::framing::{Decoded, FrameDecoder, Limits};
use crate::stanza::vocabulary;

#[test]
fn what_readers_could_take_for_different_things_is_ill_formed() {
    let form = |fields: &str| format!("<x xmlns='jabber:x:data' type='result'>{fields}</x>");
    let form_type = |value: &str| format!("<field var='FORM_TYPE' type='hidden'>{value}</field>");
    let a = form_type("<value>urn:a</value>");
    for (content, error) in [
        (CONTENT.replace("type='phone'", ""), DiscoInfoError::MissingAttribute),
        ("<feature/>".to_owned(), DiscoInfoError::MissingAttribute),
        (
            "<identity category='a' type='b'/><identity type='b' category='a'/>".to_owned(),
            DiscoInfoError::DuplicateIdentity,
        ),
        ("<feature var='a'/><feature var='&#97;'/>".to_owned(), DiscoInfoError::DuplicateFeature),
        (form(&a) + &form(&a), DiscoInfoError::DuplicateForm),
        (form(&form_type("<value>urn:a</value><value>urn:b</value>")), DiscoInfoError::FormType),
        (form(&form_type("<value>urn:a</value><value>urn:a</value>")), DiscoInfoError::FormType),
        (form(&form_type("")), DiscoInfoError::FormType),
        (form(&(a.clone() + &a)), DiscoInfoError::FormType),
        (form("<field><value>a</value></field>"), DiscoInfoError::MissingAttribute),
        (form("<field var='a'/><field var='a'/>"), DiscoInfoError::DuplicateField),
        (form("<field var='a'><value>b<c/></value></field>"), DiscoInfoError::NestedValue),
        (form(&form_type(&format!("<value>{}</value>", form(&a)))), DiscoInfoError::NestedValue),
    ] {
        assert_eq!(read(&query("", &content)).err(), Some(error), "{content}");
    }
    let long = query("", CONTENT).replacen("<query", &format!("<query xml:lang='{}'", "a".repeat(129)), 1);
    assert_eq!(read(&long).err(), Some(DiscoInfoError::Language));
}

#[test]
fn xep_0390_has_no_hash_for_what_it_does_not_know() {
    let regular = "<field var='FORM_TYPE' type='hidden'><value>urn:a</value></field>";
    for content in [
        "<other xmlns='urn:other'/>".to_owned(),
        "<other/>".to_owned(),
        "<x xmlns='jabber:x:data'/>".to_owned(),
        "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>urn:a</value></field></x>".to_owned(),
        format!("<x xmlns='jabber:x:data'>{regular}<reported/></x>"),
        format!("<x xmlns='jabber:x:data'>{regular}<item/></x>"),
    ] {
        let info = read(&query("", &content)).ok().unwrap();
        assert!(info.hash(SHA3_256, Reading::Explicit).is_none(), "{content}");
        assert!(info.hash(SHA_1, Reading::Explicit).is_some(), "{content}");
    }
}

#[test]
fn values_are_read_as_text() {
    let field = |value: &str| {
        let form = format!(
            "<field var='FORM_TYPE' type='hidden'><value>urn:a</value></field><field var='b'>{value}</field>"
        );
        let info = read(&query("", &format!("<x xmlns='jabber:x:data'>{form}</x>"))).ok().unwrap();
        info.forms[0].fields[0].values.clone()
    };
    assert_eq!(field("<value> x&amp;y\r\n<![CDATA[<&]]></value>"), [" x&y\n<&"]);
    assert_eq!(field("<value/><value></value><value xmlns='urn:other'>c</value>"), ["", ""]);
    assert_eq!(field(""), [] as [&str; 0]);
}

#[test]
fn a_forged_hash_teaches_nothing() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    let ver = hash_of(&query("", CONTENT), SHA_1).digest.to_base64();
    let before = presence(&c_0115("sha-1", &ver));
    for other in ["", "<feature var='urn:evil'/>", "<feature/>"] {
        peers.client(&before);
        let content = format!("{CONTENT}{other}").replace("urn:xmpp:ping", "urn:xmpp:pong");
        peers.exchange(&format!("https://client.example#{ver}"), &content);
        assert!(!peers.last.learnt && cache.is_empty());
        assert_eq!(peers.client(&before), before);
    }
}

#[test]
fn one_session_teaches_a_bounded_number_of_sets() {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    for number in 0..40 {
        let content = format!("{CONTENT}<feature var='urn:{number}'/>");
        let ver = hash_of(&query("", &content), SHA_1).digest.to_base64();
        peers.client(&presence(&c_0115("sha-1", &ver)));
        peers.exchange(&format!("https://client.example#{ver}"), &content);
    }
    assert_eq!(cache.len(), 8);
}

/// Shows an answer that is larger than a client's limits allow.
fn with_large_answer<R>(content: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    let limits = Limits {
        stanza_bytes: 8 << 20,
        header_bytes: 1 << 10,
        depth: 64,
        attributes: 64,
        namespaces: 64,
        elements: 1 << 20,
    };
    let mut decoder = FrameDecoder::new(Shared::new(vocabulary(&[], &[])), limits);
    decoder.decode(b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>").unwrap();
    let answer = answer("q1", &query("", content));
    let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(answer.as_bytes()) else {
        panic!("the gate refuses it")
    };
    see(&frame)
}

#[test]
fn what_is_huge_is_edited_and_not_learnt() {
    let features: String = (0..10_000).map(|number| format!("<feature var='urn:{number}'/>")).collect();
    let many_values: String = (0..10_000).map(|number| format!("<value>{number}</value>")).collect();
    let forms: String = (0..5_000).map(|number| {
        format!("<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>urn:{number}</value></field></x>")
    }).collect();
    for content in [
        features.clone(),
        features.clone() + &features,
        forms,
        format!("<x xmlns='jabber:x:data'><field var='a'>{many_values}</field></x>"),
        format!("<feature var='urn:{}'/>", "x".repeat(1 << 20)),
        format!("<identity category='a' type='b' name='{}'/>", "/".repeat(1 << 20)),
        "<x xmlns='jabber:x:data'><field var='a'><value>".repeat(10) + &"</value></field></x>".repeat(10),
    ] {
        let cache = cache();
        let mut peers = Peers::new(&cache);
        let kind = SHA_1;
        let digest = with_large_answer(&content, |frame| {
            let tree = Tree::of(frame).unwrap();
            let info = DiscoInfo::read(frame.bytes, &tree, &tree.elements()[1], None);
            info.ok().and_then(|info| info.hash(kind, Reading::Explicit))
        });
        // The claim is true where the set has a hash at all.
        let ver = digest.unwrap_or_else(|| Algorithm::Sha1.digest(b"")).to_base64();
        peers.client(&presence(&c_0115("sha-1", &ver)));
        peers.gatekeeper(&question("q1", ""));
        let outcome = with_large_answer(&content, |frame| {
            let outcome = peers.outcome(frame);
            assert!(outcome.edit.is_none());
            let length = outcome.insertion.as_ref().unwrap().length_after(frame.bytes.len());
            assert_eq!(length, frame.bytes.len() + advertisement().bytes().len());
            outcome
        });
        assert!(!outcome.learnt && outcome.advertises && cache.is_empty());
    }
}
