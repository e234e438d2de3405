//! Fetching a blob: it is verified and opened while it comes, and gone on with where it broke off.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{Media, MediaError, Source};
use crate::sandbox::client::ApiError;
use crate::sandbox::client::enlistment::refused;
use crate::sandbox::http::CallError;
use crate::sandbox::media::{ByteRange, ContentRange, MediaReference, Opener, is_strong_tag};

/// For a whole download, each attempt by itself.
const LONGEST: Duration = Duration::from_secs(300);
/// For the head of an answer, and for the next bytes.
const IDLE: Duration = Duration::from_secs(15);
/// Attempts one after the other that bring nothing.
const MOST_VAIN: u32 = 4;
/// Attempts in all.
const MOST: u32 = 64;
/// Before the second attempt that brings nothing; twice as long before each that follows.
const PAUSE: Duration = Duration::from_millis(50);

/// A download under way.
struct Download {
    url: Url,
    size: u64,
    opener: Opener,
    /// The blob that was begun with.
    tag: Option<HeaderValue>,
    plain: Vec<u8>,
}

impl Media {
    /// Fetches a blob and writes what is inside. Only if that succeeds is it what its sender has sent, and all of it: what
    /// was written before is to be thrown away otherwise. Returns how often it broke off.
    pub async fn download<W>(&self, reference: &MediaReference, out: &mut W) -> Result<u32, MediaError>
    where
        W: AsyncWrite + Unpin,
    {
        let MediaReference { url, key, size, sha256, .. } = reference;
        let opener = Opener::new(key, *size, *sha256)?;
        let url = self.source.place(url)?;
        let mut download = Download { url, size: *size, opener, tag: None, plain: Vec::new() };
        let (mut attempts, mut vain) = (1, 0);
        loop {
            let before = download.opener.missing();
            match download.attempt(self, out).await {
                Ok(()) => break,
                Err(error) if !may_pass(error) => return Err(error),
                Err(error) => {
                    vain = if download.opener.missing() < before { 0 } else { vain + 1 };
                    if vain >= MOST_VAIN || attempts >= MOST {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(PAUSE * vain * vain).await;
            attempts += 1;
        }
        download.finish(out).await?;
        Ok(attempts - 1)
    }
}

impl Download {
    /// What is still missing, as far as it comes.
    async fn attempt<W: AsyncWrite + Unpin>(&mut self, media: &Media, out: &mut W) -> Result<(), MediaError> {
        let mut response = self.ask(media).await?;
        while self.opener.missing() > 0 {
            let chunk =
                tokio::time::timeout(IDLE, response.chunk()).await.map_err(|_| CallError::TimedOut)?;
            // A connection that ends is not the blob's end, and neither is an answer's.
            let chunk = chunk.map_err(CallError::from)?.ok_or(MediaError::BrokenOff)?;
            self.opener.push(&chunk, &mut self.plain)?;
            self.write(out).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, media: &Media) -> Result<Response, MediaError> {
        let start = self.size - self.opener.missing();
        let mut request = media.caller.client().get(self.url.clone()).timeout(LONGEST);
        if matches!(media.source, Source::Proxy { .. }) {
            request = media.authorization.show(request);
        }
        if start > 0 {
            request = request.header(RANGE, ByteRange::From(start).to_string());
            if let Some(tag) = &self.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        let response = tokio::time::timeout(IDLE, request.send()).await.map_err(|_| CallError::TimedOut)?;
        let response = response.map_err(CallError::from)?;
        self.check(start, &response)?;
        if !response.status().is_success() {
            return Err(refused(response).await.into());
        }
        if start == 0 {
            self.tag = response.headers().get(ETAG).filter(|tag| is_strong_tag(tag)).cloned();
        }
        Ok(response)
    }

    /// Whether what is given is what was asked for, of the blob that was begun with.
    fn check(&self, start: u64, response: &Response) -> Result<(), MediaError> {
        let headers = response.headers();
        let is_right = match response.status() {
            StatusCode::OK => {
                let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
                start == 0 && declared.is_none_or(|length| length.parse() == Ok(self.size))
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = headers.get(CONTENT_RANGE).and_then(ContentRange::parse);
                start > 0 && range.is_some_and(|range| range.first == start && range.size == self.size)
            }
            StatusCode::RANGE_NOT_SATISFIABLE => false,
            status if status.is_success() => return Err(MediaError::WrongAnswer),
            _ => true,
        };
        if is_right { Ok(()) } else { Err(MediaError::Changed) }
    }

    async fn write<W: AsyncWrite + Unpin>(&mut self, out: &mut W) -> Result<(), MediaError> {
        out.write_all(&self.plain).await.map_err(|_| MediaError::Sink)?;
        self.plain.clear();
        Ok(())
    }

    async fn finish<W: AsyncWrite + Unpin>(mut self, out: &mut W) -> Result<(), MediaError> {
        self.opener.finish(&mut self.plain)?;
        out.write_all(&self.plain).await.map_err(|_| MediaError::Sink)?;
        out.flush().await.map_err(|_| MediaError::Sink)
    }
}

/// Whether the same may succeed a little later, from where it ended.
fn may_pass(error: MediaError) -> bool {
    match error {
        MediaError::BrokenOff => true,
        MediaError::Api(error @ (ApiError::Call(_) | ApiError::Refused { .. })) => error.may_pass(),
        _ => false,
    }
}
