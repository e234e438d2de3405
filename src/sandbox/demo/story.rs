//! The demonstration as people read it: headings, explanations, stanzas with their edits marked, and what was found.
//!
//! Or as machines do: then all is said at the end, in one JSON document.

use std::io::{self, Write};
use std::path::PathBuf;

use super::difference::{self, Line, Mark};
use super::picture::{Content, Folder, Graphics, Kind, Media, Shown};
use super::scene::{Exchange, Listing, Scene, readable};
use super::{Error, Finding, Report};

/// Columns, so that it fits a usual terminal and a quoted mail.
const WIDTH: usize = 96;
/// The width of the mark before a claim.
const CLAIM_MARGIN: usize = 11;
const TITLE: &str = "Vestibule, between a provider's clients and a gatekeeper";
const INTRODUCTION: &str = "A provider, a gatekeeper, their users' clients, and Vestibule between them, all on this \
                            machine, over real TLS connections. What you read was on these connections; line \
                            breaks inside stanzas are for reading. An edit is marked with + for what Vestibule \
                            added and - for what it took out. docs/interop.md says which of this is public and \
                            which the sandbox's own choice.";

/// How text is marked: by escape codes, or not at all.
#[derive(Clone, Copy)]
pub struct Style {
    colour: bool,
}

/// The escape codes' numbers (ECMA-48, SGR).
#[derive(Clone, Copy)]
enum Ink {
    Heading = 1,
    Faint = 2,
    Bad = 31,
    Good = 32,
}

impl Style {
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    fn paint(self, ink: Ink, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", ink as u8) } else { text.to_owned() }
    }
}

/// Where images are shown and kept.
pub struct Gallery {
    graphics: Graphics,
    folder: Option<Folder>,
    /// The report, which will have them, too.
    report: Option<PathBuf>,
    written: Vec<PathBuf>,
}

impl Gallery {
    pub fn new(graphics: Graphics, folder: Option<Folder>, report: Option<PathBuf>) -> Self {
        Self { graphics, folder, report, written: Vec::new() }
    }
}

/// Tells the scenes as they come.
pub struct Story<'w> {
    json: bool,
    style: Style,
    gallery: Gallery,
    out: &'w mut dyn Write,
    scenes: usize,
}

impl<'w> Story<'w> {
    pub fn new(json: bool, style: Style, gallery: Gallery, out: &'w mut dyn Write) -> Self {
        Self { json, style, gallery, out, scenes: 0 }
    }

    pub fn scene(&mut self, scene: &Scene) -> io::Result<()> {
        if self.json {
            self.scenes += 1;
            for (number, content) in (1..).zip(&scene.contents) {
                self.keep(number, content)?;
            }
            return Ok(());
        }
        if self.scenes == 0 {
            self.heading(TITLE)?;
            self.paragraph(INTRODUCTION)?;
        }
        self.scenes += 1;
        self.heading(&format!("{}. {}", self.scenes, scene.title))?;
        self.paragraph(scene.explanation)?;
        for exchange in &scene.exchanges {
            self.exchange(exchange)?;
        }
        for listing in &scene.listings {
            self.listing(listing)?;
        }
        if !scene.metrics.is_empty() {
            let counted = scene.metrics.iter().filter(|(_, value)| **value != 0.0);
            let lines = counted.map(|(series, value)| format!("{series} {value}")).collect();
            self.listing(&Listing {
                caption: "From /metrics, over HTTP: what is not zero".to_owned(),
                lines,
            })?;
        }
        for (number, content) in (1..).zip(&scene.contents) {
            self.content(number, content)?;
        }
        for finding in &scene.findings {
            self.finding(finding)?;
        }
        self.out.flush()
    }

