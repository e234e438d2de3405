//! The fast search through text and attribute values for the next byte that means something, and the fast comparison
//! of names.

/// The position of the first byte, from `at` on, that is one of `stops`, below 0x20, or not ASCII; the end if none is.
/// `stops` are ASCII.
#[inline(always)]
pub(super) fn find_special<const N: usize>(bytes: &[u8], at: usize, stops: [u8; N]) -> usize {
    let mut position = at;
    for _ in 0..SHORT_RUN {
        let Some(lane) = bytes.get(position..).and_then(<[u8]>::first_chunk) else {
            return find_in_tail(bytes, position, stops);
        };
        if let Some(found) = find_in_lane(lane, stops) {
            return position + found;
        }
        position += LANE;
    }
    find_far(bytes, position, stops)
}

/// Equality of short texts. (`==` calls the C library, and a call takes longer than most names are long.)
#[inline(always)]
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    let ((words, tail), (other_words, other_tail)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let same_word =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*one) == u64::from_le_bytes(*other);
    one.len() == other.len()
        && words.iter().zip(other_words).all(same_word)
        && tail.iter().zip(other_tail).all(|(one, other)| one == other)
}

/// Bytes that are looked at together when the position of a special one matters.
const LANE: usize = 16;
/// Bytes that are looked at together in long runs.
const BLOCK: usize = 64;
/// Lanes that are looked at one by one before it pays to look at blocks.
const SHORT_RUN: usize = 8;

/// [`find_special`] for long runs: whole blocks, in a form that the compiler turns into vector instructions.
#[inline(never)]
fn find_far<const N: usize>(bytes: &[u8], mut position: usize, stops: [u8; N]) -> usize {
    for block in bytes.get(position..).unwrap_or_default().as_chunks::<BLOCK>().0 {
        if block.iter().fold(false, |found, byte| found | is_special(*byte, stops)) {
            break;
        }
        position += BLOCK;
    }
    for lane in bytes.get(position..).unwrap_or_default().as_chunks().0 {
        if let Some(found) = find_in_lane(lane, stops) {
            return position + found;
        }
        position += LANE;
    }
    find_in_tail(bytes, position, stops)
}

fn find_in_tail<const N: usize>(bytes: &[u8], position: usize, stops: [u8; N]) -> usize {
    let tail = bytes.get(position..).unwrap_or_default();
    position + tail.iter().position(|byte| is_special(*byte, stops)).unwrap_or(tail.len())
}

/// Signed comparison takes the bytes below 0x20 and those that are not ASCII in one step.
#[inline(always)]
fn is_special<const N: usize>(byte: u8, stops: [u8; N]) -> bool {
    stops.iter().fold(byte.cast_signed() < 0x20, |special, stop| special | (byte == *stop))
}

/// The first special byte of a lane. The lane is marked byte by byte without a branch, so that the compiler compares all
/// of them with vector instructions; the marks are then looked at as one number.
#[inline(always)]
fn find_in_lane<const N: usize>(lane: &[u8; LANE], stops: [u8; N]) -> Option<usize> {
    let mut marks = [0; LANE];
    for (mark, byte) in marks.iter_mut().zip(lane) {
        *mark = if is_special(*byte, stops) { 0xff } else { 0 };
    }
    match u128::from_le_bytes(marks) {
        0 => None,
        marks => Some(marks.trailing_zeros() as usize / 8),
    }
}

#[cfg(test)]
mod tests {
    use super::{LANE, equal, find_in_lane, find_special, is_special};

    const STOPS: [u8; 3] = *b"<&>";

    #[test]
    fn each_byte_is_found_at_each_position_of_a_lane() {
        for byte in 0..=255 {
            for position in 0..LANE {
                for after in *b"x<\0\x80" {
                    let mut lane = [b'x'; LANE];
                    lane[position..].fill(after);
                    lane[position] = byte;
                    let expected = lane.iter().position(|byte| is_special(*byte, STOPS));
                    assert_eq!(find_in_lane(&lane, STOPS), expected, "{lane:?}");
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

    #[test]
    fn the_first_special_byte_is_found_at_any_distance() {
        for distance in 0..400 {
            for at in [0, 1, 5] {
                let mut bytes = vec![b'<'; at];
                bytes.resize(at + distance, b' ');
                assert_eq!(find_special(&bytes, at, STOPS), at + distance);
                bytes.extend(b"&x<");
                assert_eq!(find_special(&bytes, at, STOPS), at + distance);
                bytes.extend([b'x'; 200]);
                assert_eq!(find_special(&bytes, at, STOPS), at + distance);
            }
        }
    }
}
