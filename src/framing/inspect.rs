//! What `vestibule inspect` says of one direction of a stream or a document: a line for each frame. It is the
//! gate, nothing else, so that anyone can put a capture or a test suite through it. It prints names, but no
//! content.

use std::fmt::Write;

use super::{Decoded, Frame, FrameDecoder, FrameKind, Refusal};

/// Puts bytes through a gate and describes what passes.
///
/// Each frame is a line `OFFSET LENGTH KIND {namespace}name`, with kind `header`, `stanza` or `closing`;
/// white space is none. A refusal is the last line: `refused KIND at OFFSET`. Every line ends with a line
/// feed.
pub struct Inspector {
    decoder: FrameDecoder,
}

impl Inspector {
    /// An inspector of what `decoder` passes: [`FrameDecoder::new`] for a stream, [`FrameDecoder::document`]
    /// for a document.
    pub fn new(decoder: FrameDecoder) -> Self {
        Self { decoder }
    }

    /// Takes the next bytes and appends the lines for the frames that are complete with them, and for a
    /// refusal.
    pub fn inspect(&mut self, mut input: &[u8], lines: &mut String) -> Result<(), Refusal> {
        loop {
            match self.decoder.decode(input) {
                Ok((_, None)) => return Ok(()),
                Ok((taken, Some(decoded))) => {
                    if let Decoded::Frame(frame) = decoded {
                        describe(&frame, lines);
                    }
                    input = &input[taken..];
                }
                Err(refusal) => return Err(describe_refusal(refusal, lines)),
            }
        }
    }

    /// The input has ended: appends a line if it ended too early.
    pub fn finish(self, lines: &mut String) -> Result<(), Refusal> {
        self.decoder.finish().map_err(|refusal| describe_refusal(refusal, lines))
    }
}

fn describe(frame: &Frame<'_>, lines: &mut String) {
    let kind = match frame.kind {
        FrameKind::Header => "header",
        FrameKind::Element => "stanza",
        FrameKind::Closing => "closing",
    };
    // Writing to a String cannot fail.
    let _ = write!(lines, "{} {} {kind} {{", frame.offset, frame.bytes.len());
    append(frame.namespace(), lines);
    lines.push('}');
    append(frame.local_name(), lines);
    lines.push('\n');
}

/// Names and namespaces that passed the gate hold nothing that a terminal could take for a command: no control
/// characters, none that turn the direction of writing.
fn append(text: &[u8], lines: &mut String) {
    lines.push_str(&String::from_utf8_lossy(text)); // It was validated, so nothing is lost.
}

fn describe_refusal(refusal: Refusal, lines: &mut String) -> Refusal {
    let _ = writeln!(lines, "{refusal}");
    refusal
}
