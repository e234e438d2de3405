//! One test for each rule of what goes and what stays.

use super::*;

const IMAGE: &str =
    "<share xmlns='urn:files'><file><type>image/png</type></file><url at='https://a/b'/></share>";
const VIDEO: &str = "<media xmlns='urn:media' class='video'>secret</media>";
const JPEG: &str = "<share xmlns='urn:files'><file><type>image/jpeg</type><size>1000</size></file></share>";

fn counts_of(stanza: &str) -> Vec<(&'static str, [u32; 4])> {
    counted(&enforced_by(&policy(), LONGEST, stanza).1)
}

/// A shared file of this type and size.
fn share(media_type: &str, size: &str) -> String {
    format!("<share xmlns='urn:files'><file><size>{size}</size><type>{media_type}</type></file></share>")
}

fn image_text() -> String {
    format!("{TEXT}{}", mark("urn:files"))
}

#[test]
fn what_the_client_can_receive_passes_as_it_is() {
    for stanza in [
        chat("<body>hello</body>"),
        chat(JPEG),
        chat("<body>hello</body><request xmlns='urn:receipts'/>"),
        chat("<reactions xmlns='urn:reactions'><reaction>x</reaction></reactions>"),
        chat("<composing xmlns='http://jabber.org/protocol/chatstates'/>"),
        "<presence><body>x</body></presence>".to_owned(),
        format!("<iq type='result' id='1'>{VIDEO}</iq>"),
    ] {
        assert_eq!(enforced(&stanza), stanza);
    }
}

#[test]
fn a_text_stands_where_content_stood() {
    let stanza = chat(&format!("<a xmlns='u'/>{IMAGE}<b xmlns='u'/>"));
    assert_eq!(enforced(&stanza), stanza.replace(IMAGE, &image_text()));
    assert_eq!(counts_of(&stanza), [("image", [1, 1, 1, 0])]);
}

#[test]
fn a_class_can_have_a_text_of_its_own() {
    let voice = share("audio/ogg;codecs=opus", "1");
    assert_eq!(enforced(&chat(&voice)), chat(&format!("{VOICE}{}", mark("urn:files"))));
}

/// A body without a language has that of the message, and no language may come twice (RFC 6121, 5.2.3).
#[test]
fn the_text_in_the_language_of_the_message_is_the_one_that_names_none() {
    const GERMAN_FIRST: &str = "<body xmlns='jabber:client'>nicht gezeigt</body>\
        <body xmlns='jabber:client' xml:lang='en'>not shown</body>";
    for (language, bodies) in [("de", GERMAN_FIRST), ("DE", GERMAN_FIRST), ("en", TEXT), ("hu", TEXT)] {
        let message = |inner: &str| format!("<message type='chat' xml:lang='{language}'>{inner}</message>");
        assert_eq!(enforced(&message(IMAGE)), message(&format!("{bodies}{}", mark("urn:files"))));
    }
}

#[test]
fn what_is_withheld_leaves_the_envelope() {
    let stanza = chat(&format!("{VIDEO}<stanza-id xmlns='urn:xmpp:sid:0' id='7'/>"));
    assert_eq!(enforced(&stanza), stanza.replace(VIDEO, ""));
    assert_eq!(counts_of(&stanza), [("video", [1, 1, 0, 1])]);
    assert_eq!(enforced(&chat(VIDEO)), chat(""));
}

#[test]
fn what_passes_unadvertised_is_counted() {
    let stanza = chat(&share("application/pdf", "1"));
    assert_eq!(enforced(&stanza), stanza);
    assert_eq!(counts_of(&stanza), [("file", [1, 1, 0, 0])]);
}

#[test]
fn type_and_size_are_judged_as_well() {
    assert_eq!(enforced(&chat(&share("image/jpeg", "1001"))), chat(""));
    assert_eq!(counts_of(&chat(&share("image/jpeg", "1001"))), [("image", [1, 1, 0, 1])]);
    let sticker = |size: &str| chat(&format!("<sticker xmlns='urn:sticker' size='{size}'/>"));
    assert_eq!(enforced(&sticker("1000")), sticker("1000"));
    assert_eq!(enforced(&sticker("1001")), chat(""));
    let in_section = share("<![CDATA[image/]]>png", "1");
    assert_eq!(enforced(&chat(&in_section)), chat(&image_text()));
    let with_parameters = chat(&share("IMAGE/JPEG; q=1", " 7 "));
    assert_eq!(enforced(&with_parameters), with_parameters);
}

