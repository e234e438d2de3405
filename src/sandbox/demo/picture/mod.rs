//! What somebody sees or hears on a client's screen: images, voice messages, other files, and what stands in the place of
//! content that did not come. An act adds it to its scene; the story shows it in the terminal, the report on its page.
//!
//! How content came to the client is the act's part. What cannot be shown is told in a sentence.

mod blocks;
mod folder;
mod inline;
mod raster;
mod sixel;
mod terminal;
mod wave;

use serde::{Serialize, Serializer};

pub use folder::Folder;
pub use raster::{Raster, RasterError};
pub use terminal::{Depth, Graphics};
pub use wave::Wave;

/// One thing on somebody's screen.
#[derive(Clone, Serialize)]
pub struct Content {
    /// Whose screen it is, and what for.
    pub caption: String,
    #[serde(flatten)]
    pub shown: Shown,
}

/// What the screen shows.
#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A file as its receiver opened it.
    Media(Media),
    /// Content that did not come, and what the client shows in its place.
    Instead { withheld: String, text: String },
}

/// A file with its media type (RFC 6838).
#[derive(Clone, Serialize)]
pub struct Media {
    pub media_type: String,
    /// In the JSON their number: the files are written apart.
    #[serde(serialize_with = "write_length")]
    pub bytes: Vec<u8>,
    /// In words, for who cannot see or hear it.
    pub alt: String,
}

/// What a file is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Image,
    Voice,
    Video,
    File,
}

impl Content {
    pub fn media(
        caption: impl Into<String>,
        media_type: impl Into<String>,
        bytes: Vec<u8>,
        alt: impl Into<String>,
    ) -> Self {
        let media = Media { media_type: media_type.into(), bytes, alt: alt.into() };
        Self { caption: caption.into(), shown: Shown::Media(media) }
    }

    /// `withheld` is what did not come, `text` what the client shows.
    pub fn instead(caption: impl Into<String>, withheld: impl Into<String>, text: impl Into<String>) -> Self {
        let shown = Shown::Instead { withheld: withheld.into(), text: text.into() };
        Self { caption: caption.into(), shown }
    }
}

impl Media {
    pub fn kind(&self) -> Kind {
        match self.media_type.split('/').next() {
            Some("image") => Kind::Image,
            Some("audio") => Kind::Voice,
            Some("video") => Kind::Video,
            _ => Kind::File,
        }
    }

    /// The usual end of a file's name.
    pub fn extension(&self) -> &'static str {
        let essence = self.media_type.split(';').next().unwrap_or_default().trim();
        match essence {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            "audio/wav" | "audio/x-wav" | "audio/vnd.wave" => "wav",
            "audio/ogg" => "ogg",
            "audio/mp4" => "m4a",
            "video/mp4" => "mp4",
            "video/webm" => "webm",
            "application/pdf" => "pdf",
            _ => "bin",
        }
    }

    /// The file in a sentence.
    pub fn described(&self) -> String {
        let Self { media_type, bytes, alt } = self;
        let what = match self.kind() {
            Kind::Image => "an image",
            Kind::Voice => "a voice message",
            Kind::Video => "a video",
            Kind::File => "a file",
        };
        let more = match self.kind() {
            Kind::Image => {
                Raster::decode(bytes).map(|it| format!(", {} × {} pixels", it.width(), it.height())).ok()
            }
            Kind::Voice => Wave::of(bytes).map(|it| format!(", {:.1} s", it.seconds)),
            Kind::Video | Kind::File => None,
        };
        format!("{what} ({media_type}, {} bytes{}): {alt}", bytes.len(), more.unwrap_or_default())
    }
}

fn write_length<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    bytes.len().serialize(serializer)
}

#[cfg(test)]
pub(super) mod tests {
    pub use super::wave::tests::wav;
    use super::*;

    #[test]
    fn files_are_described_with_what_is_in_them() {
        let png = Raster::new(3, 2, vec![255; 24]).unwrap().encode().unwrap();
        let described = Content::media("", "image/png", png.clone(), "white");
        let Shown::Media(media) = described.shown else { panic!() };
        assert_eq!(
            media.described(),
            format!("an image (image/png, {} bytes, 3 × 2 pixels): white", png.len())
        );
        assert_eq!((media.kind(), media.extension()), (Kind::Image, "png"));
        let other = Media { media_type: "x".to_owned(), bytes: vec![1], alt: "nothing".to_owned() };
        assert_eq!(other.described(), "a file (x, 1 bytes): nothing");
        assert_eq!(other.extension(), "bin");
    }

    #[test]
    fn in_json_a_file_is_told_by_its_length() {
        let json = |content| serde_json::to_value(content).unwrap();
        let media = json(Content::media("c", "audio/wav", vec![0; 7], "a hum"));
        assert_eq!(media["media"]["bytes"], 7);
        assert_eq!(media["caption"], "c");
        let instead = json(Content::instead("c", "a video", "no video"));
        assert_eq!(instead["instead"]["text"], "no video");
    }
}
