//! Trees and detours: what frames are read as, and edited to.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::framing::Scope;

/// Qualified name, namespace, local name, depth and bytes of each element.
fn elements(frame: &str) -> Vec<(String, String, String, usize, String)> {
    let scope = Scope::default();
    let tree = Tree::parse(frame.as_bytes(), &scope).expect("a frame that can be parsed");
    let text = |element: &Element<'_>| {
        (
            element.qualified_name.to_owned(),
            element.namespace.to_owned(),
            element.name.to_owned(),
            element.depth,
            frame[element.range.clone()].to_owned(),
        )
    };
    tree.elements().iter().map(text).collect()
}

fn value_of(frame: &str, name: &str) -> Option<String> {
    let scope = Scope::default();
    let tree = Tree::parse(frame.as_bytes(), &scope).expect("a frame that can be parsed");
    tree.root().value(name).map(str::to_owned)
}

#[test]
fn elements_have_their_namespaces_depths_and_ranges() {
    let frame = "<a xmlns='d' xmlns:p='u'>x<p:b p:c='>'/><b xmlns=''><![CDATA[<c>]]></b><c xmlns:p='v'><p:d/></c><p:e/></a>";
    let row = |qualified: &str, namespace: &str, name: &str, depth, bytes: &str| {
        (qualified.to_owned(), namespace.to_owned(), name.to_owned(), depth, bytes.to_owned())
    };
    assert_eq!(
        elements(frame),
        [
            row("a", "d", "a", 1, frame),
            row("p:b", "u", "b", 2, "<p:b p:c='>'/>"),
            row("b", "", "b", 2, "<b xmlns=''><![CDATA[<c>]]></b>"),
            row("c", "d", "c", 2, "<c xmlns:p='v'><p:d/></c>"),
            row("p:d", "v", "d", 3, "<p:d/>"),
            row("p:e", "u", "e", 2, "<p:e/>"),
        ]
    );
}

#[test]
fn content_stands_between_the_tags() {
    let scope = Scope::default();
    let frame = "<a><b></b><c/> </a>";
    let tree = Tree::parse(frame.as_bytes(), &scope).expect("a frame that can be parsed");
    let content: Vec<_> = tree
        .elements()
        .iter()
        .map(|element| element.content.clone().map(|range| frame[range].to_owned()))
        .collect();
    assert_eq!(content, [Some("<b></b><c/> ".to_owned()), Some(String::new()), None]);
}

#[test]
fn text_is_read_unescaped_and_only_where_no_elements_stand() {
    for (frame, text) in [
        ("<a>x &amp; y</a>", Some("x & y")),
        ("<a></a>", Some("")),
        ("<a/>", None),
        ("<a>x<b/></a>", None),
        ("<a>x<![CDATA[y]]><b/></a>", None),
        ("<a><![CDATA[x]]></a>", Some("x")),
        ("<a>&lt;<![CDATA[&lt;<b/>]]]><![CDATA[]]>&gt;</a>", Some("<&lt;<b/>]>")),
        ("<a>\r\n<![CDATA[\r]]>\r</a>", Some("\n\n\n")),
    ] {
        let scope = Scope::default();
        let tree = Tree::parse(frame.as_bytes(), &scope).expect("a frame that can be parsed");
        assert_eq!(tree.root().text(frame.as_bytes()).as_deref(), text, "{frame}");
    }
}

#[test]
fn attribute_values_are_normalised_as_xml_says() {
    let frame = "<a v='x\ty\nz' w=\"&lt;&amp;&apos;&quot;&gt;\" x='&#9;&#xA;&#x1F600;' y='a\r\nb\u{a0}'/>";
    assert_eq!(value_of(frame, "v").as_deref(), Some("x y z"));
    assert_eq!(value_of(frame, "w").as_deref(), Some("<&'\">"));
    assert_eq!(value_of(frame, "x").as_deref(), Some("\t\n\u{1F600}"));
    assert_eq!(value_of(frame, "y").as_deref(), Some("a b\u{a0}"));
}

#[test]
fn an_attribute_with_a_prefix_is_another_attribute() {
    assert_eq!(value_of("<a xmlns:p='u' p:type='set'/>", "type"), None);
    assert_eq!(value_of("<a xml:lang='en'/>", "xml:lang").as_deref(), Some("en"));
}

