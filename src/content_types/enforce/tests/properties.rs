//! What holds for any message.

use proptest::prelude::*;

use super::*;

/// A piece of a message, as it is written.
#[derive(Clone, Debug)]
enum Piece {
    Text(&'static str),
    /// It may go as a whole. A number tells it from all others.
    Element(String),
    /// It never goes.
    Kept(String),
    /// What stands before and behind the message that it carries is kept.
    Carrier {
        before: String,
        inner: Vec<Piece>,
        after: &'static str,
    },
}

/// What elements say, with their number in the place of `@`.
const ELEMENTS: &[&str] = &[
    "<body n='@'>hello</body>",
    "<c:body n='@' xmlns:c='jabber:client'><![CDATA[a/@]]></c:body>",
    "<body n='@' xml:lang='de'>https://a/b</body>",
    "<body n='@'/>",
    "<media n='@' xmlns='urn:media' class='image'/>",
    "<media n='@' xmlns='urn:media' kind='video'>]]&gt;</media>",
    "<media n='@' xmlns='urn:media' class='unknown'/>",
    "<share n='@' xmlns='urn:files'><file><type>image/jpeg</type><size>9</size></file></share>",
    "<p:share n='@' xmlns:p='urn:files'><p:file><p:type>audio/ogg</p:type></p:file><p:url at='https://a/b'/></p:share>",
    "<share n='@' xmlns='urn:files'><file><type>image/jpeg</type><size>9999</size></file><url at='a/@'/></share>",
    "<share n='@' xmlns='urn:files'/>",
    "<sticker n='@' xmlns='urn:sticker' size='1001'/>",
    "<reactions n='@' xmlns='urn:reactions'/>",
    "<propose n='@' xmlns='urn:call'><media xmlns='urn:media' class='video'/></propose>",
    "<fallback n='@' xmlns='urn:xmpp:fallback:0' for='urn:files'><body/></fallback>",
    "<fallback n='@' xmlns='urn:xmpp:fallback:0' for='urn:media'><body start='0' end='1'/></fallback>",
    "<fallback n='@' xmlns='urn:xmpp:fallback:0' for='urn:reactions'/>",
    "<f:fallback n='@' xmlns:f='urn:xmpp:fallback:0'><f:subject/></f:fallback>",
    "<fallback n='@' xmlns='urn:xmpp:fallback:0'/>",
    "<request n='@' xmlns='urn:receipts'/>",
    "<x n='@' xmlns='u'><media xmlns='urn:media' class='video'/></x>",
];

/// How those begin that are no content and belong to none.
const KEPT: [&str; 2] = ["<x ", "<media n='@' xmlns='urn:media' class='unknown'"];

const OPAQUE: &str = "<encrypted n='@' xmlns='urn:secret'/>";

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let element = |text: &'static str| {
        let kept = KEPT.iter().any(|start| text.starts_with(start));
        if kept { Piece::Kept(text.to_owned()) } else { Piece::Element(text.to_owned()) }
    };
    let leaf = prop_oneof![
        12 => prop::sample::select(ELEMENTS).prop_map(element),
        3 => prop::sample::select(&["]]", "]", ">", " ", "x &lt;", "<![CDATA[<]]>"][..]).prop_map(Piece::Text),
        1 => Just(OPAQUE).prop_map(element),
    ];
    let carriers = prop::sample::select(&["urn:carbons' type='sent", "urn:archive' type='result"][..]);
    let piece = leaf.prop_recursive(3, 40, 6, move |inner| {
        (carriers.clone(), types(), prop::collection::vec(inner, 0..6)).prop_map(|(carrier, type_, inner)| {
            let (namespace, local) = carrier.split_once("' type='").expect("two parts");
            let before = format!(
                "<w:{local} n='@' xmlns:w='{namespace}'><delay xmlns='urn:xmpp:delay'/><forwarded xmlns='urn:forward'>\
                 <message xmlns='jabber:client' {type_}>"
            );
            let after = if local == "sent" {
                "</message></forwarded><media xmlns='urn:media' class='video'/></w:sent>"
            } else {
                "</message></forwarded><media xmlns='urn:media' class='video'/></w:result>"
            };
            Piece::Carrier { before, inner, after }
        })
    });
    prop::collection::vec(piece, 0..8).prop_map(|mut pieces| {
        number(&mut pieces, &mut 0);
        pieces
    })
}

fn types() -> impl Strategy<Value = &'static str> {
    let types =
        ["", "type='chat'", "type='groupchat'", "type='&#103;roupchat'", "to='a&amp;b'", "type='error'"];
    prop::sample::select(types.to_vec())
}

/// Gives each element its number, and takes out text that would make `]]>` with the text before it.
fn number(pieces: &mut Vec<Piece>, last: &mut u32) {
    let mut before = String::new();
    pieces.retain_mut(|piece| {
        match piece {
            Piece::Text(text) => {
                if format!("{before}{text}").contains("]]>") {
                    return false;
                }
                before.push_str(text);
                return true;
            }
            Piece::Element(text) | Piece::Kept(text) => *text = text.replace('@', &last.to_string()),
            Piece::Carrier { before, inner, .. } => {
                *before = before.replace('@', &last.to_string());
                number(inner, last);
            }
        }
        *last += 1;
        before.clear();
        true
    });
}

