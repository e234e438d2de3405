//! Golden files: `tests/golden/*.in.xml` is what one side sends, `*.out.xml` what the other gets. A file's name begins
//! with the side that sends it. `UPDATE_GOLDEN=1 cargo test --test it golden` writes them anew.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vestibule::content_types::{Recipient, Rules};
use vestibule::framing::{Decoded, Frame, FrameDecoder, Vocabulary};
use vestibule::limit::Limits;
use vestibule::stanza::{Edit, StreamLimits, detour};

use super::files::{content_rules, content_types};

#[test]
#[allow(clippy::disallowed_methods, reason = "the variable is for who runs the test, it configures no proxy")]
fn every_golden_input_gives_its_output() {
    let inputs = inputs();
    assert!(!inputs.is_empty());
    for input in inputs {
        let output = pass(&read(&input), edit_of(&input));
        let expected = PathBuf::from(input.to_string_lossy().replace(".in.xml", ".out.xml"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &output).expect("the golden file can be written");
        }
        assert_eq!(output, read(&expected), "{}", expected.display());
    }
}

#[test]
fn passing_through_twice_equals_passing_through_once() {
    for input in inputs() {
        let once = pass(&read(&input), edit_of(&input));
        assert_eq!(pass(&once, edit_of(&input)), once, "{}", input.display());
    }
}

#[test]
fn every_golden_output_has_its_input() {
    for path in files(".out.xml") {
        let input = PathBuf::from(path.to_string_lossy().replace(".out.xml", ".in.xml"));
        assert!(input.exists(), "{}", path.display());
    }
}

/// What the features say of what a client may send.
const STREAM_LIMITS: StreamLimits =
    StreamLimits { max_bytes: 262_144, largest_insertion: 0, idle: Duration::from_secs(900) };

type EditOf = Box<dyn FnMut(&Frame<'_>) -> Option<Edit>>;

/// The edits of what the side in the file's name sends.
fn edit_of(input: &Path) -> EditOf {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("client-") {
        let mut recipient = Recipient::new(rules().0, "gatekeeper.example", None);
        Box::new(move |frame| {
            if !recipient.concerns_client_frame(frame) {
                return None;
            }
            Some(recipient.edit_client_frame(frame, usize::MAX).expect("the gate has passed it")?.edit)
        })
    } else if name.starts_with("gatekeeper-") {
        Box::new(|frame| {
            detour::concerns(frame)
                .then(|| detour::close(frame, &STREAM_LIMITS).expect("the gate has passed it"))
                .flatten()
        })
    } else {
        panic!("{name} names no side");
    }
}

/// What is left of one direction of a stream after the gate and the edits. Each edited frame passes the gate again.
fn pass(input: &str, mut edit_of: EditOf) -> String {
    let mut decoder = FrameDecoder::new(rules().1, Limits::default().from_gatekeeper);
    let mut rest = input.as_bytes();
    let mut output = Vec::new();
    while !rest.is_empty() {
        let (taken, decoded) = decoder.decode(rest).expect("the gate passes it");
        let start = output.len();
        let edit = match decoded {
            Some(Decoded::Frame(frame)) => edit_of(&frame),
            Some(Decoded::WhiteSpace(_)) | None => None,
        };
        match edit {
            None => output.extend_from_slice(&rest[..taken]),
            Some(edit) => {
                edit.apply(&rest[..taken], &mut output);
                assert_eq!(decoder.verify(&output[start..]), Ok(()));
            }
        }
        rest = &rest[taken..];
    }
    assert_eq!(decoder.finish(), Ok(()));
    String::from_utf8(output).expect("UTF-8")
}

/// The golden files' own policy, so that a change of the shipped one does not change them.
fn rules() -> (Arc<Rules>, Arc<Vocabulary>) {
    content_rules(content_types("tests/golden/content-types.yaml"))
}

fn inputs() -> Vec<PathBuf> {
    files(".in.xml")
}

fn files(ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder("tests/golden")).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    files
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
