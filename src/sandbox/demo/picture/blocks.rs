//! Images as text: the upper half block, whose foreground is one pixel and whose background is the one below.

use std::fmt::Write as _;

use super::raster::Raster;
use super::terminal::Depth;

/// The palette's cube begins behind the sixteen colours that terminals choose themselves, and its greys behind the cube.
const CUBE: u32 = 16;
const GREYS: u32 = 232;

/// Two rows of pixels for each line. Lines but the first begin with `margin`.
pub fn draw(image: &Raster, depth: Depth, margin: &str) -> String {
    let mut text = String::new();
    for y in (0..image.height()).step_by(2) {
        if y > 0 {
            text.push('\n');
            text.push_str(margin);
        }
        let mut before = None;
        for x in 0..image.width() {
            let colours = (image.colour(x, y), image.colour(x, y + 1));
            if before != Some(colours) {
                // Writing to a string does not fail.
                let _ = write!(text, "\x1b[38;{};48;{}m", code(colours.0, depth), code(colours.1, depth));
                before = Some(colours);
            }
            text.push('▀');
        }
        text.push_str("\x1b[0m");
    }
    text
}

fn code([red, green, blue]: [u8; 3], depth: Depth) -> String {
    match depth {
        Depth::Full => format!("2;{red};{green};{blue}"),
        Depth::Palette => format!("5;{}", nearest([red, green, blue])),
    }
}

/// The nearest of the palette's colours: a grey for what is nearly grey, otherwise one of the cube of six steps.
fn nearest(colour: [u8; 3]) -> u32 {
    let [red, green, blue] = colour.map(u32::from);
    let (darkest, brightest) = (red.min(green).min(blue), red.max(green).max(blue));
    let mean = (red + green + blue) / 3;
    if brightest - darkest < 12 && (8..=238).contains(&mean) {
        return GREYS + ((mean - 8) / 10).min(23);
    }
    // The steps are 0, 95, 135, 175, 215 and 255.
    let step = |part: u32| if part < 48 { 0 } else { ((part.max(75) - 35) / 40).max(1) };
    CUBE + 36 * step(red) + 6 * step(green) + step(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_two_pixels_and_each_line_ends_without_colour() {
        let raster =
            Raster::new(1, 3, [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]].concat()).unwrap();
        assert_eq!(
            draw(&raster, Depth::Full, "  "),
            "\x1b[38;2;255;0;0;48;2;0;255;0m▀\x1b[0m\n  \x1b[38;2;0;0;255;48;2;0;0;0m▀\x1b[0m"
        );
    }

    #[test]
    fn the_palette_has_a_colour_that_is_near() {
        assert_eq!(nearest([0, 0, 0]), 16);
        assert_eq!(nearest([255, 255, 255]), 231);
        assert_eq!(nearest([255, 0, 0]), 196);
        assert_eq!(nearest([95, 135, 175]), 67);
        assert_eq!(nearest([128, 128, 128]), 244);
    }
}
