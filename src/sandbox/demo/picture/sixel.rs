//! Images as sixels: bands of six rows, each colour of a band by itself (DEC STD 070).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::raster::Raster;

/// Steps of each of the three colours: a cube of 216, as terminals have 256 registers.
const STEPS: u32 = 6;
const BAND: u32 = 6;

pub fn draw(image: &Raster) -> String {
    let mut text = format!("\x1bP0;1q\"1;1;{};{}", image.width(), image.height());
    for colour in 0..STEPS * STEPS * STEPS {
        let percent = |part: u32| part * 100 / (STEPS - 1);
        let [red, green, blue] =
            [colour / (STEPS * STEPS), colour / STEPS % STEPS, colour % STEPS].map(percent);
        // Writing to a string does not fail.
        let _ = write!(text, "#{colour};2;{red};{green};{blue}");
    }
    for top in (0..image.height()).step_by(BAND as usize) {
        band(image, top, &mut text);
        text.push('-');
    }
    text + "\x1b\\"
}

/// Each colour draws its pixels over the whole width, and the next one begins at the left again.
fn band(image: &Raster, top: u32, text: &mut String) {
    let rows = top..(top + BAND).min(image.height());
    let columns: Vec<Vec<u32>> =
        (0..image.width()).map(|x| rows.clone().map(|y| register(image.colour(x, y))).collect()).collect();
    let colours: BTreeSet<u32> = columns.iter().flatten().copied().collect();
    for colour in colours {
        let _ = write!(text, "#{colour}");
        let sixels = columns.iter().map(|column| {
            let bits = column.iter().enumerate().filter(|(_, found)| **found == colour);
            bits.fold(0_u8, |bits, (row, _)| bits | 1 << row)
        });
        runs(sixels, text);
        text.push('$');
    }
}

/// What is repeated is written once, with how often.
fn runs(sixels: impl Iterator<Item = u8>, text: &mut String) {
    let mut sixels = sixels.peekable();
    while let Some(sixel) = sixels.next() {
        let mut count = 1;
        while sixels.next_if_eq(&sixel).is_some() {
            count += 1;
        }
        let character = char::from(b'?' + sixel);
        let _ = match count {
            1 => write!(text, "{character}"),
            _ => write!(text, "!{count}{character}"),
        };
    }
}

fn register(colour: [u8; 3]) -> u32 {
    let [red, green, blue] = colour.map(|part| (u32::from(part) * (STEPS - 1) + 127) / 255);
    (red * STEPS + green) * STEPS + blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_have_six_rows_and_repeat_what_is_the_same() {
        let (black, red) = ([0, 0, 0, 255], [255, 0, 0, 255]);
        let rgba: Vec<u8> = (0..8).flat_map(|row| [if row == 0 { red } else { black }; 5].concat()).collect();
        let text = draw(&Raster::new(5, 8, rgba).unwrap());
        assert!(text.starts_with("\x1bP0;1q\"1;1;5;8#0;2;0;0;0#1;2;0;0;20"));
        assert!(text.ends_with("#0!5}$#180!5@$-#0!5B$-\x1b\\"), "{text}");
    }

    #[test]
    fn colours_take_the_nearest_register() {
        assert_eq!((register([0; 3]), register([255; 3]), register([255, 0, 0])), (0, 215, 180));
    }
}