#[test]
fn what_the_gate_would_have_refused_is_an_error_and_no_panic() {
    for frame in
        ["", "text", "<a>", "</a>", "<a></b>", "<p:a/>", "<a b='&x;'/>", "<a b=c/>", "<a b/>", "<", "<!--"]
    {
        assert!(Tree::parse(frame.as_bytes(), &Scope::default()).is_err(), "{frame}");
    }
    assert!(Tree::parse(b"<a>\xFF</a>", &Scope::default()).is_err());
}

/// An element as it is written, and how many elements it holds.
#[derive(Clone, Debug)]
struct Written {
    text: String,
    count: usize,
}

fn written() -> impl Strategy<Value = Written> {
    let leaf = prop_oneof![
        Just(Written { text: "t".to_owned(), count: 0 }),
        Just(Written { text: "<![CDATA[</a>]]>".to_owned(), count: 0 }),
        Just(Written { text: "<e a=\"/>\" b='&gt;' />".to_owned(), count: 1 }),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        (prop::collection::vec(inner, 0..5), prop_oneof![Just("a"), Just("p:b")]).prop_map(
            |(children, name)| {
                let content: String = children.iter().map(|child| child.text.as_str()).collect();
                let count = 1 + children.iter().map(|child| child.count).sum::<usize>();
                Written { text: format!("<{name} xmlns:p='u'>{content}</{name}>"), count }
            },
        )
    })
}

proptest! {
    #[test]
    fn every_range_is_one_element_of_its_own(inner in written()) {
        let frame = format!("<r>{}</r>", inner.text);
        let elements = elements(&frame);
        prop_assert_eq!(elements.len(), inner.count + 1);
        for (qualified_name, _, _, _, bytes) in elements {
            let opening = format!("<{qualified_name}");
            let closing = format!("</{qualified_name}>");
            prop_assert!(bytes.starts_with(&opening));
            prop_assert!(bytes.ends_with("/>") || bytes.ends_with(&closing));
        }
    }

    #[test]
    fn any_bytes_give_a_tree_or_an_error(bytes in prop::collection::vec(prop::sample::select(&b"<>/a:= '\"&;x![]-?\xC3"[..]), 0..40)) {
        let _ = Tree::parse(&bytes, &Scope::default());
    }
}

/// What a client may send, as the features say.
const LIMITS: StreamLimits =
    StreamLimits { max_bytes: 262_144, largest_insertion: 1_000, idle: Duration::from_secs(900) };

const ADVERTISED: &str = "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes>\
    <idle-seconds>900</idle-seconds></limits>";

/// What a frame from the gatekeeper is edited to.
fn closed(bytes: &str) -> String {
    testing::with_frame(bytes, |frame| {
        let edit = detour::close(frame, &LIMITS).expect("a frame that can be parsed");
        // Nothing is missed that the edit would do.
        assert!(detour::concerns(frame) || edit.is_none());
        let mut out = Vec::new();
        edit.unwrap_or_default().apply(frame.bytes, &mut out);
        String::from_utf8(out).expect("UTF-8")
    })
}

#[test]
fn features_that_lead_around_the_proxy_are_not_offered() {
    let features = |offered: &str, said: &str| {
        format!(
            "<s:features xmlns:s='http://etherx.jabber.org/streams'>{offered}\
             <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>{said}</s:features>"
        )
    };
    for feature in [
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
        "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>",
        "<x:compression xmlns:x='http://jabber.org/features/compress'/>",
        "<setup xmlns='http://jabber.org/protocol/compress/exi'/>",
        "<auth xmlns='http://jabber.org/features/iq-auth'/>",
    ] {
        assert_eq!(closed(&features(feature, "")), features("", ADVERTISED), "{feature}");
    }
}

#[test]
fn other_features_stay_as_they_are() {
    let features = "<f:features xmlns:f='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
        <sm xmlns='urn:xmpp:sm:3'/><authentication xmlns='urn:xmpp:sasl:2'><inline><bind xmlns='urn:xmpp:bind:0'/>\
        </inline></authentication><x xmlns='y'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></x></f:features>";
    let end = "</f:features>";
    let expected = features.replace(end, &format!("{ADVERTISED}{end}"));
    assert_eq!(closed(features), expected);
}

