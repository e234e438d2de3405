//! The fast search through text and attribute values for the next byte that means something, and the fast
//! comparison of names.

/// Where character data may end, or needs a closer look: `<`, `&`, `>`, a control, a character beyond ASCII,
/// or the end of the bytes.
#[inline]
pub(super) fn end_of_text(bytes: &[u8], at: usize) -> usize {
    find_special(bytes, at, [Stop::one(b'&'), Stop::two(b'<', b'>')])
}

/// Where an attribute's value may end, or needs a closer look: a quote, `<`, `&`, or as above.
#[inline]
pub(super) fn end_of_value(bytes: &[u8], at: usize) -> usize {
    find_special(bytes, at, [Stop::one(b'"'), Stop::two(b'&', b'\''), Stop::one(b'<')])
}

/// Where a CDATA section may end, or needs a closer look: `>`, or as above.
#[inline]
pub(super) fn end_of_section(bytes: &[u8], at: usize) -> usize {
    find_special(bytes, at, [Stop::one(b'>')])
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
        _ => one.iter().zip(other).all(|(one, other)| one == other),
    }
}

#[inline(always)]
fn same_word(one: &[u8; 8], other: &[u8; 8]) -> bool {
    u64::from_le_bytes(*one) == u64::from_le_bytes(*other)
}

/// One or two ASCII characters to stop at. Two that differ in a single bit cost one comparison: with the bit
/// set, both are the same.
#[derive(Clone, Copy)]
struct Stop {
    byte: u8,
    ignored: u8,
}

impl Stop {
    const fn one(byte: u8) -> Self {
        Self { byte, ignored: 0 }
    }

    const fn two(one: u8, other: u8) -> Self {
        let ignored = one ^ other;
        assert!(ignored.is_power_of_two(), "the two differ in one bit");
        Self { byte: one | other, ignored }
    }
}

const WORD: usize = 8;
/// Bytes that are looked at together in long runs.
const BLOCK: usize = 64;
/// Words that are looked at one by one before it pays to look at blocks.
const SHORT_RUN: usize = 16;

/// The position of the first byte, from `at` on, that is one of `stops`, below 0x20, or not ASCII; the end if
/// none is.
#[inline(always)]
fn find_special<const N: usize>(bytes: &[u8], at: usize, stops: [Stop; N]) -> usize {
    let words = bytes.get(at..).unwrap_or_default().as_chunks::<WORD>().0;
    for (index, word) in words.iter().take(SHORT_RUN).enumerate() {
        match special_in_word(u64::from_le_bytes(*word), stops) {
            0 => {}
            special => return at + index * WORD + special.trailing_zeros() as usize / 8,
        }
    }
    match words.len() {
        few @ ..=SHORT_RUN => find_in_tail(bytes, at + few * WORD, stops),
        _ => find_far(bytes, at + SHORT_RUN * WORD, stops),
    }
}

/// [`find_special`] for long runs: whole blocks, in a form that the compiler turns into vector instructions.
#[inline(never)]
fn find_far<const N: usize>(bytes: &[u8], mut position: usize, stops: [Stop; N]) -> usize {
    for block in bytes.get(position..).unwrap_or_default().as_chunks::<BLOCK>().0 {
        if block.iter().fold(false, |found, byte| found | is_special(*byte, stops)) {
            break;
        }
        position += BLOCK;
    }
    for word in bytes.get(position..).unwrap_or_default().as_chunks::<WORD>().0 {
        match special_in_word(u64::from_le_bytes(*word), stops) {
            0 => position += WORD,
            special => return position + special.trailing_zeros() as usize / 8,
        }
    }
    find_in_tail(bytes, position, stops)
}

#[inline(never)]
fn find_in_tail<const N: usize>(bytes: &[u8], position: usize, stops: [Stop; N]) -> usize {
    let tail = bytes.get(position..).unwrap_or_default();
    position + tail.iter().position(|byte| is_special(*byte, stops)).unwrap_or(tail.len())
}

/// Signed comparison takes the bytes below 0x20 and those that are not ASCII in one step.
#[inline(always)]
fn is_special<const N: usize>(byte: u8, stops: [Stop; N]) -> bool {
    let is_stop = |stop: &Stop| byte | stop.ignored == stop.byte;
    stops.iter().fold(byte.cast_signed() < 0x20, |special, stop| special | is_stop(stop))
}

/// Eight bytes at once: the lowest set bit stands in the first special byte. (Bits above it may be wrong,
/// because the subtractions borrow from one byte to the next higher one, but only ever from a byte that is
/// special.)
#[inline(always)]
fn special_in_word<const N: usize>(word: u64, stops: [Stop; N]) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let spread = |byte: u8| u64::from(byte) * ONES;
    let differs = |stop: &Stop| (word | spread(stop.ignored)) ^ spread(stop.byte);
    let low = word.wrapping_sub(spread(0x20));
    let special = stops.iter().fold(word | low, |special, stop| special | differs(stop).wrapping_sub(ONES));
    special & spread(0x80)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, SHORT_RUN, Stop, WORD};
    use super::{end_of_section, end_of_text, end_of_value, equal, find_special};

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
                for position in 0..2 * WORD {
                    for after in *b"x \0\x80<\x1f!" {
                        let mut bytes = [b'x'; 3 * WORD];
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
    fn a_byte_may_be_special_for_more_than_one_reason() {
        let stops = [Stop::one(b'\n'), Stop::one(b'<'), Stop::two(b'<', b'>')];
        for special in *b"\n<>" {
            for distance in 0..3 * WORD {
                let mut bytes = vec![b'x'; distance];
                bytes.push(special);
                assert_eq!(find_special(&bytes, 0, stops), distance);
            }
        }
    }

    #[test]
    fn special_bytes_do_not_hide_one_another() {
        for (search, stops) in SEARCHES {
            for first in 0..2 * BLOCK {
                for second in first + 1..first + BLOCK {
                    let mut bytes = vec![b'x'; SHORT_RUN * WORD + 3 * BLOCK];
                    let first = SHORT_RUN * WORD + first;
                    bytes[first] = stops[0];
                    bytes[SHORT_RUN * WORD + second] = stops[stops.len() - 1];
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
