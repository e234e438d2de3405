//! `vestibule inspect`: reads one direction of a stream from standard input and prints a line for each frame. What the
//! lines say is the gate's; here is only the reading and the printing.

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use vestibule::framing::{FrameDecoder, Inspector, Refusal};
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

/// Prints lines as frames are complete; the last one says what was refused, if anything was, and a line on standard error
/// by which rule.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let vocabulary = Arc::new(stanza::vocabulary(&[], &[]));
    // The widest built-in limits: a capture can be of either side.
    let limits = Limits::default().from_gatekeeper;
    let decoder = if arguments.document {
        FrameDecoder::document(vocabulary, limits)
    } else {
        FrameDecoder::new(vocabulary, limits)
    };
    match inspect(Inspector::new(decoder), &mut io::stdin().lock(), &mut io::stdout().lock())? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(refusal) => {
            // The lines on standard output are for programs too; why the last one is there is for people.
            writeln!(io::stderr(), "{}: {}", refusal.kind, refusal.kind.rule())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Puts all of `input` through the gate; the inner result is its verdict.
fn inspect(
    mut inspector: Inspector,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<Result<(), Refusal>> {
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
            return Ok(verdict);
        }
    }
    let verdict = inspector.finish(&mut lines);
    output.write_all(lines.as_bytes())?;
    Ok(verdict)
}
