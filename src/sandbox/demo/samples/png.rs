//! A picture in PNG (W3C, *Portable Network Graphics*, third edition), of truecolour and without compression.

use super::{HEIGHT, WIDTH};

/// Of a stored block of zlib (RFC 1951, section 3.2.4), in bytes.
const LARGEST_BLOCK: usize = 65_535;

/// A fish in the sea.
pub fn fish() -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..HEIGHT {
        // No filter.
        rows.push(0);
        for x in 0..WIDTH {
            rows.extend_from_slice(&colour(i64::from(x), i64::from(y)));
        }
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    // 8 bits a channel, truecolour, and nothing else out of the ordinary.
    let header = [&WIDTH.to_be_bytes()[..], &HEIGHT.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    chunk(&mut png, *b"IHDR", &header);
    chunk(&mut png, *b"IDAT", &zlib(&rows));
    chunk(&mut png, *b"IEND", &[]);
    png
}

/// A body that is an ellipse, a tail that is a triangle, an eye, and water.
fn colour(x: i64, y: i64) -> [u8; 3] {
    let (dx, dy) = (x - 58, y - 32);
    let is_eye = (x - 36).pow(2) + (y - 27).pow(2) <= 9;
    let is_body = dx * dx * 4 + dy * dy * 16 <= 4 * 36 * 36;
    let is_tail = (88..=110).contains(&x) && dy.abs() * 2 <= (x - 84) * 2 && dy.abs() <= 18;
    let depth = u8::try_from(y * 2).unwrap_or(u8::MAX);
    match (is_eye, is_body || is_tail) {
        (true, _) => [20, 20, 30],
        (false, true) => [255, 150 - depth / 4, 40],
        (false, false) => [30, 140 - depth / 2, 220 - depth],
    }
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    png.extend_from_slice(&length.to_be_bytes());
    let start = png.len();
    png.extend_from_slice(&kind);
    png.extend_from_slice(data);
    let check = crc32(&png[start..]);
    png.extend_from_slice(&check.to_be_bytes());
}

/// RFC 1950, with stored blocks only.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = data.chunks(LARGEST_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        zlib.push(blocks.peek().is_none().into());
        zlib.extend_from_slice(&length.to_le_bytes());
        zlib.extend_from_slice(&(!length).to_le_bytes());
        zlib.extend_from_slice(block);
    }
    zlib.extend_from_slice(&adler32(data).to_be_bytes());
    zlib
}

fn adler32(data: &[u8]) -> u32 {
    let (one, two) = data.iter().fold((1, 0), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    two << 16 | one
}

fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !data.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_are_those_of_their_standards() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn the_picture_has_its_parts_and_is_as_large_as_it_says() {
        let png = fish();
        assert!(
            png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") && png.ends_with(b"IEND\xae\x42\x60\x82")
        );
        assert!(png.len() as u32 > WIDTH * HEIGHT * 3);
    }
}