#[test]
fn the_first_rule_whose_words_fit_gives_the_class() {
    let media = |attributes: &str| chat(&format!("<media xmlns='urn:media' {attributes}/>"));
    for (attributes, class) in
        [("class='video'", "video"), ("kind='video'", "video"), ("class='x' kind='file'", "file")]
    {
        assert_eq!(counts_of(&media(attributes))[0].0, class, "{attributes}");
    }
    for attributes in ["", "class='VIDEO'", "kind=' video'"] {
        assert_eq!(counts_of(&media(attributes)), [], "{attributes}");
    }
}

#[test]
fn bodies_that_echo_the_content_go_with_it() {
    let stanza = chat(&format!("<body> <![CDATA[https://]]>a/b</body>{IMAGE}"));
    assert_eq!(enforced(&stanza), chat(&image_text()));
    assert_eq!(counts_of(&stanza), [("image", [1, 1, 1, 0])]);
}

#[test]
fn bodies_that_are_marked_go_with_the_content_and_so_does_the_mark() {
    for mark in [
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:files'><body/></fallback>",
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:files'/>",
        "<fallback xmlns='urn:xmpp:fallback:0'/>",
        "<f:fallback xmlns:f='urn:xmpp:fallback:0' for='urn:files'><f:subject/><f:body></f:body></f:fallback>",
    ] {
        let stanza = chat(&format!("<body>see b</body>{IMAGE}{mark}<body xml:lang='de'>siehe b</body>"));
        assert_eq!(enforced(&stanza), chat(&image_text()), "{mark}");
    }
}

#[test]
fn a_body_of_which_a_part_is_marked_stays_and_no_text_is_needed() {
    let stanza = chat(&format!(
        "<body>x: see b</body>{IMAGE}<fallback xmlns='urn:xmpp:fallback:0' for='urn:files'><body start='3' end='8'/></fallback>"
    ));
    assert_eq!(enforced(&stanza), chat("<body>x: see b</body>"));
    assert_eq!(counts_of(&stanza), [("text", [1, 0, 0, 0]), ("image", [1, 1, 0, 1])]);
}

#[test]
fn a_mark_for_something_else_stays() {
    for other in [
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:other'><body/></fallback>",
        "<fallback xmlns='urn:other' for='urn:files'><body/></fallback>",
    ] {
        let stanza = chat(&format!("<body>hello</body>{IMAGE}{other}"));
        assert_eq!(enforced(&stanza), chat(&format!("<body>hello</body>{other}")));
    }
}

#[test]
fn a_body_of_content_that_passes_is_not_content_itself() {
    let marked = chat(&format!("<body>a picture</body>{JPEG}{}", mark("urn:files")));
    assert_eq!(counts_of(&marked), [("image", [1, 0, 0, 0])]);
    let without_owner = chat(&format!("<body>a picture</body>{}", mark("urn:files")));
    assert_eq!(counts_of(&without_owner), [("text", [1, 0, 0, 0])]);
}

#[test]
fn several_contents_have_one_text_and_a_mark_each() {
    let media = "<media xmlns='urn:media' class='image'/>";
    let call = "<propose xmlns='urn:call' id='1'/>";
    let stanza = message("groupchat", &format!("{VIDEO}{media}<x xmlns='u'/>{call}{media}"));
    let marks = format!("{}{}", mark("urn:call"), mark("urn:media"));
    assert_eq!(enforced(&stanza), message("groupchat", &format!("{TEXT}{marks}<x xmlns='u'/>")));
    assert_eq!(
        counts_of(&stanza),
        [("image", [1, 1, 1, 0]), ("video", [1, 1, 0, 1]), ("voice-call", [1, 1, 1, 0])]
    );
}

#[test]
fn a_body_without_text_gives_way_to_the_text() {
    for blank in ["<body/>", "<body xml:lang='de'>\n </body>"] {
        assert_eq!(enforced(&chat(&format!("{blank}{IMAGE}"))), chat(&image_text()));
    }
}

#[test]
fn nobody_is_asked_for_an_answer_to_what_was_taken_out() {
    let asks = "<request xmlns='urn:receipts'/><m:markable xmlns:m='urn:markers'/>";
    assert_eq!(enforced(&chat(&format!("{VIDEO}{asks}"))), chat(""));
    assert_eq!(enforced(&chat(&format!("<body>hello</body>{IMAGE}{asks}"))), chat("<body>hello</body>"));
    let passes = chat(&format!("{JPEG}{asks}"));
    assert_eq!(enforced(&passes), passes);
}

