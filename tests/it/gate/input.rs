//! Streams for the two parsers to read: mostly right, and what chance makes of them.

use proptest::prelude::*;

use super::HEADER;
use super::opinion::STREAMS;

fn attribute() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["to", "from", "type", "id", "a:b", "xml:lang", "é", "c-1._"]);
    let value = prop::sample::select(vec![
        "a@b",
        "",
        "x y",
        "&lt;&amp;&#x41;",
        "é漢😀",
        "a\tb\nc",
        "jabber:client",
        ">",
        "]]>",
        "&#10;",
        "\u{fffd}",
    ]);
    let declared = prop::sample::select(vec!["", ":a", ":b"]);
    let uri = prop::sample::select(vec!["urn:a", "urn:watched", "jabber:client", STREAMS, "é"]);
    let quote = prop::sample::select(vec!['\'', '"']);
    let equals = prop::sample::select(vec!["=", "=", " = ", "\n=\t"]);
    prop_oneof![
        4 => (name, equals.clone(), quote.clone(), value)
            .prop_map(|(name, eq, q, value)| format!(" {name}{eq}{q}{value}{q}")),
        2 => (declared, equals, quote, uri)
            .prop_map(|(prefix, eq, q, uri)| format!(" xmlns{prefix}{eq}{q}{uri}{q}")),
    ]
}

/// A stanza: mostly well-formed, but for repeated attributes and prefixes that nobody declared.
fn stanza() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "",
        "text",
        " ",
        "&amp;",
        "&#x10FFFF;",
        "é漢😀 и ещё",
        "<![CDATA[<&]]]>",
        "<![CDATA[]]>",
        "]] >",
        "]]&gt;",
        "\r\n",
        ">",
        "a longer text that goes on for more bytes than are looked at together",
    ]);
    let name = prop::sample::select(vec!["message", "body", "x", "y", "a:x", "a:y", "stream:error", "имя"]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let end = prop::sample::select(vec!["", " ", "\n"]);
        (name.clone(), prop::collection::vec(attribute(), 0..4), prop::collection::vec(inner, 0..4), end)
            .prop_map(|(name, attributes, children, end)| {
                let declared = if name.starts_with("a:") { " xmlns:a='urn:a'" } else { "" };
                let (attributes, children) = (attributes.concat(), children.concat());
                match children.as_str() {
                    "" => format!("<{name}{declared}{attributes}{end}/>"),
                    _ => format!("<{name}{declared}{attributes}>{children}</{name}{end}>"),
                }
            })
    })
    .prop_filter("a stanza is an element", |text| text.starts_with('<') && !text.starts_with("<!"))
}

/// A change to some bytes: where (in parts of 65,536), how many are taken out, what is put in.
pub(super) fn mutation() -> impl Strategy<Value = (u16, usize, Vec<u8>)> {
    let fragment = prop::sample::select(vec![
        "<",
        ">",
        "/",
        "&",
        ";",
        "'",
        "\"",
        "=",
        " ",
        ":",
        "]]>",
        "<!--",
        "<?",
        "<![CDATA[",
        "x",
        "1",
        "-",
        "\n",
        "&#0;",
        "&#xD800;",
        "&#38;",
        "&lt;",
        "&unknown;",
        "xmlns",
        "xmlns:a",
        "xmlns:b=''",
        "xml",
        "<a:x/>",
        "<a>",
        "</a>",
        "\u{ffff}",
        "\u{b7}",
        "\u{10000}",
        "\u{202e}",
        "<stream:stream>",
        "</stream:stream>",
        " to='x'",
    ]);
    let fragment = prop_oneof![
        8 => fragment.prop_map(|text| text.as_bytes().to_vec()),
        2 => Just(Vec::new()),
        2 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    (any::<u16>(), 0..3_usize, fragment)
}

pub(super) fn mutate(mut bytes: Vec<u8>, mutations: &[(u16, usize, Vec<u8>)]) -> Vec<u8> {
    for (place, length, fragment) in mutations {
        let start = bytes.len() * usize::from(*place) / 65_536;
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, fragment.iter().copied());
    }
    bytes
}

pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let space = prop::sample::select(vec!["", "\n", " \t"]);
    let end = prop::sample::select(vec!["", "</stream:stream>", "</stream:stream >\n"]);
    (prop::collection::vec((stanza(), space), 0..4), end).prop_map(|(stanzas, end)| {
        let stanzas: String = stanzas.into_iter().map(|(stanza, space)| stanza + space).collect();
        format!("{HEADER}{stanzas}{end}").into_bytes()
    })
}
