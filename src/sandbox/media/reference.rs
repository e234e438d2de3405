//! What a message says of a blob: where it is, what it is, and the key that opens it.
//!
//! The reference is the secret: whoever has it can read the blob. It travels inside of what is encrypted end to end.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{LARGEST_BLOB, MediaKey, Sha256, plain_size};
use crate::content_types::MediaType;
use crate::sandbox::http::has_credentials;
use crate::sandbox::limits::is_name;

/// Of a reference as JSON, in bytes.
const LARGEST: usize = 4096;
const LONGEST_URL: usize = 1024;
const LONGEST_TYPE: usize = 128;
/// Of a voice message or a video.
const LONGEST_DURATION: Duration = Duration::from_hours(24);
/// Of a picture, in pixels each way.
const LARGEST_SIDE: u32 = 65_535;

/// The kind of content, as a client that cannot show it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaClass {
    Image,
    Voice,
    Video,
    File,
}

impl MediaClass {
    /// As the element is called that tells of it in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::File => "file",
        }
    }
}

/// Of a picture or a video, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

/// A blob, for who is to have it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaReference {
    /// `https`, unguessable: whoever knows it can fetch the blob, though not read it.
    pub url: String,
    pub key: MediaKey,
    /// In bytes, as it is stored.
    pub size: u64,
    /// Of the blob as it is stored.
    pub sha256: Sha256,
    /// What is inside (RFC 6838).
    pub media_type: String,
    pub class: MediaClass,
    /// A file's name, without a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a voice message or a video, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Dimensions>,
}

/// Why a text is no reference to a blob. It never holds anything of the text, which is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("the reference is too long")]
    TooLong,
    #[error("the reference is not written as it should be")]
    Malformed,
    #[error("the URL is none of https, has a user, a fragment or is too long")]
    Url,
    #[error("there is no blob of this size")]
    Size,
    #[error("the media type is none")]
    MediaType,
    #[error("the file's name is none, or names a folder")]
    Name,
    #[error("the duration or the dimensions cannot be")]
    Extent,
}

impl MediaReference {
    /// Reads what came in a message.
    pub fn parse(json: &[u8]) -> Result<Self, ReferenceError> {
        if json.len() > LARGEST {
            return Err(ReferenceError::TooLong);
        }
        let reference: Self = serde_json::from_slice(json).map_err(|_| ReferenceError::Malformed)?;
        reference.check()?;
        Ok(reference)
    }

    /// What is put into a message.
    pub fn to_json(&self) -> Result<Vec<u8>, ReferenceError> {
        self.check()?;
        let json = serde_json::to_vec(self).map_err(|_| ReferenceError::Malformed)?;
        if json.len() > LARGEST { Err(ReferenceError::TooLong) } else { Ok(json) }
    }

    /// In bytes, once the blob is opened.
    pub fn plain_size(&self) -> u64 {
        // A reference that was checked has one.
        plain_size(self.size).unwrap_or_default()
    }

    /// Whether it can be one.
    pub fn check(&self) -> Result<(), ReferenceError> {
        let is_right = |is_right: bool, error| if is_right { Ok(()) } else { Err(error) };
        is_right(is_url(&self.url), ReferenceError::Url)?;
        is_right(self.size <= LARGEST_BLOB && plain_size(self.size).is_some(), ReferenceError::Size)?;
        let is_type = self.media_type.len() <= LONGEST_TYPE && MediaType::parse(&self.media_type).is_ok();
        is_right(is_type, ReferenceError::MediaType)?;
        is_right(self.name.as_deref().is_none_or(is_file_name), ReferenceError::Name)?;
        let fits = |time: u64| u128::from(time) <= LONGEST_DURATION.as_millis();
        let is_side = |side: u32| (1..=LARGEST_SIDE).contains(&side);
        let is_shown = |shown: Dimensions| is_side(shown.width) && is_side(shown.height);
        let is_extent = self.duration.is_none_or(fits) && self.dimensions.is_none_or(is_shown);
        is_right(is_extent, ReferenceError::Extent)
    }
}

/// The class and the size: neither where the blob is nor what opens it.
impl fmt::Debug for MediaReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MediaReference")
            .field("class", &self.class)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn is_url(text: &str) -> bool {
    let url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST_URL);
    url.is_some_and(|url| url.scheme() == "https" && url.fragment().is_none() && !has_credentials(&url))
}

/// Whether a file can be called so in any folder, and in no other.
fn is_file_name(name: &str) -> bool {
    is_name(name) && !name.contains(['/', '\\']) && !name.chars().all(|character| character == '.')
}