    /// The files that were written.
    pub fn written(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.gallery.written)
    }

    pub fn end(&mut self, report: &Report) -> Result<(), Error> {
        if self.json {
            serde_json::to_writer_pretty(&mut *self.out, report)?;
            writeln!(self.out)?;
        } else {
            self.summary(report)?;
        }
        Ok(self.out.flush()?)
    }

    /// Where it is told.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    fn summary(&mut self, report: &Report) -> io::Result<()> {
        let observed = report.claims.iter().filter(|finding| finding.observed).count();
        self.heading("What was claimed and what was observed")?;
        if let Some(reason) = &report.stopped_by {
            let stopped = format!("The demonstration ended early: {reason}");
            writeln!(self.out, "{}\n", self.style.paint(Ink::Bad, &stopped))?;
        }
        for finding in &report.claims {
            if finding.observed { self.claim(finding)? } else { self.finding(finding)? }
        }
        writeln!(self.out)?;
        let ink = if report.all_observed { Ink::Good } else { Ink::Bad };
        if let Some(path) = &report.report {
            writeln!(self.out, "The report was written to {}.\n", path.display())?;
        }
        let count = format!("{observed} of {} claims were observed.", report.claims.len());
        writeln!(self.out, "{}", self.style.paint(ink, &count))
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        let line = "-".repeat(text.chars().count());
        writeln!(
            self.out,
            "\n{}\n{}",
            self.style.paint(Ink::Heading, text),
            self.style.paint(Ink::Faint, &line)
        )
    }

    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        for line in words(text, WIDTH) {
            writeln!(self.out, "{line}")?;
        }
        writeln!(self.out)
    }

    fn exchange(&mut self, Exchange { caption, sent, received }: &Exchange) -> io::Result<()> {
        writeln!(self.out, "  {}", self.style.paint(Ink::Heading, caption))?;
        if sent == received {
            self.piece(Mark::Kept, 0, sent)?;
            let same = format!("    the same {} bytes on both sides", sent.len());
            writeln!(self.out, "{}", self.style.paint(Ink::Faint, &same))?;
        } else if let Some(lines) = difference::between(sent, received) {
            for Line { mark, depth, text } in &lines {
                self.piece(*mark, *depth, text)?;
            }
        } else {
            self.piece(Mark::Removed, 0, sent)?;
            if !received.is_empty() {
                self.piece(Mark::Added, 0, received)?;
            }
        }
        writeln!(self.out)
    }

    /// A piece of a stanza, broken where it has to be.
    fn piece(&mut self, mark: Mark, depth: usize, text: &str) -> io::Result<()> {
        let (sign, ink) = match mark {
            Mark::Kept => (' ', None),
            Mark::Removed => ('-', Some(Ink::Bad)),
            Mark::Added => ('+', Some(Ink::Good)),
        };
        for line in slices(text, WIDTH.saturating_sub(4 + 2 * depth)) {
            let line = format!("  {sign} {:indent$}{line}", "", indent = 2 * depth);
            writeln!(self.out, "{}", ink.map_or_else(|| line.clone(), |ink| self.style.paint(ink, &line)))?;
        }
        Ok(())
    }

    fn listing(&mut self, Listing { caption, lines }: &Listing) -> io::Result<()> {
        writeln!(self.out, "  {}", self.style.paint(Ink::Heading, caption))?;
        if lines.is_empty() {
            writeln!(self.out, "    {}", self.style.paint(Ink::Faint, "(nothing)"))?;
        }
        for line in lines.iter().flat_map(|line| slices(line, WIDTH - 4)) {
            writeln!(self.out, "    {}", line.trim_end())?;
        }
        writeln!(self.out)
    }

    fn content(&mut self, number: usize, content: &Content) -> io::Result<()> {
        writeln!(self.out, "  {}", self.style.paint(Ink::Heading, &content.caption))?;
        match &content.shown {
            Shown::Media(media) => self.media(media)?,
            Shown::Instead { withheld, text } => {
                self.lines(&format!("In the place of {withheld}:"))?;
                self.lines(&format!("“{text}”"))?;
            }
        }
        if let Some(path) = self.keep(number, content)? {
            self.lines(&format!("kept as {}", path.display()))?;
        } else if let (Shown::Media(_), Some(path)) = (&content.shown, &self.gallery.report) {
            let place = format!("to be seen and heard in {}", path.display());
            self.lines(&place)?;
        }
        writeln!(self.out)
    }

    /// As the terminal can show it, and what it is.
    fn media(&mut self, media: &Media) -> io::Result<()> {
        if let Some(shown) = self.gallery.graphics.show(media, "    ") {
            // A wave form is text of the story's own.
            let shown = if media.kind() == Kind::Voice { self.style.paint(Ink::Good, &shown) } else { shown };
            writeln!(self.out, "    {shown}")?;
        }
        self.lines(&media.described())
    }

    /// Writes the file where files are to be written.
    fn keep(&mut self, number: usize, content: &Content) -> io::Result<Option<PathBuf>> {
        let (Shown::Media(media), Some(folder)) = (&content.shown, &self.gallery.folder) else {
            return Ok(None);
        };
        let path = folder.write(self.scenes, number, media)?;
        self.gallery.written.push(path.clone());
        Ok(Some(path))
    }

    /// Small text, broken where it has to be.
    fn lines(&mut self, text: &str) -> io::Result<()> {
        for line in words(&readable(text.as_bytes()), WIDTH - 4) {
            writeln!(self.out, "    {}", self.style.paint(Ink::Faint, &line))?;
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.claim(finding)?;
        for line in words(&finding.detail, WIDTH - CLAIM_MARGIN) {
            writeln!(self.out, "{:CLAIM_MARGIN$}{}", "", self.style.paint(Ink::Faint, &line))?;
        }
        Ok(())
    }

    fn claim(&mut self, finding: &Finding) -> io::Result<()> {
        let (sign, ink) =
            if finding.observed { ("[observed] ", Ink::Good) } else { ("[NOT SEEN] ", Ink::Bad) };
        let mut margin = self.style.paint(ink, sign);
        for line in words(finding.claim.text(), WIDTH - CLAIM_MARGIN) {
            writeln!(self.out, "{margin}{line}")?;
            margin = " ".repeat(CLAIM_MARGIN);
        }
        Ok(())
    }
}

