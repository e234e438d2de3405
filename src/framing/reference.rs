//! References: the five predefined entities and character references, nothing else.

use super::RefusalKind;
use super::characters::{is_ascii_name, is_ascii_name_start, is_character};

/// More digits than this are refused: parsers differ on them, and no character needs more than seven.
const MOST_DIGITS: usize = 8;

const PREDEFINED: [&[u8]; 5] = [b"lt;", b"gt;", b"amp;", b"quot;", b"apos;"];

/// `[67]` Reference, with `[68]` EntityRef to the predefined only, from the byte after its `&` on: its length, or
/// `None` if it goes on beyond `rest`.
///
/// It is short, so that a caller who gets `None` may ask again from its start.
pub(super) fn reference_length(rest: &[u8]) -> Result<Option<usize>, RefusalKind> {
    if let [b'#', rest @ ..] = rest {
        return character_reference(rest).map(|length| length.map(|length| length + 1));
    }
    for entity in PREDEFINED {
        if rest.starts_with(entity) {
            return Ok(Some(entity.len()));
        }
        if entity.starts_with(rest) {
            return Ok(None);
        }
    }
    // The first byte that differs from all five decides whether this can be some other entity's name.
    let common = |entity: &[u8]| entity.iter().zip(rest).take_while(|(one, other)| one == other).count();
    let matched = PREDEFINED.iter().map(|entity| common(entity)).max().unwrap_or_default();
    let names_an_entity = rest.get(matched).is_some_and(|&byte| match matched {
        0 => is_ascii_name_start(byte) || byte >= 0x80,
        _ => is_ascii_name(byte) || byte >= 0x80 || byte == b';',
    });
    Err(if names_an_entity { RefusalKind::EntityReference } else { RefusalKind::BadReference })
}

/// `[66]` CharRef, from the byte after its `#` on.
fn character_reference(rest: &[u8]) -> Result<Option<usize>, RefusalKind> {
    let (radix, prefix) = if rest.first() == Some(&b'x') { (16, 1) } else { (10, 0) };
    let mut code = 0;
    for (count, &byte) in rest.iter().skip(prefix).enumerate() {
        match char::from(byte).to_digit(radix) {
            Some(digit) if count < MOST_DIGITS => code = code * radix + digit,
            None if byte == b';' && is_character(code) => return Ok(Some(prefix + count + 1)),
            None if byte == b';' && count > 0 => return Err(RefusalKind::ReferenceToBadCharacter),
            _ => return Err(RefusalKind::BadReference),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::reference_length;

    #[test]
    fn a_reference_has_the_length_of_all_its_bytes_once_they_are_there() {
        for reference in
            ["lt;", "gt;", "amp;", "quot;", "apos;", "#9;", "#65;", "#x9;", "#x10FFFF;", "#00000065;"]
        {
            for length in 0..reference.len() {
                assert_eq!(
                    reference_length(&reference.as_bytes()[..length]),
                    Ok(None),
                    "{reference} to {length}"
                );
            }
            let followed = format!("{reference}text;");
            assert_eq!(reference_length(followed.as_bytes()), Ok(Some(reference.len())), "{reference}");
        }
    }
}
