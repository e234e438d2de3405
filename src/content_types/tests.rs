use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::policy;
use crate::stanza::{Edit, testing};

const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const ADVERTISEMENT: &str = "<content-types xmlns='urn:x-vestibule:content-types:0'>\
    <accept class='text' type='text/plain;charset=utf-8'/>\
    <accept class='image' type='image/jpeg' max-size='16777216'/></content-types>";

/// Of one profile, which every client has.
fn policy(carriers: &[Carrier]) -> ContentTypesPolicy {
    let mut content_types = ContentTypes::default();
    for (class, media_type, max_size) in [
        (ContentClass::Text, "text/plain;charset=utf-8", None),
        (ContentClass::Image, "image/jpeg", Some(16 << 20)),
    ] {
        let media_type = MediaType::parse(media_type).expect("a media type");
        let conversation = Conversation::OneToOne;
        content_types.push(Accept { class, conversation, media_type, max_size }).expect("not there yet");
    }
    ContentTypesPolicy {
        dialect: shipped_dialect(),
        carriers: Carriers {
            bind: carriers.contains(&Carrier::Bind),
            presence: carriers.contains(&Carrier::Presence),
            disco: carriers.contains(&Carrier::Disco),
        },
        profiles: vec![Profile { name: "any".to_owned(), content_types }],
        selection: Selection { cases: Vec::new(), default: 0 },
        seeds: Vec::new(),
        enforcement: Enforcement { rules: Vec::new(), otherwise: Action::Pass, texts: Vec::new() },
    }
}

fn recipient(carriers: &[Carrier]) -> Recipient {
    let known = CapabilitiesCache::new(CacheLimits { entries: 8, bytes: 1 << 16 });
    let rules = Rules::new(policy(carriers), &testing::vocabulary(), Arc::new(known));
    Recipient::new(Arc::new(rules), "gatekeeper.example", None)
}

fn shipped_dialect() -> Dialect {
    let text = include_str!("../../policies/dialects/vestibule.yaml");
    policy::load::<DialectDocument>(text).expect("the shipped dialect is valid").value.dialect
}

/// What a client's frame is edited to, with both carriers.
fn edited(frame: &str) -> String {
    edited_by(&[Carrier::Bind, Carrier::Presence], frame)
}

fn edited_by(carriers: &[Carrier], bytes: &str) -> String {
    edited_within(usize::MAX, carriers, bytes).0
}

/// What the frame is edited to if it may have so many bytes, and whether the advertisement was left out.
fn edited_within(room: usize, carriers: &[Carrier], bytes: &str) -> (String, bool) {
    let mut recipient = recipient(carriers);
    testing::with_frame(bytes, |frame| {
        let edit = recipient.edit_client_frame(frame, room).expect("a frame that can be parsed");
        // Nothing is missed that the edit would do.
        assert!(recipient.concerns_client_frame(frame) || edit.is_none());
        let (edit, skipped) = edit.map_or_else(Default::default, |edit| (edit.edit, edit.skipped));
        (applied(edit, frame.bytes), skipped)
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
    assert_eq!(edited_by(&[Carrier::Presence], &bind), bind);
    assert_eq!(edited_by(&[Carrier::Bind], presence), presence);
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
fn where_there_is_no_room_nothing_is_added_but_the_clients_own_words_are_gone() {
    let frame =
        "<presence xmlns='jabber:client'><accept xmlns='urn:x-vestibule:content-types:0'/></presence>";
    let room = "<presence xmlns='jabber:client'></presence>".len() + ADVERTISEMENT.len();
    let edited = |room| edited_within(room, &[Carrier::Presence], frame);
    assert_eq!(edited(room - 1), ("<presence xmlns='jabber:client'></presence>".to_owned(), true));
    let whole = format!("<presence xmlns='jabber:client'>{ADVERTISEMENT}</presence>");
    assert_eq!(edited(room), (whole, false));
}

#[test]
fn sasl2_carries_the_advertisement_inside_of_its_bind_request_only() {
    let frame = |bind: &str| {
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGE=</initial-response>\
             <user-agent id='a'><software>Any</software></user-agent>{bind}</authenticate>"
        )
    };
    assert_eq!(edited(&frame("")), frame(""));
    let request = "<bind xmlns='urn:xmpp:bind:0'><tag>Any</tag>+</bind>";
    assert_eq!(edited(&frame(&request.replace('+', ""))), frame(&request.replace('+', ADVERTISEMENT)));
    let forged = request.replace('+', "<x:accept xmlns:x='urn:x-vestibule:content-types:0'/>");
    assert_eq!(edited(&frame(&forged)), frame(&request.replace('+', ADVERTISEMENT)));
    assert_eq!(
        edited_by(&[Carrier::Presence], &frame(&request.replace('+', ""))),
        frame(&request.replace('+', ""))
    );
}

#[test]
fn what_is_advertised_is_counted_by_class_and_carrier() {
    let mut recipient = recipient(&[Carrier::Bind, Carrier::Presence]);
    let mut pass = |bytes: &str| {
        testing::with_frame(bytes, |frame| {
            recipient.edit_client_frame(frame, usize::MAX).expect("a frame that can be parsed");
        });
        recipient.take_counts()
    };
    let mut expected = ContentCounts::default();
    expected.count_advertised(Carrier::Presence, ContentClass::Text);
    expected.count_advertised(Carrier::Presence, ContentClass::Image);
    assert_eq!(pass("<presence xmlns='jabber:client'/>"), Some(expected));
    assert_eq!(pass("<presence xmlns='jabber:client' type='unavailable'/>"), None);
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
    let advertisement = Advertisement::new(&content_types, &shipped_dialect().list);
    let advertisement = String::from_utf8_lossy(advertisement.list());
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