#[test]
fn features_say_the_smaller_limits_with_room_for_what_is_inserted() {
    let features = |limits: &str| {
        format!("<f:features xmlns:f='http://etherx.jabber.org/streams'>{limits}</f:features>")
    };
    let limits = |inside: &str| format!("<limits xmlns='urn:xmpp:stream-limits:0'>{inside}</limits>");
    let said = |max_bytes: &str, idle: &str| {
        features(&limits(&format!("<max-bytes>{max_bytes}</max-bytes><idle-seconds>{idle}</idle-seconds>")))
    };
    for (theirs, expected) in [
        ("", said("262144", "900")),
        ("<max-bytes>100000</max-bytes><idle-seconds> 60 </idle-seconds>", said("99000", "60")),
        ("<max-bytes>263000</max-bytes><idle-seconds>9000</idle-seconds>", said("262000", "900")),
        ("<max-bytes>999</max-bytes><idle-seconds>0</idle-seconds>", said("1", "1")),
        ("<max-bytes>many</max-bytes><idle-seconds>-1</idle-seconds>", said("262144", "900")),
        ("<max-bytes>99999999999999999999999</max-bytes>", said("262144", "900")),
    ] {
        assert_eq!(closed(&features(&limits(theirs))), expected, "{theirs}");
    }
    assert_eq!(closed("<f:features xmlns:f='http://etherx.jabber.org/streams'/>"), said("262144", "900"));
}

#[test]
fn a_resumption_is_not_sent_elsewhere() {
    for namespace in ["urn:xmpp:sm:3", "urn:xmpp:sm:2"] {
        let enabled =
            |location: &str| format!("<enabled xmlns='{namespace}' id='x'{location} resume='true'/>");
        assert_eq!(closed(&enabled(" location='[2001:db8::1]:5222'")), enabled(""));
        assert_eq!(closed(&enabled("\n\tlocation = \"a\"")), enabled(""));
        assert_eq!(closed(&enabled("")), enabled(""));
    }
}

#[test]
fn a_resumption_that_sasl2_enables_is_not_sent_elsewhere() {
    let success = |location: &str| {
        format!(
            "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>a@b/c</authorization-identifier>\
             <bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='x'{location} resume='true'/></bound></success>"
        )
    };
    assert_eq!(closed(&success(" location='[2001:db8::1]:5222'")), success(""));
    assert_eq!(closed(&success("")), success(""));
}

#[test]
fn a_redirection_becomes_a_reset() {
    let error = |condition: &str| {
        format!(
            "<e:error xmlns:e='http://etherx.jabber.org/streams'>{condition}<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t</text></e:error>"
        )
    };
    assert_eq!(
        closed(&error(
            "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a.example</see-other-host>"
        )),
        error("<reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
    );
    let conflict = error("<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    assert_eq!(closed(&conflict), conflict);
}

#[test]
fn stanzas_are_left_alone() {
    let message = "<message xmlns='jabber:client'><enabled xmlns='urn:xmpp:sm:3' location='a'/></message>";
    assert_eq!(closed(message), message);
}

#[test]
fn a_frame_inherits_what_the_stream_root_declares() {
    let header = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='u'>";
    testing::with_frame_after(header, "<iq><p:a/><x xmlns=''/></iq>", |frame| {
        let tree = Tree::parse(frame.bytes, frame.scope()).expect("a frame that can be parsed");
        let namespaces: Vec<_> = tree.elements().iter().map(|element| element.namespace).collect();
        assert_eq!(namespaces, ["jabber:client", "u", ""]);
    });
}

#[test]
fn a_header_is_read_unescaped() {
    let header = "<?xml version='1.0'?>\n<s:stream to='a&amp;b' id=\"'\" xml:lang='en'\n version='1.0' \
        from='c/>' xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' >";
    let header = testing::with_header(header, StreamHeader::parse).expect("a header");
    let expected = StreamHeader {
        to: Some("a&b".to_owned()),
        from: Some("c/>".to_owned()),
        id: Some("'".to_owned()),
        version: Some("1.0".to_owned()),
        lang: Some("en".to_owned()),
        content_namespace: Some("jabber:client".to_owned()),
    };
    assert_eq!(header, expected);
}

#[test]
fn our_own_header_is_read_back_as_it_was() {
    let ours =
        StreamHeader { lang: Some("de".to_owned()), ..StreamHeader::responding("<'&\">", Some("a.example")) };
    let mut bytes = Vec::new();
    ours.write(&mut bytes);
    let text = String::from_utf8(bytes).expect("UTF-8");
    let read = testing::with_header(&text, StreamHeader::parse).expect("a header");
    assert_eq!(read, StreamHeader { content_namespace: Some("jabber:client".to_owned()), ..ours });
}
