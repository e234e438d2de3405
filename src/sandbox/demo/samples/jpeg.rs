//! A picture in JPEG (ITU-T T.81): baseline, grey, each block of 8 by 8 pixels of one tone, so that of its transform only
//! the first coefficient is there.

use super::{HEIGHT, WIDTH};

/// By which coefficients are divided: that of a flat block is eight times its tone.
const QUANTUM: u8 = 8;
/// Differences between tones have 0 to 8 bits, and each of these numbers a code of 4 bits.
const CODES: u8 = 9;

/// A sun over the sea.
pub fn sunset() -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    segment(&mut jpeg, 0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    segment(&mut jpeg, 0xDB, &[&[0][..], &[QUANTUM; 64]].concat());
    let [height, width] = [HEIGHT, WIDTH].map(|side| u16::try_from(side).unwrap_or(u16::MAX).to_be_bytes());
    // 8 bits, one component, not subsampled.
    segment(&mut jpeg, 0xC0, &[&[8][..], &height, &width, &[1, 1, 0x11, 0]].concat());
    let mut lengths = [0; 16];
    lengths[3] = CODES;
    segment(&mut jpeg, 0xC4, &[&[0x00][..], &lengths, &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat());
    // Of the other coefficients, that there are none is all that is said, in one bit.
    lengths = [0; 16];
    lengths[0] = 1;
    segment(&mut jpeg, 0xC4, &[&[0x10][..], &lengths, &[0]].concat());
    segment(&mut jpeg, 0xDA, &[1, 1, 0x00, 0, 63, 0]);
    jpeg.extend_from_slice(&tones());
    jpeg.extend_from_slice(&[0xFF, 0xD9]);
    jpeg
}

fn segment(jpeg: &mut Vec<u8>, marker: u8, data: &[u8]) {
    let length = u16::try_from(data.len() + 2).unwrap_or(u16::MAX);
    jpeg.extend_from_slice(&[0xFF, marker]);
    jpeg.extend_from_slice(&length.to_be_bytes());
    jpeg.extend_from_slice(data);
}

/// All blocks, row by row, each as its difference from the one before.
fn tones() -> Vec<u8> {
    let (mut bits, mut before) = (Bits::default(), 0);
    for y in 0..HEIGHT / 8 {
        for x in 0..WIDTH / 8 {
            let tone = tone(i32::try_from(x).unwrap_or(0), i32::try_from(y).unwrap_or(0)) - 128;
            let difference = tone - before;
            let length = 32 - difference.unsigned_abs().leading_zeros();
            bits.push(length, 4);
            let value = if difference < 0 { difference + (1 << length) - 1 } else { difference };
            bits.push(value.unsigned_abs(), length);
            bits.push(0, 1);
            before = tone;
        }
    }
    bits.end()
}

/// From 0 (black) to 255 (white).
fn tone(x: i32, y: i32) -> i32 {
    let distance = (x - 8).pow(2) + (y - 3).pow(2);
    let glitter = if (x - 8).abs() < 2 + (y + x) % 2 { 60 } else { 0 };
    match (distance <= 6, y < 5) {
        (true, true) => 250,
        (false, true) => 190 - 8 * distance.min(14),
        (_, false) => 30 + 8 * y + glitter,
    }
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    byte: u8,
    count: u32,
}

impl Bits {
    /// The lowest bits of a value, the highest of them first.
    fn push(&mut self, value: u32, length: u32) {
        for place in (0..length).rev() {
            self.byte = self.byte << 1 | u8::from(value >> place & 1 == 1);
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.byte);
                // What could be a marker is told from one by a zero.
                if self.byte == 0xFF {
                    self.bytes.push(0);
                }
                (self.byte, self.count) = (0, 0);
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        while self.count > 0 {
            self.push(1, 1);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_written_as_its_difference_and_no_marker_is_within() {
        let mut bits = Bits::default();
        bits.push(0b1_0101, 5);
        bits.push(0xFF, 8);
        assert_eq!(bits.end(), [0b1010_1111, 0xFF, 0]);
        let jpeg = sunset();
        assert!(jpeg.starts_with(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0") && jpeg.ends_with(&[0xFF, 0xD9]));
        let tones = tones();
        let marked = tones.windows(2).filter(|pair| pair[0] == 0xFF && pair[1] != 0).count();
        assert_eq!(marked, 0);
    }
}