#[test]
fn groups_are_judged_as_groups() {
    let reaction = "<reactions xmlns='urn:reactions'/>";
    let text = format!("{TEXT}{}", mark("urn:reactions"));
    assert_eq!(enforced(&message("groupchat", reaction)), message("groupchat", &text));
    assert_eq!(enforced(&message("&#103;roupchat", reaction)), message("&#103;roupchat", &text));
    assert_eq!(enforced(&message("headline", reaction)), message("headline", reaction));
}

#[test]
fn errors_and_messages_with_an_opaque_element_are_not_judged() {
    let encrypted = chat(&format!("<encrypted xmlns='urn:secret'/><body>encrypted</body>{VIDEO}"));
    for stanza in [message("error", VIDEO), message("&#101;rror", VIDEO), encrypted] {
        assert_eq!(enforced(&stanza), stanza);
        assert_eq!(counts_of(&stanza), []);
    }
}

/// A carbon (XEP-0280) of a message with these children.
fn carbon(inner: &str) -> String {
    chat(&format!(
        "<sent xmlns='urn:carbons'><f:forwarded xmlns:f='urn:forward'>{}</f:forwarded></sent><request xmlns='urn:receipts'/>",
        inner.replacen("<message", "<message xmlns='jabber:client'", 1)
    ))
}

#[test]
fn a_carried_message_is_judged_and_what_carries_it_stays() {
    let inner = chat(&format!("{IMAGE}<request xmlns='urn:receipts'/>"));
    assert_eq!(enforced(&carbon(&inner)), carbon(&chat(&image_text())));
    assert_eq!(counts_of(&carbon(&inner)), [("image", [1, 0, 1, 0])]);
    let group = message("groupchat", "<reactions xmlns='urn:reactions'/>");
    assert_eq!(
        enforced(&carbon(&group)),
        carbon(&message("groupchat", &format!("{TEXT}{}", mark("urn:reactions"))))
    );
    for unjudged in
        [message("error", IMAGE), chat(&format!("{IMAGE}<encrypted xmlns='urn:secret'/>")), carbon(&inner)]
    {
        assert_eq!(enforced(&carbon(&unjudged)), carbon(&unjudged));
    }
}

#[test]
fn what_stands_beside_a_carried_message_is_judged_by_itself() {
    let carried = carbon(&chat("<encrypted xmlns='urn:secret'/>"));
    let stanza = carried.replace("<sent", &format!("{VIDEO}<sent"));
    assert_eq!(enforced(&stanza), carried.replace("<request xmlns='urn:receipts'/>", ""));
    let opaque = carbon(&chat(VIDEO)).replace("<sent", "<encrypted xmlns='urn:secret'/><sent");
    assert_eq!(enforced(&opaque), opaque.replace(VIDEO, ""));
}

#[test]
fn no_text_is_sent_to_who_cannot_receive_text() {
    let mut policy = policy();
    policy.profiles[0].content_types = ContentTypes::default();
    let stanza = chat(&format!("{IMAGE}<body>hello</body>"));
    let (edited, counts) = enforced_by(&policy, LONGEST, &stanza);
    assert_eq!(edited, chat(""));
    assert_eq!(counted(&counts), [("text", [1, 1, 0, 1]), ("image", [1, 1, 0, 1])]);
    policy.dialect.contents.retain(|rule| rule.element.name != "body");
    assert_eq!(enforced_by(&policy, LONGEST, &chat(IMAGE)).0, chat(&image_text()));
}

#[test]
fn without_room_content_is_taken_out_without_a_text() {
    let stanza = chat(IMAGE);
    let edited = chat(&image_text());
    // What may be left in the place of an element is held ready, too.
    let enough = edited.len() + "<![CDATA[]]>".len();
    assert_eq!(enforced_by(&policy(), enough, &stanza).0, edited);
    let (without, counts) = enforced_by(&policy(), enough - 1, &stanza);
    assert_eq!(without, chat(""));
    assert_eq!(counted(&counts), [("image", [1, 1, 0, 1])]);
    assert_eq!(enforced_by(&policy(), 0, &stanza).0, chat(""));
}

#[test]
fn what_is_carried_inside_of_content_goes_with_it() {
    let mut policy = policy();
    policy
        .dialect
        .contents
        .push(rule(name("urn:carbons", "sent"), ClassRule::Fixed(ContentClass::VideoCall)));
    let inner = "<message xmlns='jabber:client'><media xmlns='urn:media' class='video'/></message>";
    let stanza =
        chat(&format!("<sent xmlns='urn:carbons'><forwarded xmlns='urn:forward'>{inner}</forwarded></sent>"));
    let edited = enforced_by(&policy, LONGEST, &stanza).0;
    assert_eq!(edited, chat(&format!("{TEXT}{}", mark("urn:carbons"))));
}