fn write(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Element(text) | Piece::Kept(text) => text.clone(),
        Piece::Carrier { before, inner, after } => format!("{before}{}{after}", write(inner)),
    };
    pieces.iter().map(piece).collect()
}

/// Reads from `rest` the pieces, without any of the elements, and with what may stand in their place.
fn strip<'a>(mut rest: &'a str, pieces: &[Piece]) -> Result<&'a str, String> {
    let expect = |rest: &'a str, text: &str| {
        rest.strip_prefix(text).ok_or_else(|| format!("{text} should stand before {rest}"))
    };
    for piece in pieces {
        rest = match piece {
            Piece::Text(text) => expect(rest, text)?,
            Piece::Kept(text) => expect(rest, text)?,
            Piece::Element(text) => match rest.strip_prefix(text.as_str()) {
                Some(rest) => rest,
                None => strip_insertion(rest),
            },
            Piece::Carrier { before, inner, after } => expect(strip(expect(rest, before)?, inner)?, after)?,
        };
    }
    Ok(rest)
}

/// Takes away what is left in the place of an element that is gone.
fn strip_insertion(rest: &str) -> &str {
    if let Some(rest) = rest.strip_prefix("<![CDATA[]]>") {
        return rest;
    }
    let Some(mut rest) = rest.strip_prefix(TEXT).or_else(|| rest.strip_prefix(VOICE)) else { return rest };
    while let Some(after) = rest.strip_prefix("<fallback xmlns='urn:xmpp:fallback:0' for=") {
        rest = after.split_once("</fallback>").expect("complete").1;
    }
    rest
}

fn stanza(attributes: &str, pieces: &[Piece]) -> String {
    format!("<message {attributes}>{}</message>", write(pieces))
}

/// All that the client can receive, so that nothing has to be edited.
fn everything() -> ContentTypesPolicy {
    let mut policy = policy();
    policy.enforcement.otherwise = Action::Pass;
    policy.enforcement.rules.clear();
    policy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// `enforced_by` also holds the outline against a full reading, and the result against the gate.
    #[test]
    fn only_whole_elements_go_and_only_texts_come(pieces in pieces(), attributes in types()) {
        let (edited, counts) = enforced_by(&policy(), LONGEST, &stanza(attributes, &pieces));
        let inner = edited.strip_prefix(&format!("<message {attributes}>")).expect("the start tag stays");
        let left = strip(inner, &pieces).map_err(TestCaseError::fail)?;
        prop_assert_eq!(left, "</message>");
        for class in ContentClass::ALL {
            let at = class as usize;
            for (unadvertised, received) in counts.unadvertised.iter().zip(&counts.received) {
                prop_assert!(unadvertised[at] <= received[at]);
            }
        }
    }

    #[test]
    fn editing_twice_equals_editing_once(pieces in pieces(), attributes in types(), room in 0..400usize) {
        let before = stanza(attributes, &pieces);
        let (once, _) = enforced_by(&policy(), before.len() + room, &before);
        let (twice, counts) = enforced_by(&policy(), LONGEST, &once);
        prop_assert_eq!(twice, once);
        prop_assert_eq!(counts.replaced, [[0; 8]; 2]);
        prop_assert_eq!(counts.withheld, [[0; 8]; 2]);
    }

    #[test]
    fn nothing_is_edited_where_everything_passes(pieces in pieces(), attributes in types()) {
        let before = stanza(attributes, &pieces);
        let (after, counts) = enforced_by(&everything(), LONGEST, &before);
        prop_assert_eq!(after, before);
        prop_assert_eq!(counts.any, counts.received != [[0; 8]; 2]);
    }

    #[test]
    fn texts_do_not_make_a_message_too_long(pieces in pieces(), attributes in types(), room in 0..400usize) {
        let before = stanza(attributes, &pieces);
        let (after, counts) = enforced_by(&policy(), before.len() + room, &before);
        if counts.replaced != [[0; 8]; 2] {
            prop_assert!(after.len() <= before.len() + room);
        }
    }

    #[test]
    fn what_is_counted_does_not_depend_on_what_is_done(pieces in pieces(), attributes in types()) {
        let before = stanza(attributes, &pieces);
        let policy = policy();
        let mut counts = ContentCounts::default();
        let enforce = |frame: &Frame<'_>| enforcer_of(&policy).enforce(frame, false, LONGEST, &mut counts);
        prop_assert_eq!(with_frame(&policy.dialect, &before, enforce).expect("parsed"), None);
        prop_assert_eq!(counts.received, enforced_by(&policy, LONGEST, &before).1.received);
        prop_assert_eq!(counts.received, enforced_by(&everything(), LONGEST, &before).1.received);
    }
}
