//! `vestibule inspect`: reads one direction of a stream from standard input and prints a line for each frame. What the
//! lines say is the gate's; here is only the reading and the printing.

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use vestibule::framing::{FrameDecoder, Inspector};
use vestibule::limit::Limits;
use vestibule::stanza;

/// Bytes of standard input at a time.
const CHUNK: usize = 64 * 1024;

#[derive(clap::Args)]
pub struct Arguments {
    /// Take the input as one whole XML document with any root, not as a stream.
    #[arg(long)]
    document: bool,
}

/// Prints lines as frames are complete; the last one says what was refused, if anything was.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let vocabulary = Arc::new(stanza::vocabulary(&[]));
    // The widest built-in limits: a capture can be of either side.
    let limits = Limits::default().from_gatekeeper;
    let decoder = if arguments.document {
        FrameDecoder::document(vocabulary, limits)
    } else {
        FrameDecoder::new(vocabulary, limits)
    };
    let passed = inspect(Inspector::new(decoder), &mut io::stdin().lock(), &mut io::stdout().lock())?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether all of `input` passed the gate.
fn inspect(mut inspector: Inspector, input: &mut impl Read, output: &mut impl Write) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK];
    let mut lines = String::new();
    loop {
        let length = match input.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if length == 0 {
            break;
        }
        let verdict = inspector.inspect(&chunk[..length], &mut lines);
        output.write_all(lines.as_bytes())?;
        output.flush()?;
        lines.clear();
        if verdict.is_err() {
            return Ok(false);
        }
    }
    let verdict = inspector.finish(&mut lines);
    output.write_all(lines.as_bytes())?;
    Ok(verdict.is_ok())
}
