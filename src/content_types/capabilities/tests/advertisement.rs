//! What an answer becomes.

use proptest::prelude::*;

use super::*;

const INSERTION: &str = "<feature xmlns='http://jabber.org/protocol/disco#info' var='urn:example:content:text'/>\
    <feature xmlns='http://jabber.org/protocol/disco#info' var='urn:example:content:image'/>\
    <feature xmlns='http://jabber.org/protocol/disco#info' var='urn:example:content:group/text'/>\
    <x xmlns='jabber:x:data' type='result'>\
    <field var='FORM_TYPE' type='hidden'><value>urn:example:content</value></field>\
    <field var='text' type='list-multi'><value>text/plain;charset=utf-8</value></field>\
    <field var='image' type='list-multi'><value>image/jpeg</value><value>image/png</value></field>\
    <field var='image#max-size' type='list-multi'><value>16777216 image/png</value></field>\
    <field var='group/text' type='list-multi'><value>text/plain;note=&quot;&lt;&apos;&amp;&quot;</value></field>\
    <field var='group/text#max-size' type='list-multi'><value>4096 text/plain;note=&quot;&lt;&apos;&amp;&quot;</value></field>\
    </x>";

/// What the gatekeeper sees of an answer to a question without a node.
fn edited(answer: &str) -> String {
    let cache = cache();
    let mut peers = Peers::new(&cache);
    peers.gatekeeper(&question("q1", ""));
    peers.client(answer)
}

#[test]
fn the_profile_is_a_feature_for_each_class_and_one_form() {
    assert_eq!(String::from_utf8_lossy(advertisement().bytes()), INSERTION);
    assert_eq!(
        String::from_utf8_lossy(empty_advertisement().bytes()),
        "<x xmlns='jabber:x:data' type='result'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:example:content</value></field></x>"
    );
}

#[test]
fn it_stands_last_in_the_query() {
    let before = answer("q1", &query("", CONTENT));
    let after = answer("q1", &query("", &format!("{CONTENT}{INSERTION}")));
    assert_eq!(edited(&before), after);
    let empty = answer("q1", "<d:query xmlns:d='http://jabber.org/protocol/disco#info' />");
    let opened = format!("<d:query xmlns:d='http://jabber.org/protocol/disco#info' >{INSERTION}</d:query>");
    assert_eq!(edited(&empty), answer("q1", &opened));
}

#[test]
fn what_the_client_says_in_these_words_is_taken_out() {
    let own = "<feature var='urn:example:content:video'/>\
        <d:feature xmlns:d='http://jabber.org/protocol/disco#info' var='&#117;rn:example:content:'/>\
        <x xmlns='jabber:x:data'><field var='a'/><field var='FORM_TYPE'><value><![CDATA[urn:example]]>:content</value></field></x>";
    let other = "<feature var='urn:example:content'/><feature xmlns='urn:other' var='urn:example:content:video'/>\
        <x xmlns='jabber:x:data'><field var='about'><value>urn:example:content</value></field></x>";
    let before = answer("q1", &query("", &format!("{own}{CONTENT}{own}{other}{own}")));
    assert_eq!(edited(&before), answer("q1", &query("", &format!("{CONTENT}{other}{INSERTION}"))));
}

/// Pieces of an answer, well-formed disco#info or not.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(CONTENT.to_owned()),
        Just(INSERTION.to_owned()),
        Just("<feature var='urn:example:content:voice'/>".to_owned()),
        Just("]]".to_owned()),
        Just("<![CDATA[<feature var='urn:example:content:voice'/>]]>".to_owned()),
        Just("<a xmlns='urn:a'><feature var='urn:example:content:voice'/></a>".to_owned()),
        Just("<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>urn:example:content</value></field></x>".to_owned()),
        Just("<x xmlns='jabber:x:data'><item><field var='FORM_TYPE'><value>urn:example:content</value></field></item></x>".to_owned()),
        "[a-z]{1,3}".prop_map(|name| format!("<feature var='{name}'/>")),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn editing_twice_equals_editing_once(content in pieces()) {
        let once = edited(&answer("q1", &query("", &content)));
        prop_assert_eq!(edited(&once), once);
    }

    #[test]
    fn the_output_without_the_insertion_is_the_input(features in prop::collection::btree_set("[a-z:/]{1,6}", 0..8)) {
        let content: String = features.iter().map(|feature| format!("<feature var='{feature}'/>")).collect();
        let before = answer("q1", &query("", &content));
        let after = edited(&before);
        prop_assert_eq!(after.matches(INSERTION).count(), 1);
        prop_assert_eq!(after.replacen(INSERTION, "", 1), before);
    }
}
