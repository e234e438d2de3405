//! Verdict, frames and offsets are the same however the bytes are cut, and no bytes make the gate fail.

use proptest::prelude::*;

use super::{HEADER, document, record, stream};

/// Pieces of XML, right and wrong, that make up streams which reach deep into the grammar.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "<message to='a@b' id='1'>",
        "</message>",
        "<body>",
        "</body>",
        "<x/>",
        "<p:x xmlns:p='u' p:y='1'/>",
        "</p:x>",
        "<p:x xmlns:p=\"u\" xmlns:q='u' q:y='&amp;'>",
        "text ",
        "]]>",
        "]]",
        ">",
        "<",
        "&lt;",
        "&#x41;",
        "&#",
        "&",
        ";",
        "<![CDATA[",
        "<![CDATA[a]]>",
        "é漢😀",
        " ",
        "\n",
        "'",
        "\"",
        "=",
        "/",
        "<!--",
        "<?x?>",
        "</stream:stream>",
        "<stream:error/>",
        "xmlns='v'",
        "xml:lang='en'",
        "a='b' ",
        "<a ",
        "\u{ffff}",
    ]);
    prop_oneof![
        20 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => Just(vec![b'x'; 150]),
    ]
}

/// A stream: mostly well-formed stanzas, then fragments.
fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
    let stanza = "<message to='a@b' xmlns:p='u'><body>x&amp;é</body><p:y p:z='1'/><![CDATA[]]]]></message>";
    (0..3_usize, prop::collection::vec(fragment(), 0..12)).prop_map(move |(stanzas, fragments)| {
        [HEADER.as_bytes(), stanza.repeat(stanzas).as_bytes(), &fragments.concat()].concat()
    })
}

/// `input` cut at the given places.
fn cut<'i>(input: &'i [u8], lengths: &[usize]) -> Vec<&'i [u8]> {
    let mut rest = input;
    let mut chunks = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            return chunks;
        }
        let (chunk, after) = rest.split_at((*length).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

proptest! {
    #[test]
    fn any_chunks_of_a_stream_give_the_same(
        input in stream_bytes(),
        lengths in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let whole = record(stream(), [input.as_slice()]);
        prop_assert_eq!(&whole, &record(stream(), cut(&input, &lengths)));
        prop_assert_eq!(&whole, &record(stream(), input.chunks(1)));
    }

    #[test]
    fn any_chunks_of_a_document_give_the_same(
        fragments in prop::collection::vec(fragment(), 0..12),
        lengths in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let fragments = fragments.concat();
        let input = [b"<?xml version='1.0'?><a xmlns:p='u'>".as_slice(), &fragments, b"</a>"].concat();
        let whole = record(document(), [input.as_slice()]);
        prop_assert_eq!(&whole, &record(document(), cut(&input, &lengths)));
        prop_assert_eq!(&whole, &record(document(), input.chunks(1)));
    }

    #[test]
    fn any_bytes_get_a_verdict(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = record(document(), [input.as_slice()]);
        prop_assert_eq!(&whole, &record(document(), input.chunks(1)));
        let tail = [HEADER.as_bytes(), &input].concat();
        prop_assert_eq!(record(stream(), [tail.as_slice()]), record(stream(), tail.chunks(1)));
    }

    #[test]
    fn what_passes_is_what_was_read(input in stream_bytes()) {
        let passed = record(stream(), [input.as_slice()]);
        for (_, offset, bytes, _) in &passed.frames {
            let start = usize::try_from(*offset).expect("a small offset");
            prop_assert_eq!(bytes.as_slice(), &input[start..start + bytes.len()]);
        }
        let total: usize = passed.frames.iter().map(|frame| frame.2.len()).sum();
        prop_assert!(total + passed.white_space.len() <= input.len());
        if passed.refusal.is_none() {
            prop_assert_eq!(total + passed.white_space.len(), input.len());
        }
    }
}

#[test]
fn a_stream_can_be_cut_in_two_anywhere() {
    let input = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n{HEADER}<message to='é' xmlns:p='u'><p:body p:x=\"&#x41;&amp;\">漢😀\
         <![CDATA[<]]>]]></p:body ></message> \n</stream:stream>"
    );
    let input = input.replace("]]></p", "]]&gt;</p");
    let whole = record(stream(), [input.as_bytes()]);
    assert_eq!((whole.refusal, whole.frames.len()), (None, 3));
    for place in 0..=input.len() {
        let (one, other) = input.as_bytes().split_at(place);
        assert_eq!(whole, record(stream(), [one, other]), "cut at {place}");
    }
}
