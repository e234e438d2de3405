//! The fast search through text and attribute values for the next byte that means something, and the fast
//! comparison of names.

use wide::i8x16;

/// Where character data may end, or needs a closer look: `<`, `&`, `>`, a control, a character beyond ASCII,
/// or the end of the bytes.
#[inline(always)]
pub(super) fn end_of_text(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, *b"<>&")
}

/// Where an attribute's value may end, or needs a closer look: a quote, `<`, `&`, or as above.
#[inline(always)]
pub(super) fn end_of_value(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, *b"\"'<&")
}

/// Where a CDATA section may end, or needs a closer look: `>`, or as above.
#[inline(always)]
pub(super) fn end_of_section(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, *b">")
}

/// Equality of short texts. (`==` calls the C library, and a call takes longer than most names are long.)
#[inline(always)]
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk(), other.last_chunk()) {
        (Some(last), Some(other_last)) => {
            let words = one.as_chunks().0.iter().zip(other.as_chunks().0);
            same_word(last, other_last) && words.into_iter().all(|(one, other)| same_word(one, other))
        }
        _ => match (ends(one), ends(other)) {
            (Some(ends), Some(other_ends)) => ends == other_ends,
            _ => one.iter().zip(other).all(|(one, other)| one == other),
        },
    }
}

/// The first and the last four bytes: all that there are of a text of four to eight.
#[inline(always)]
fn ends(text: &[u8]) -> Option<(u32, u32)> {
    let (first, last) = (text.first_chunk()?, text.last_chunk()?);
    Some((u32::from_le_bytes(*first), u32::from_le_bytes(*last)))
}

#[inline(always)]
fn same_word(one: &[u8; 8], other: &[u8; 8]) -> bool {
    u64::from_le_bytes(*one) == u64::from_le_bytes(*other)
}

/// Bytes that are looked at together.
const BLOCK: usize = 16;
/// Bytes that are looked at together in long runs.
const LONG_BLOCK: usize = 64;
/// Blocks before it pays to look at long ones.
const SHORT_RUN: usize = 8;

/// The position of the first byte, from `at` on, that is a stop, a control, or not ASCII; the end if none is.
#[inline(always)]
fn find<const N: usize>(bytes: &[u8], mut at: usize, stops: [u8; N]) -> usize {
    let blocks = bytes.get(at..).unwrap_or_default().as_chunks().0;
    for block in &blocks[..blocks.len().min(SHORT_RUN)] {
        match specials(block, stops) {
            0 => at += BLOCK,
            special => return at + special.trailing_zeros() as usize,
        }
    }
    find_far(bytes, at, stops)
}

/// [`find`] for long runs, and for what is left at the end of the bytes.
#[inline(never)]
fn find_far<const N: usize>(bytes: &[u8], mut at: usize, stops: [u8; N]) -> usize {
    let has_special = |block: &[u8]| block.iter().fold(false, |found, byte| found | is_special(*byte, stops));
    for block in bytes.get(at..).unwrap_or_default().as_chunks::<LONG_BLOCK>().0 {
        if has_special(block) {
            break;
        }
        at += LONG_BLOCK;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte, stops)).unwrap_or(rest.len())
}

/// A bit for each special byte of a block, the lowest for the first.
#[inline(always)]
fn specials<const N: usize>(block: &[u8; BLOCK], stops: [u8; N]) -> u32 {
    let block = i8x16::new(block.map(u8::cast_signed));
    let low = block.simd_lt(i8x16::splat(LOWEST));
    let special =
        stops.iter().fold(low, |special, stop| special | block.simd_eq(i8x16::splat(stop.cast_signed())));
    special.to_bitmask()
}

/// Signed comparison takes the bytes below it and those that are not ASCII in one step.
const LOWEST: i8 = 0x20;

#[inline(always)]
fn is_special<const N: usize>(byte: u8, stops: [u8; N]) -> bool {
    stops.iter().fold(byte.cast_signed() < LOWEST, |special, stop| special | (byte == *stop))
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, LONG_BLOCK, SHORT_RUN, end_of_section, end_of_text, end_of_value, equal};

    fn is_special(byte: u8, stops: &[u8]) -> bool {
        !(0x20..0x80).contains(&byte) || stops.contains(&byte)
    }

    type Search = fn(&[u8], usize) -> usize;

    const SEARCHES: [(Search, &[u8]); 3] =
        [(end_of_text, b"<&>"), (end_of_value, b"\"'<&"), (end_of_section, b">")];

    #[test]
    fn each_byte_is_found_at_each_position_of_a_word_whatever_follows() {
        for (search, stops) in SEARCHES {
            for byte in 0..=255 {
                for position in 0..2 * BLOCK {
                    for after in *b"x \0\x80<\x1f!" {
                        let mut bytes = [b'x'; 3 * BLOCK];
                        bytes[position..].fill(after);
                        bytes[position] = byte;
                        let expected = bytes.iter().position(|byte| is_special(*byte, stops));
                        assert_eq!(search(&bytes, 0), expected.unwrap_or(bytes.len()), "{bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_special_byte_is_found_at_any_distance() {
        for (search, stops) in SEARCHES {
            for distance in 0..400 {
                for at in [0, 1, 5] {
                    let mut bytes = vec![stops[0]; at];
                    bytes.resize(at + distance, b' ');
                    assert_eq!(search(&bytes, at), at + distance);
                    for special in stops.iter().copied().chain(*b"\0\x1f\x80\xff") {
                        bytes.resize(at + distance, b' ');
                        bytes.push(special);
                        assert_eq!(search(&bytes, at), at + distance);
                        bytes.extend([b'x'; 80]);
                        assert_eq!(search(&bytes, at), at + distance);
                    }
                }
            }
        }
    }

    #[test]
    fn special_bytes_do_not_hide_one_another() {
        for (search, stops) in SEARCHES {
            for first in 0..2 * LONG_BLOCK {
                for second in first + 1..first + LONG_BLOCK {
                    let mut bytes = vec![b'x'; SHORT_RUN * BLOCK + 3 * LONG_BLOCK];
                    let first = SHORT_RUN * BLOCK + first;
                    bytes[first] = stops[0];
                    bytes[SHORT_RUN * BLOCK + second] = stops[stops.len() - 1];
                    assert_eq!(search(&bytes, 0), first);
                }
            }
        }
    }

    #[test]
    fn texts_are_equal_only_if_all_bytes_are() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            assert!(equal(&text[..length], &text[..length]));
            assert!(
                !equal(&text[..length], &text[..length + 1]) && !equal(&text[..length + 1], &text[..length])
            );
            for position in 0..length {
                let mut other = text[..length].to_vec();
                other[position] ^= 1;
                assert!(!equal(&other, &text[..length]));
            }
        }
    }
}
