use proptest::prelude::*;

use super::*;
use crate::policy::{self, Problem};
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

fn problems<D: policy::PolicyDocument>(text: &str) -> Vec<String> {
    policy::load::<D>(text).err().unwrap_or_default().iter().map(Problem::to_string).collect()
}

#[test]
fn the_shipped_policy_is_valid_and_gives_no_warning() {
    let text = include_str!("../../policies/content-types/default.yaml");
    let loaded = policy::load::<ContentTypesDocument>(text).expect("valid");
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.value.carriers, [Carrier::Bind]);
    assert_eq!(loaded.value.dialect.value, "../dialects/vestibule.yaml");
    let classes: Vec<_> = loaded.value.content_types.iter().map(|accept| accept.class).collect();
    assert_eq!(classes.first(), Some(&ContentClass::Text));
    assert_eq!(classes.last(), Some(&ContentClass::Reaction));
}

#[test]
fn the_bind_carrier_is_the_default() {
    let loaded =
        policy::load::<ContentTypesDocument>("dialect: d\naccept: [{ class: text, type: text/plain }]\n");
    assert_eq!(loaded.expect("valid").value.carriers, [Carrier::Bind]);
}

#[test]
fn the_presence_carrier_is_warned_about() {
    let text = "dialect: d\ncarriers: [bind, presence]\naccept: [{ class: text, type: text/plain }]\n";
    let warnings = policy::load::<ContentTypesDocument>(text).expect("valid").warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().starts_with("2:18: presence is seen"), "{}", warnings[0]);
}

#[test]
fn everything_that_is_wrong_in_a_policy_is_told_with_its_place() {
    let text = "dialect: d\n\
        carriers: [bind, bind, disco]\n\
        profiles: {}\n\
        accept:\n  \
          - { class: picture, type: image/jpeg }\n";
    assert_eq!(
        problems::<ContentTypesDocument>(text),
        [
            "2:24: not supported yet",
            "3:1: not supported yet",
            "5:14: unknown value; right would be `text`, `image`, `voice`, `video`, `file` or `reaction`",
        ]
    );
    let text = "dialect: d\n\
        carriers: [bind, bind]\n\
        accept:\n  \
          - { class: image, type: image/* }\n  \
          - { class: image, type: image/png }\n  \
          - { class: image, type: IMAGE/png, max_size: 1 }\n  \
          - { class: file, type: image/png }\n";
    assert_eq!(
        problems::<ContentTypesDocument>(text),
        [
            "2:18: this carrier is already in the list",
            "4:27: a media type such as `image/jpeg` should stand here, without wildcards",
            "6:27: this media type is already in the list, with the same class",
        ]
    );
}

#[test]
fn everything_that_is_wrong_in_a_dialect_is_told_with_its_place() {
    let text = "namespace: jabber:client\n\
        list: 1st\n\
        item: xmlns\n\
        attributes: { class: a, type: a, max_size: 'b c' }\n";
    let name = "an XML name of ASCII letters, digits, `-`, `_` and `.` should stand here, which does not begin with `xml`";
    assert_eq!(
        problems::<DialectDocument>(text),
        [
            "1:12: this namespace has a meaning of its own; the dialect needs its own namespace".to_owned(),
            format!("2:7: {name}"),
            format!("3:7: {name}"),
            "4:31: two attributes cannot have the same name".to_owned(),
            format!("4:44: {name}"),
        ]
    );
    for namespace in ["''", "'a b'", "\"it's\"", "a&b", "ä"] {
        let text = format!(
            "namespace: {namespace}\nlist: l\nitem: i\nattributes: {{ class: c, type: t, max_size: m }}\n"
        );
        assert_eq!(problems::<DialectDocument>(&text).len(), 1, "{namespace}");
    }
}
