use proptest::prelude::*;

use super::*;
use crate::policy;
use crate::stanza::{Edit, testing};

const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const ADVERTISEMENT: &str = "<content-types xmlns='urn:x-vestibule:content-types:0'>\
    <accept class='text' type='text/plain;charset=utf-8'/>\
    <accept class='image' type='image/jpeg' max-size='16777216'/></content-types>";

fn advertiser(carriers: &[Carrier]) -> Advertiser {
    let mut content_types = ContentTypes::default();
    for (class, media_type, max_size) in [
        (ContentClass::Text, "text/plain;charset=utf-8", None),
        (ContentClass::Image, "image/jpeg", Some(16 << 20)),
    ] {
        let media_type = MediaType::parse(media_type).expect("a media type");
        content_types
            .push(Accept { class, conversation: Conversation::OneToOne, media_type, max_size })
            .expect("not there yet");
    }
    Advertiser::new(&content_types, &shipped_dialect(), carriers)
}

fn shipped_dialect() -> Dialect {
    let text = include_str!("../../policies/dialects/vestibule.yaml");
    policy::load::<DialectDocument>(text).expect("the shipped dialect is valid").value
}

/// What a client's frame is edited to, with both carriers.
fn edited(frame: &str) -> String {
    edited_by(&advertiser(&[Carrier::Bind, Carrier::Presence]), frame)
}

fn edited_by(advertiser: &Advertiser, bytes: &str) -> String {
    testing::with_frame(bytes, |frame| {
        let edit = advertiser.edit(frame).expect("a frame that can be parsed");
        // Nothing is missed that the edit would do.
        assert!(advertiser.concerns(frame) || edit.is_none());
        applied(edit.unwrap_or_default(), frame.bytes)
    })
}