#[test]
fn the_first_enforcement_rule_that_fits_holds() {
    let mut policy = policy();
    let rule = |media_type: Option<&str>, conversation, action| EnforcementRule {
        class: None,
        conversation,
        media_type: media_type.map(super::media_type),
        because: Some(Reason::Type),
        action,
    };
    policy.enforcement.rules = vec![
        rule(Some("image/png"), Some(Conversation::OneToOne), Action::Pass),
        rule(Some("image/gif;a=b"), None, Action::Withhold),
    ];
    let edited = |stanza: &str| enforced_by(&policy, LONGEST, stanza).0;
    assert_eq!(edited(&chat(&share("image/png;x=y", "1"))), chat(&share("image/png;x=y", "1")));
    assert_eq!(edited(&chat(&share("image/gif;a=b", "1"))), chat(""));
    assert_eq!(edited(&chat(&share("image/gif", "1"))), chat(&image_text()));
}

#[test]
fn while_nothing_is_known_of_the_client_contents_are_only_counted() {
    let policy = policy();
    for (stanza, expected) in [
        (chat("<body>hello</body>"), vec![("text", [1, 0, 0, 0])]),
        (message("groupchat", "<reactions xmlns='urn:reactions'/>"), vec![("reaction", [1, 0, 0, 0])]),
        (chat(&format!("{VIDEO}{IMAGE}{IMAGE}")), vec![("image", [1, 0, 0, 0]), ("video", [1, 0, 0, 0])]),
        (carbon(&chat(VIDEO)), vec![("video", [1, 0, 0, 0])]),
    ] {
        for enforcer in [enforcer_of(&policy), reader_of(&policy)] {
            let mut counts = ContentCounts::default();
            let enforce = |frame: &Frame<'_>| enforcer.enforce(frame, false, usize::MAX, &mut counts);
            assert_eq!(with_frame(&policy.dialect, &stanza, enforce).expect("parsed"), None);
            assert_eq!(counted(&counts), expected, "{stanza}");
        }
    }
}

#[test]
fn what_is_in_a_group_is_counted_as_a_groups() {
    let body = "<body>hello</body>";
    for (type_, conversation) in [("groupchat", Conversation::Group), ("chat", Conversation::OneToOne)] {
        for (children, class, row) in [
            (body, ContentClass::Text, [1, 0, 0, 0]),
            (IMAGE, ContentClass::Image, [1, 1, 1, 0]),
            (VIDEO, ContentClass::Video, [1, 1, 0, 1]),
        ] {
            let (_, counts) = enforced_by(&policy(), LONGEST, &message(type_, children));
            let all = [&counts.received, &counts.unadvertised, &counts.replaced, &counts.withheld];
            for of in Conversation::ALL {
                let expected = if of == conversation { row } else { [0; 4] };
                assert_eq!(
                    all.map(|by_kind| by_kind[of as usize][class as usize]),
                    expected,
                    "{type_} {children}"
                );
            }
        }
    }
}

#[test]
fn a_rule_for_clients_without_groups_is_not_for_those_with_some() {
    let mut policy = policy();
    policy.enforcement.rules.insert(
        0,
        EnforcementRule {
            class: None,
            conversation: None,
            media_type: None,
            because: Some(Reason::Conversation),
            action: Action::Withhold,
        },
    );
    let replaced = format!("{TEXT}{}", mark("urn:files"));
    let image = message("groupchat", IMAGE);
    assert_eq!(enforced_by(&policy, LONGEST, &image).0, message("groupchat", &replaced));
    let mut alone = ContentTypes::default();
    for accept in profile().iter().filter(|accept| accept.conversation == Conversation::OneToOne) {
        alone.push(accept.clone()).expect("not there yet");
    }
    policy.profiles[0].content_types = alone;
    assert_eq!(enforced_by(&policy, LONGEST, &image).0, message("groupchat", ""));
    assert_eq!(enforced_by(&policy, LONGEST, &chat(IMAGE)).0, chat(&replaced));
    // A rule for whoever receives nothing of a class is for those, too.
    policy.enforcement.rules[0].because = Some(Reason::Class);
    assert_eq!(enforced_by(&policy, LONGEST, &image).0, message("groupchat", ""));
}
