//! What a terminal can show of an image. It is told by the environment: a terminal is never asked, as one that does not
//! answer would have to be waited for.

use super::raster::Raster;
use super::{Kind, Media, Wave, blocks, inline, sixel};

/// The most that an image takes, in columns and lines of text.
const COLUMNS: u32 = 48;
const LINES: u32 = 20;
/// What a character of a terminal has at least, in pixels.
const CELL: (u32, u32) = (8, 16);

/// By which way an image is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    /// The graphics protocol of kitty, which others speak, too.
    Kitty,
    /// The inline images of iTerm2.
    Iterm2,
    /// Sixels, as the VT340 had them.
    Sixel,
    /// Half blocks: two pixels in each character.
    Blocks(Depth),
    /// A sentence.
    None,
}

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 24 bits.
    Full,
    /// The palette of 256.
    Palette,
}

impl Graphics {
    /// What the environment's variables tell. A multiplexer stands between, and hands on text only.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).unwrap_or_default();
        let (term, program) = (value("TERM"), value("TERM_PROGRAM"));
        let is_set = |name: &str| !value(name).is_empty();
        let begins = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
        let multiplexed = is_set("TMUX") || is_set("STY") || begins(&["screen", "tmux"]);
        if multiplexed {
            Self::Blocks(depth(&term, &value("COLORTERM")))
        } else if is_set("KITTY_WINDOW_ID") || term.contains("kitty") || term.contains("ghostty") {
            Self::Kitty
        } else if ["iTerm.app", "WezTerm", "mintty"].contains(&program.as_str())
            || value("LC_TERMINAL") == "iTerm2"
        {
            Self::Iterm2
        } else if term.contains("sixel") || begins(&["foot", "mlterm", "contour"]) {
            Self::Sixel
        } else {
            Self::Blocks(depth(&term, &value("COLORTERM")))
        }
    }

    /// What is written to the terminal, without a line's end behind it; lines but the first begin with `margin`. `None` if
    /// there is nothing to be shown so.
    pub fn show(self, media: &Media, margin: &str) -> Option<String> {
        match media.kind() {
            // Block characters are text: they need neither colour nor a terminal.
            Kind::Voice => Some(Wave::of(&media.bytes)?.blocks()),
            Kind::Image => self.draw(&Raster::decode(&media.bytes).ok()?, margin),
            Kind::Video | Kind::File => None,
        }
    }

    fn draw(self, image: &Raster, margin: &str) -> Option<String> {
        let (width, height) = (COLUMNS * CELL.0, LINES * CELL.1);
        let columns = image.width().div_ceil(CELL.0).clamp(1, COLUMNS);
        match self {
            Self::Kitty => Some(inline::kitty(&image.within(width, height).encode().ok()?, columns)),
            Self::Iterm2 => Some(inline::iterm2(&image.within(width, height).encode().ok()?, columns)),
            Self::Sixel => Some(sixel::draw(&image.within(width, height))),
            Self::Blocks(depth) => Some(blocks::draw(&image.within(COLUMNS, LINES * 2), depth, margin)),
            Self::None => None,
        }
    }
}

/// COLORTERM is how terminals say that they have all colours.
fn depth(term: &str, colorterm: &str) -> Depth {
    let full = ["truecolor", "24bit"].contains(&colorterm) || term.ends_with("-direct");
    if full { Depth::Full } else { Depth::Palette }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(variables: &[(&str, &str)]) -> Graphics {
        Graphics::detect(|name| {
            let value = variables.iter().find(|(found, _)| *found == name);
            value.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_tells_what_a_terminal_can_show() {
        for (variables, graphics) in [
            (&[("TERM", "xterm-kitty")] as &[_], Graphics::Kitty),
            (&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], Graphics::Kitty),
            (&[("TERM", "xterm-ghostty")], Graphics::Kitty),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Graphics::Iterm2),
            (&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")], Graphics::Iterm2),
            (&[("TERM", "foot")], Graphics::Sixel),
            (&[("TERM", "xterm-sixel")], Graphics::Sixel),
            (&[("TERM", "xterm-256color")], Graphics::Blocks(Depth::Palette)),
            (&[("TERM", "xterm"), ("COLORTERM", "truecolor")], Graphics::Blocks(Depth::Full)),
            (&[("TERM", "xterm-direct")], Graphics::Blocks(Depth::Full)),
            (&[], Graphics::Blocks(Depth::Palette)),
            // Whatever stands behind it, a multiplexer hands on text only.
            (&[("TERM", "screen"), ("KITTY_WINDOW_ID", "1")], Graphics::Blocks(Depth::Palette)),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/x")], Graphics::Blocks(Depth::Palette)),
        ] {
            assert_eq!(detected(variables), graphics, "{variables:?}");
        }
    }

    #[test]
    fn an_image_is_drawn_in_each_way_and_a_voice_in_any() {
        let png = Raster::new(2, 2, vec![200; 16]).unwrap().encode().unwrap();
        let media = Media { media_type: "image/png".to_owned(), bytes: png, alt: String::new() };
        let starts = [
            (Graphics::Kitty, "\x1b_G"),
            (Graphics::Iterm2, "\x1b]1337;File="),
            (Graphics::Sixel, "\x1bP"),
            (Graphics::Blocks(Depth::Full), "\x1b[38;2;"),
            (Graphics::Blocks(Depth::Palette), "\x1b[38;5;"),
        ];
        for (graphics, start) in starts {
            assert!(graphics.show(&media, "").unwrap().starts_with(start), "{graphics:?}");
        }
        assert_eq!(Graphics::None.show(&media, ""), None);
        let broken = Media { bytes: vec![1, 2], ..media };
        assert_eq!(Graphics::Kitty.show(&broken, ""), None);
        let wav = super::super::wave::tests::wav(8000, &[0, 900]);
        let voice = Media { media_type: "audio/wav".to_owned(), bytes: wav, alt: String::new() };
        assert_eq!(Graphics::None.show(&voice, "").unwrap(), "▁█");
    }
}