fn applied(edit: Edit, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    edit.apply(bytes, &mut out);
    assert_eq!(out.len(), edit.length_after(bytes.len()));
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_bind_request_carries_the_advertisement_inside_bind() {
    for (before, after) in [
        ("<bind xmlns='@'/>", "<bind xmlns='@'>+</bind>"),
        ("<bind xmlns='@'><resource>r</resource></bind>", "<bind xmlns='@'><resource>r</resource>+</bind>"),
    ] {
        let request = |bind: &str| {
            let bind = bind.replace('@', BIND).replace('+', ADVERTISEMENT);
            format!("<iq xmlns='jabber:client' type='set' id='1'>{bind}</iq>")
        };
        assert_eq!(edited(&request(before)), request(after));
    }
}

#[test]
fn a_prefix_of_the_client_is_kept_and_does_not_reach_the_advertisement() {
    let frame = format!("<c:iq xmlns:c='jabber:client' xmlns:b='{BIND}' type='set'><b:bind  /></c:iq>");
    let expected = frame.replace("<b:bind  />", &format!("<b:bind  >{ADVERTISEMENT}</b:bind>"));
    assert_eq!(edited(&frame), expected);
}

#[test]
fn available_presence_carries_the_advertisement_last() {
    for (before, after) in [
        ("<presence xmlns='jabber:client'/>", "<presence xmlns='jabber:client'>+</presence>"),
        (
            "<presence xmlns='jabber:client'><show>away</show> </presence>",
            "<presence xmlns='jabber:client'><show>away</show> +</presence>",
        ),
    ] {
        assert_eq!(edited(before), after.replace('+', ADVERTISEMENT));
    }
}

#[test]
fn other_stanzas_carry_nothing() {
    for frame in [
        "<presence xmlns='jabber:client' type='unavailable'/>",
        "<presence xmlns='jabber:client' type='subscribe' to='a@b'/>",
        "<presence xmlns='jabber:client' to='room@muc.example/nick'/>",
        "<presence xmlns='jabber:server'/>",
        "<message xmlns='jabber:client'><presence/></message>",
        "<iq xmlns='jabber:client' type='set'><bind xmlns='urn:example'/></iq>",
        "<iq xmlns='jabber:client' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq xmlns='jabber:client' type='set'><q xmlns='q'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></q></iq>",
    ] {
        assert_eq!(edited(frame), frame);
    }
}

#[test]
fn the_type_is_read_with_its_references_replaced() {
    let frame = format!("<iq xmlns='jabber:client' type='&#115;et'><bind xmlns='{BIND}'/></iq>");
    assert!(edited(&frame).contains(ADVERTISEMENT));
}

#[test]
fn a_carrier_that_is_off_carries_nothing() {
    let bind = format!("<iq xmlns='jabber:client' type='set'><bind xmlns='{BIND}'/></iq>");
    let presence = "<presence xmlns='jabber:client'/>";
    assert_eq!(edited_by(&advertiser(&[Carrier::Presence]), &bind), bind);
    assert_eq!(edited_by(&advertiser(&[Carrier::Bind]), presence), presence);
}

#[test]
fn what_the_client_says_in_the_dialect_is_taken_out_at_any_depth() {
    let own = "<x:content-types xmlns:x='urn:x-vestibule:content-types:0'><x:accept/><a/></x:content-types>";
    let frame = |own: &str| {
        format!("<message xmlns='jabber:client'><body>1{own}</body>2<a><b>{own}</b></a>{own}</message>")
    };
    assert_eq!(edited(&frame(own)), frame(""));
    let presence = format!("<presence xmlns='jabber:client'>{own}<show>away</show>{own}</presence>");
    let expected = format!("<presence xmlns='jabber:client'><show>away</show>{ADVERTISEMENT}</presence>");
    assert_eq!(edited(&presence), expected);
}

#[test]
fn a_frame_that_is_itself_in_the_dialect_is_left_to_the_relay() {
    let frame = "<content-types xmlns='urn:x-vestibule:content-types:0'/>";
    assert_eq!(edited(frame), frame);
}

#[test]
fn the_removal_alone_adds_nothing() {
    let frame =
        "<presence xmlns='jabber:client'><accept xmlns='urn:x-vestibule:content-types:0'/></presence>";
    let advertiser = advertiser(&[Carrier::Presence]);
    let out = testing::with_frame(frame, |frame| {
        applied(advertiser.removal(frame).expect("a frame that can be parsed").expect("an edit"), frame.bytes)
    });
    assert_eq!(out, "<presence xmlns='jabber:client'></presence>");
}

#[test]
fn a_media_type_cannot_leave_its_attribute() {
    let mut content_types = ContentTypes::default();
    let media_type = MediaType::parse(r#"a/b;x="'<&>\"""#).expect("a media type");
    content_types
        .push(Accept {
            class: ContentClass::File,
            conversation: Conversation::OneToOne,
            media_type,
            max_size: None,
        })
        .expect("the first");
    let advertiser = Advertiser::new(&content_types, &shipped_dialect(), &[]);
    let advertisement = String::from_utf8_lossy(advertiser.advertisement());
    assert!(
        advertisement.contains(r#"type='a/b;x=&quot;&apos;&lt;&amp;&gt;\&quot;&quot;'/>"#),
        "{advertisement}"
    );
}

/// Pieces of a client's stanza, some of them in the dialect's namespace, some within others.
fn pieces() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("text &amp; <![CDATA[<accept/>]]>".to_owned()),
        Just("<show>away</show>".to_owned()),
        Just("<content-types xmlns='urn:x-vestibule:content-types:0'><accept/></content-types>".to_owned()),
        Just("<d:x xmlns:d='urn:x-vestibule:content-types:0' a='/>'/>".to_owned()),
        Just(format!("<bind xmlns='{BIND}'/>")),
        Just(ADVERTISEMENT.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        (
            prop_oneof![Just("a"), Just("d:y xmlns:d='urn:x-vestibule:content-types:0'")],
            prop::collection::vec(inner, 0..4),
        )
            .prop_map(|(tag, children)| {
                let name = tag.split(' ').next().unwrap_or_default();
                format!("<{tag}>{}</{name}>", children.concat())
            })
    })
}

fn stanzas() -> impl Strategy<Value = String> {
    let tag = prop_oneof![
        Just("presence"),
        Just("presence to='a@b'"),
        Just("iq type='set'"),
        Just("iq type='get'"),
        Just("message"),
    ];
    (tag, prop::collection::vec(pieces(), 0..4)).prop_map(|(tag, children)| {
        let name = tag.split(' ').next().unwrap_or_default();
        format!("<{tag} xmlns='jabber:client'>{}</{name}>", children.concat())
    })
}

proptest! {
    #[test]
    fn editing_twice_equals_editing_once(frame in stanzas()) {
        let once = edited(&frame);
        prop_assert_eq!(edited(&once), once);
    }

    #[test]
    fn afterwards_the_dialect_is_spoken_by_the_advertisement_alone(frame in stanzas()) {
        let out = edited(&frame);
        let without = out.replacen(ADVERTISEMENT, "", 1);
        prop_assert!(!without.contains("<accept xmlns") && !without.contains("urn:x-vestibule"), "{}", out);
    }

    #[test]
    fn a_stanza_without_carrier_and_dialect_is_unchanged(text in "[a-z ]{0,20}", id in "[a-z0-9]{1,8}") {
        let frame = format!("<message xmlns='jabber:client' id='{id}'><body>{text}</body></message>");
        prop_assert_eq!(edited(&frame), frame);
    }
}
