//! For tests of what is said before TLS: a peer whose bytes come cut in any way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, Join, ReadBuf, join};
use tokio::runtime::{Builder, Runtime};

/// Bytes that come in pieces of these sizes, each at once, and then no more, without an end.
pub struct Pieces<'b> {
    rest: &'b [u8],
    sizes: Box<dyn Iterator<Item = usize> + 'b>,
}

/// A peer that says `input` in pieces of these sizes, over and over, and keeps what it hears.
pub fn in_pieces<'b>(input: &'b str, sizes: &'b [usize]) -> Join<Pieces<'b>, Vec<u8>> {
    join(Pieces { rest: input.as_bytes(), sizes: Box::new(sizes.iter().copied().cycle()) }, Vec::new())
}

/// Time passes when nothing else can happen.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Poll::Pending;
        }
        let size = self.sizes.next().unwrap_or(1).clamp(1, self.rest.len()).min(buffer.remaining());
        let (piece, rest) = self.rest.split_at(size);
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}
