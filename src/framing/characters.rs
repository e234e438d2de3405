//! Characters: which bytes may stand where, and strict UTF-8.

use super::{RefusalKind, names};

/// [3] S.
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What may begin an NCName, in ASCII (Namespaces in XML, [4]).
#[inline]
pub(super) fn is_ascii_name_start(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME_START != 0
}

/// What may stand in an NCName, in ASCII (Namespaces in XML, [4]).
#[inline]
pub(super) fn is_ascii_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME != 0
}

/// What may begin an NCName, or stand in it further on, beyond ASCII.
pub(super) fn is_name_character(character: char, first: bool) -> bool {
    if first { names::is_name_start(character) } else { names::is_name(character) }
}

/// [2] Char, for the number that a character reference gives.
pub(super) fn is_character(code: u32) -> bool {
    matches!(code, 0x9 | 0xa | 0xd | 0x20..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..=0x10_ffff)
}

/// The first character of `rest`, which begins with a byte from 0x80 on: `None` if its last bytes are still to come.
///
/// What is wrong is said at the first byte that shows it, whether or not more bytes are there, so that the verdict
/// does not depend on how the input was cut. RFC 3629, 4; XML 1.0, [2].
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

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME_START | NAME,
            b'0'..=b'9' | b'-' | b'.' => NAME,
            _ => 0,
        };
        byte += 1;
    }
    classes
};
