//! Images as pixels: read from PNG within bounds, made smaller, written as PNG.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

/// The longest side of an image that is read, in pixels.
const LONGEST_SIDE: u32 = 4096;
/// What reading one may take, in bytes, besides the pixels.
const WORKING_BYTES: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RasterError {
    #[error("it is no PNG that can be read")]
    NoPng,
    #[error("its sides are not of 1 to {LONGEST_SIDE} pixels, or there are not four bytes for each pixel")]
    Size,
    #[error("it could not be written as PNG")]
    Unwritten,
}

/// Red, green, blue and opacity, a byte each, for each pixel, row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Raster {
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Self, RasterError> {
        let sides = 1..=LONGEST_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) || rgba.len() != pixels(width, height) * 4 {
            return Err(RasterError::Size);
        }
        Ok(Self { width, height, rgba })
    }

    /// Reads a PNG of any colour type; of an animated one the first image.
    pub fn decode(bytes: &[u8]) -> Result<Self, RasterError> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: WORKING_BYTES });
        decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
        let mut reader = decoder.read_info().map_err(|_| RasterError::NoPng)?;
        let (width, height) = reader.info().size();
        if width > LONGEST_SIDE || height > LONGEST_SIDE {
            return Err(RasterError::Size);
        }
        let mut buffer = vec![0; reader.output_buffer_size().ok_or(RasterError::Size)?];
        let frame = reader.next_frame(&mut buffer).map_err(|_| RasterError::NoPng)?;
        let read = buffer.get(..frame.buffer_size()).ok_or(RasterError::NoPng)?;
        let rgba = match frame.color_type {
            ColorType::Rgba => read.to_vec(),
            ColorType::Rgb => read.chunks_exact(3).flat_map(|it| [it[0], it[1], it[2], 255]).collect(),
            ColorType::GrayscaleAlpha => {
                read.chunks_exact(2).flat_map(|it| [it[0], it[0], it[0], it[1]]).collect()
            }
            ColorType::Grayscale => read.iter().flat_map(|it| [*it, *it, *it, 255]).collect(),
            ColorType::Indexed => return Err(RasterError::NoPng),
        };
        Self::new(width, height, rgba)
    }

    pub fn encode(&self) -> Result<Vec<u8>, RasterError> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.rgba)?;
            writer.finish()
        });
        written.map_err(|_| RasterError::Unwritten)?;
        Ok(bytes)
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// The colour of a pixel before black, as a terminal has it; black outside of the image.
    pub fn colour(&self, x: u32, y: u32) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let [red, green, blue, opacity] = self.pixel(x, y);
        [red, green, blue].map(|part| shade(u32::from(part) * u32::from(opacity) / 255))
    }

    /// The image within these sides, as it is where it fits. Each new pixel is the mean of those that it stands for.
    #[must_use]
    pub fn within(&self, width: u32, height: u32) -> Self {
        let (from_width, from_height) = (u64::from(self.width), u64::from(self.height));
        let (most_width, most_height) = (u64::from(width.max(1)), u64::from(height.max(1)));
        if from_width <= most_width && from_height <= most_height {
            return self.clone();
        }
        let by_width = from_width * most_height >= from_height * most_width;
        let (width, height) = if by_width {
            (most_width, (from_height * most_width / from_width).max(1))
        } else {
            ((from_width * most_height / from_height).max(1), most_height)
        };
        let span = |at: u64, of: u64, from: u64| {
            let start = at * from / of;
            let end = ((at + 1) * from / of).max(start + 1).min(from);
            (side(start), side(end))
        };
        let mut rgba = Vec::with_capacity(pixels(side(width), side(height)) * 4);
        for y in 0..height {
            for x in 0..width {
                rgba.extend(self.mean(span(x, width, from_width), span(y, height, from_height)));
            }
        }
        Self { width: side(width), height: side(height), rgba }
    }

    /// Transparent pixels have no say in the colour.
    fn mean(&self, (left, right): (u32, u32), (top, bottom): (u32, u32)) -> [u8; 4] {
        let (mut colours, mut opacities, mut count) = ([0_u64; 3], 0_u64, 0_u64);
        for y in top..bottom {
            for x in left..right {
                let [red, green, blue, opacity] = self.pixel(x, y).map(u64::from);
                for (sum, part) in colours.iter_mut().zip([red, green, blue]) {
                    *sum += part * opacity;
                }
                (opacities, count) = (opacities + opacity, count + 1);
            }
        }
        let [red, green, blue] = colours.map(|sum| sum / opacities.max(1));
        [red, green, blue, opacities / count.max(1)].map(|part| u8::try_from(part).unwrap_or(u8::MAX))
    }

    fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (pixels(self.width, y) + x as usize) * 4;
        self.rgba.get(at..at + 4).and_then(|pixel| pixel.try_into().ok()).unwrap_or_default()
    }
}

/// Sides are of a few thousand pixels at most.
fn pixels(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

fn side(length: u64) -> u32 {
    u32::try_from(length).unwrap_or(LONGEST_SIDE)
}

fn shade(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const CLEAR: [u8; 4] = [0, 0, 0, 0];

    #[test]
    fn what_is_written_as_png_is_read_as_the_same_pixels() {
        let raster = Raster::new(2, 2, [RED, CLEAR, CLEAR, RED].concat()).unwrap();
        let read = Raster::decode(&raster.encode().unwrap()).unwrap();
        assert!(read == raster);
        assert_eq!((read.colour(0, 0), read.colour(1, 0), read.colour(7, 7)), ([255, 0, 0], [0; 3], [0; 3]));
    }

    #[test]
    fn what_is_no_png_is_an_error() {
        let whole = Raster::new(9, 9, vec![7; 9 * 9 * 4]).unwrap().encode().unwrap();
        for length in 0..whole.len() - 12 {
            assert!(Raster::decode(&whole[..length]).is_err(), "{length}");
        }
        assert!(matches!(Raster::new(0, 1, vec![]), Err(RasterError::Size)));
        assert!(matches!(Raster::new(1, 1, vec![0; 3]), Err(RasterError::Size)));
    }

    #[test]
    fn a_size_that_is_only_said_is_refused_before_anything_is_made_of_it() {
        let mut png = Raster::new(1, 1, vec![0; 4]).unwrap().encode().unwrap();
        png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(Raster::decode(&png).is_err());
    }

    #[test]
    fn a_smaller_image_keeps_its_shape_and_means_its_pixels() {
        let raster = Raster::new(4, 2, [RED, CLEAR, RED, RED, RED, CLEAR, RED, RED].concat()).unwrap();
        let smaller = raster.within(2, 9);
        assert_eq!((smaller.width(), smaller.height()), (2, 1));
        assert_eq!((smaller.pixel(0, 0), smaller.pixel(1, 0)), ([255, 0, 0, 127], RED));
        assert!(raster.within(4, 2) == raster);
        let thin = raster.within(1, 1);
        assert_eq!((thin.width(), thin.height()), (1, 1));
    }
}
