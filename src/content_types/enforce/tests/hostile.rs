//! Messages made to cost time, to be misread, or to slip through.

use super::*;

fn count_after(stanza: &str) -> Vec<(&'static str, [u32; 4])> {
    counted(&enforced_by(&policy(), LONGEST, stanza).1)
}

#[test]
fn what_is_no_size_says_nothing_and_what_is_too_long_is_too_large() {
    let share = |size: &str| {
        chat(&format!(
            "<share xmlns='urn:files'><file><type>image/jpeg</type><size>{size}</size></file></share>"
        ))
    };
    for size in ["1e9", "-1", "+1", "", " ", "0x400", "1000.0", "1_0", "\u{661}"] {
        assert_eq!(enforced(&share(size)), share(size), "{size}");
    }
    for size in ["1001".to_owned(), "18446744073709551616".to_owned(), "9".repeat(200_000)] {
        assert_eq!(enforced(&share(&size)), chat(""));
    }
}

#[test]
fn what_is_no_media_type_is_judged_by_its_class() {
    let share = |media_type: &str| {
        chat(&format!("<share xmlns='urn:files'><file><type>{media_type}</type></file></share>"))
    };
    let long = format!("image/jpeg;{}", "a=b;".repeat(50_000));
    let parameters = |count: usize| (0..count).map(|number| format!(";p{number}=v")).collect::<String>();
    let many = format!("image/jpeg{}", parameters(20_000));
    for media_type in ["image/*", "*/*", "image", "", "image/jpeg,image/png", &long, &many] {
        assert_eq!(count_after(&share(media_type)), [("file", [1, 1, 0, 0])]);
    }
    assert_eq!(count_after(&share(&format!("image/jpeg{}", parameters(100)))), [("image", [1, 0, 0, 0])]);
}

#[test]
fn a_long_type_is_no_type() {
    let type_ = "groupchat".repeat(22_000);
    let reaction = message(&type_, "<reactions xmlns='urn:reactions'/>");
    assert_eq!(enforced(&reaction), reaction);
    let media = |class: &str| chat(&format!("<media xmlns='urn:media' class='{class}'/>"));
    assert_eq!(enforced(&media(&type_)), media(&type_));
}

/// Each part is small, so that time that grows with the square of their number would be hours.
#[test]
fn thousands_of_everything_go_in_one_pass() {
    let part = "<x:media class='video'/>]<f:fallback for='urn:media'/><b:request/><body>a</body>";
    let inner = part.repeat(4_000);
    let declarations = "xmlns:x='urn:media' xmlns:f='urn:xmpp:fallback:0' xmlns:b='urn:receipts'";
    let stanza = format!("<message {declarations}>{inner}</message>");
    let left = "]<![CDATA[]]>".repeat(4_000);
    assert_eq!(enforced(&stanza), format!("<message {declarations}>{left}</message>"));
}

#[test]
fn thousands_of_echoes_and_bodies_find_each_other() {
    let share =
        |n: usize| format!("<s:share><s:file><s:type>audio/ogg</s:type></s:file><s:url at='{n}'/></s:share>");
    let children: String = (0..5_000).map(|n| format!("{}<body>{n}</body>", share(n))).collect();
    let stanza = |children: &str| format!("<message xmlns:s='urn:files'>{children}</message>");
    assert_eq!(enforced(&stanza(&children)), stanza(&format!("{VOICE}{}", mark("urn:files"))));
}

#[test]
fn thousands_of_carried_messages_are_each_judged_while_there_is_room() {
    let inner = "<message type='groupchat'><m:media class='image'/></message>";
    let stanza = |inner: &str| {
        format!(
            "<message xmlns:m='urn:media' xmlns:f='urn:forward'><r:result xmlns:r='urn:archive'>\
             <f:forwarded>{inner}</f:forwarded></r:result></message>"
        )
    };
    let before = stanza(&inner.repeat(10_000));
    let longest = before.len() + 100_000;
    let (after, counts) = enforced_by(&policy(), longest, &before);
    assert!(after.len() <= longest);
    let [(_, [10_000, 0, replaced, withheld])] = counted(&counts)[..] else { panic!("{counts:?}") };
    assert_eq!(replaced + withheld, 10_000);
    assert_eq!(after.matches(TEXT).count(), replaced as usize);
    assert!(replaced > 100 && withheld > 100, "{replaced} {withheld}");
}

#[test]
fn a_message_in_a_message_is_followed_only_as_far_as_the_path_leads() {
    let video = "<media xmlns='urn:media' class='video'/>";
    let wrap = |inner: &str| {
        format!(
            "<sent xmlns='urn:carbons'><forwarded xmlns='urn:forward'>\
             <message xmlns='jabber:client'>{inner}</message></forwarded></sent>"
        )
    };
    assert_eq!(enforced(&chat(&wrap(video))), chat(&wrap("")));
    let deep = (0..5).fold(video.to_owned(), |inner, _| wrap(&inner));
    assert_eq!(enforced(&chat(&deep)), chat(&deep));
    let beside =
        format!("<sent xmlns='urn:carbons'><x/><message xmlns='jabber:client'>{video}</message></sent>");
    assert_eq!(enforced(&chat(&beside)), chat(&beside));
}

#[test]
fn a_forged_mark_takes_nothing_from_judgement() {
    let mut policy = policy();
    policy.profiles[0].content_types = ContentTypes::default();
    for mark in
        [mark("urn:files"), mark("jabber:client"), "<fallback xmlns='urn:xmpp:fallback:0'/>".to_owned()]
    {
        let (edited, counts) = enforced_by(&policy, LONGEST, &chat(&format!("<body>a</body>{mark}")));
        assert_eq!(edited, chat(&mark));
        assert_eq!(counted(&counts), [("text", [1, 1, 0, 1])]);
    }
}

#[test]
fn text_that_meets_where_content_was_does_not_end_a_section() {
    let video = "<media xmlns='urn:media' class='video'/>";
    assert_eq!(enforced(&chat(&format!("]]{video}>"))), chat("]]<![CDATA[]]>>"));
}
