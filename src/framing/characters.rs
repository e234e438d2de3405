//! Characters: which bytes may stand where, and strict UTF-8.

use super::{RefusalKind, names};

/// `[3]` S.
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What may begin an NCName, in ASCII (Namespaces in XML, `[4]`).
#[inline]
pub(super) fn is_ascii_name_start(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME_START != 0
}

/// What may stand in an NCName, in ASCII (Namespaces in XML, `[4]`).
#[inline]
pub(super) fn is_ascii_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME != 0
}

/// The length of the NCName that `text` begins with, if it is ASCII, no colon follows, and enough of `text` does.
///
/// Eight bytes are looked at together, so that their positions need not be counted.
#[inline(always)]
pub(super) fn plain_name_length(text: &[u8]) -> Option<usize> {
    if !is_ascii_name_start(*text.first()?) {
        return None;
    }
    let mut length = 0;
    loop {
        let chunk: &[u8; 8] = text.get(length..)?.first_chunk()?;
        if let Some(position) = chunk.iter().position(|byte| !is_ascii_name(*byte)) {
            let after = chunk[position];
            return (after.is_ascii() && after != b':').then_some(length + position);
        }
        length += chunk.len();
    }
}

/// What may stand in a URI (RFC 3986, 2): ASCII only.
#[inline]
pub(super) fn is_uri_byte(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & URI != 0
}

/// What may begin an NCName, or stand in it further on, beyond ASCII.
pub(super) fn is_name_character(character: char, first: bool) -> bool {
    if first { names::is_name_start(character) } else { names::is_name(character) }
}

/// `[2]` Char, for the number that a character reference gives.
pub(super) fn is_character(code: u32) -> bool {
    matches!(code, 0x9 | 0xa | 0xd | 0x20..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..=0x10_ffff)
}

/// Takes from the start of `text` all characters of two or three bytes whose first byte needs no special
/// case: most of most scripts, with the spaces between words. Returns their length and what follows.
#[inline]
pub(super) fn common_characters(text: &[u8]) -> (usize, &[u8]) {
    let mut rest = text;
    while let [0xc2..=0xdf, 0x80..=0xbf, after @ ..]
    | [0xe1..=0xec | 0xee, 0x80..=0xbf, 0x80..=0xbf, after @ ..]
    | [b' ', after @ ..] = rest
    {
        rest = after;
    }
    (text.len() - rest.len(), rest)
}