/// Lines of at most `width` characters, broken between words.
fn words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits =
            |line: &String| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Pieces of at most `width` characters that lose nothing: broken after a tag, a space or a comma, if there is one in
/// the second half of a piece, otherwise anywhere.
fn slices(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut rest = characters.as_slice();
    let mut pieces = Vec::new();
    while rest.len() > width.max(1) {
        let (fitting, _) = rest.split_at(width.max(1));
        let place =
            fitting.iter().rposition(|character| matches!(character, ' ' | '>' | ',')).map(|place| place + 1);
        let (piece, behind) =
            rest.split_at(place.filter(|place| *place > width / 2).unwrap_or(fitting.len()));
        pieces.push(piece.iter().collect());
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(rest.iter().collect());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::demo::picture::{Depth, Raster, tests::wav};

    #[test]
    fn paragraphs_break_between_words_and_lose_none() {
        let lines = words("one two  three four", 9);
        assert_eq!(lines, ["one two", "three", "four"]);
    }

    #[test]
    fn slices_lose_nothing_and_count_characters() {
        assert_eq!(slices("äöüß", 3), ["äöü", "ß"]);
        assert_eq!(slices("<a x='1'><b/></a>", 15), ["<a x='1'><b/>", "</a>"]);
        assert!(slices("", 3).is_empty());
    }

    /// What is told of a scene with a red image and a voice message.
    fn told(graphics: Graphics, folder: Option<Folder>, report: Option<PathBuf>) -> String {
        let png = Raster::new(1, 2, [255, 0, 0, 255].repeat(2)).unwrap().encode().unwrap();
        let scene = Scene {
            contents: vec![
                Content::media("What Bob sees", "image/png", png, "red"),
                Content::media("What Bob hears", "audio/wav", wav(8000, &[0, 900]), "a hum"),
                Content::instead("What Alice sees", "a video", "No \x1bvideo."),
            ],
            ..Scene::default()
        };
        let mut out = Vec::new();
        let gallery = Gallery::new(graphics, folder, report);
        Story::new(false, Style::new(false), gallery, &mut out).scene(&scene).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_image_is_a_sentence_where_nothing_else_can_be_shown_and_a_voice_has_its_wave_form() {
        let story = told(Graphics::None, None, None);
        assert!(!story.contains('\x1b'));
        assert!(story.contains("  What Bob sees\n    an image (image/png, "), "{story}");
        assert!(
            story.contains(
                "  What Bob hears\n    ▁█\n    a voice message (audio/wav, 48 bytes, 0.0 s): a hum\n"
            )
        );
        assert!(story.contains("    In the place of a video:\n    “No \\x1Bvideo.”\n"), "{story}");
    }

    #[test]
    fn an_image_is_drawn_where_that_is_wanted_and_told_where_it_is_kept() {
        let story = told(Graphics::Blocks(Depth::Full), None, Some(PathBuf::from("r.html")));
        assert!(story.contains("    \x1b[38;2;255;0;0;48;2;255;0;0m▀\x1b[0m\n    an image"), "{story}");
        assert_eq!(story.matches("    to be seen and heard in r.html\n").count(), 2);
        let folder = tempfile::tempdir().unwrap();
        let story = told(Graphics::None, Some(Folder::open(folder.path()).unwrap()), None);
        for name in ["act-01-1.png", "act-01-2.wav"] {
            let path = folder.path().join(name);
            assert!(path.is_file());
            // Long paths are broken between words only.
            assert!(story.contains(&format!("    kept as {}\n", path.display())), "{story}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn without_colour_there_are_no_escape_codes() {
        assert_eq!(Style::new(false).paint(Ink::Bad, "x"), "x");
        assert_eq!(Style::new(true).paint(Ink::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