/// The first character of `rest`, which begins with a byte from 0x80 on: `None` if its last bytes are still
/// to come.
///
/// What is wrong is said at the first byte that shows it, whether or not more bytes are there, so that the
/// verdict does not depend on how the input was cut. RFC 3629, 4; XML 1.0, `[2]`.
#[inline]
pub(super) fn multibyte_character(rest: &[u8]) -> Result<Option<char>, RefusalKind> {
    let [lead, tail @ ..] = rest else {
        return Ok(None);
    };
    let (length, second, bits) = match lead {
        0xc2..=0xdf => (1, 0x80..=0xbf, lead & 0x1f),
        0xe0 => (2, 0xa0..=0xbf, lead & 0x0f),
        0xed => (2, 0x80..=0x9f, lead & 0x0f), // Above are the surrogates.
        0xe1..=0xef => (2, 0x80..=0xbf, lead & 0x0f),
        0xf0 => (3, 0x90..=0xbf, lead & 0x07),
        0xf1..=0xf3 => (3, 0x80..=0xbf, lead & 0x07),
        0xf4 => (3, 0x80..=0x8f, lead & 0x07), // Above U+10FFFF.
        _ => return Err(RefusalKind::BadUtf8),
    };
    let mut code = u32::from(bits);
    for position in 0..length {
        let Some(&byte) = tail.get(position) else {
            return Ok(None);
        };
        let allowed = if position == 0 { second.contains(&byte) } else { byte & 0xc0 == 0x80 };
        if !allowed {
            return Err(RefusalKind::BadUtf8);
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    match char::from_u32(code) {
        Some('\u{fffe}' | '\u{ffff}') => Err(RefusalKind::BadCharacter),
        Some(character) => Ok(Some(character)),
        None => Err(RefusalKind::BadUtf8),
    }
}

const NAME_START: u8 = 1;
const NAME: u8 = 2;
const URI: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME_START | NAME | URI,
            b'0'..=b'9' | b'-' | b'.' => NAME | URI,
            0x00..=0x20 | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f.. => 0,
            _ => URI,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::super::RefusalKind;
    use super::{common_characters, is_character, multibyte_character, plain_name_length};

    /// What the standard library makes of the first character.
    fn reference(bytes: &[u8]) -> Option<char> {
        (1..=bytes.len()).find_map(|length| std::str::from_utf8(&bytes[..length]).ok()?.chars().next())
    }

    /// Every first and second byte, with the third and fourth at the borders of what may stand there.
    fn for_each_sequence(mut check: impl FnMut([u8; 4])) {
        for (first, second) in
            (0x80..=0xff).flat_map(|first| (0x00..=0xff).map(move |second| (first, second)))
        {
            for (third, fourth) in [0x7f, 0x80, 0xbe, 0xbf, 0xc0]
                .map(|third| [0x00, 0x7f, 0x80, 0xbf].map(|fourth| (third, fourth)))
                .concat()
            {
                check([first, second, third, fourth]);
            }
        }
    }

    #[test]
    fn utf8_is_what_the_standard_library_takes_for_it() {
        for_each_sequence(|bytes| {
            let expected = match reference(&bytes) {
                Some('\u{fffe}' | '\u{ffff}') => Err(RefusalKind::BadCharacter),
                Some(character) => Ok(Some(character)),
                None => Err(RefusalKind::BadUtf8),
            };
            assert_eq!(multibyte_character(&bytes), expected, "{bytes:x?}");
        });
    }

    #[test]
    fn what_is_wrong_shows_as_soon_as_the_bytes_show_it() {
        for_each_sequence(|bytes| {
            let whole = multibyte_character(&bytes);
            let cut = (1..4).map(|length| multibyte_character(&bytes[..length]));
            let first = cut.into_iter().find(|verdict| *verdict != Ok(None)).unwrap_or(whole);
            assert_eq!(first, whole, "{bytes:x?}");
        });
    }

    #[test]
    fn two_bytes_are_refused_if_nothing_can_complete_them() {
        let ends = [[0x80, 0x80], [0x80, 0xbf], [0xbf, 0x80], [0xbf, 0xbf]];
        for (first, second) in
            (0x80..=0xff).flat_map(|first| (0x00..=0xff).map(move |second| (first, second)))
        {
            let completes = |end: [u8; 2]| reference(&[first, second, end[0], end[1]]).is_some();
            let can_be_completed = ends.into_iter().any(completes);
            let verdict = multibyte_character(&[first, second]);
            assert_eq!(verdict.is_ok(), can_be_completed, "{first:x} {second:x}");
        }
    }

    #[test]
    fn the_common_characters_are_characters() {
        for_each_sequence(|bytes| {
            let (length, rest) = common_characters(&bytes);
            assert_eq!(rest.len() + length, bytes.len());
            if length > 0 {
                let text = std::str::from_utf8(&bytes[..length]);
                assert!(text.is_ok_and(|text| text.chars().all(|character| is_character(character.into()))));
            }
        });
        assert_eq!(common_characters("жя 漢字x".as_bytes()).0, 11);
        assert_eq!(common_characters("".as_bytes()).0, 0);
    }

    #[test]
    fn a_plain_name_is_told_if_nothing_but_ascii_is_in_it_and_enough_follows() {
        for (text, length) in [
            ("message to='x'", Some(7)),
            ("a b='cdefghij'", Some(1)),
            ("abcdefgh='12345678'", Some(8)),
            ("a-name-that.is_longer than sixteen", Some(21)),
            ("a b", None),
            ("stream:stream a='b'", None),
            ("na\u{ef}ve a='12345678'", None),
            ("1a b='cdefghij'", None),
            ("-a b='cdefghij'", None),
            ("", None),
        ] {
            assert_eq!(plain_name_length(text.as_bytes()), length, "{text}");
        }
    }

    #[test]
    fn characters_are_those_of_xml() {
        let are = |codes: &[u32], expected| codes.iter().all(|code| is_character(*code) == expected);
        assert!(are(
            &[0x9, 0xa, 0xd, 0x20, 0x7f, 0xd7ff, 0xe000, 0xfffd, 0x1_0000, 0x1_ffff, 0x10_ffff],
            true
        ));
        assert!(are(&[0x0, 0x8, 0xb, 0xc, 0xe, 0x1f, 0xd800, 0xdfff, 0xfffe, 0xffff, 0x11_0000], false));
    }
}
