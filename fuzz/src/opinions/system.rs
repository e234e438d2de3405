//! expat and libxml2, as the system has them, through `parsers.c`.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;

use super::Refused;
use crate::reading::{Attributes, Builder, Name, Reading};

pub(super) fn read_with_expat(document: &[u8]) -> Result<Reading, Refused> {
    read(document, ask_expat)
}

pub(super) fn read_with_libxml2(document: &[u8]) -> Result<Reading, Refused> {
    read(document, ask_libxml2)
}

pub(super) fn read_with_libxml2_push(document: &[u8]) -> Result<Reading, Refused> {
    read(document, ask_libxml2_push)
}

type Note = unsafe extern "C" fn(sink: *mut c_void, kind: c_char, text: *const c_char, length: usize);
type Ask =
    unsafe extern "C" fn(document: *const c_char, length: usize, note: Note, sink: *mut c_void) -> c_int;

#[expect(unsafe_code, reason = "the two parsers are in C")]
unsafe extern "C" {
    fn ask_expat(document: *const c_char, length: usize, note: Note, sink: *mut c_void) -> c_int;
    fn ask_libxml2(document: *const c_char, length: usize, note: Note, sink: *mut c_void) -> c_int;
    fn ask_libxml2_push(document: *const c_char, length: usize, note: Note, sink: *mut c_void) -> c_int;
}

#[expect(unsafe_code, reason = "the two parsers are in C")]
fn read(document: &[u8], ask: Ask) -> Result<Reading, Refused> {
    let mut listener = Listener::default();
    // SAFETY: the document outlives the call, and `note` is called during it only, with the listener that is given here.
    let code = unsafe { ask(document.as_ptr().cast(), document.len(), note, (&raw mut listener).cast()) };
    if code == 0 { Ok(listener.builder.finish()) } else { Err(Refused(format!("error {code}"))) }
}

#[expect(unsafe_code, reason = "called from C")]
unsafe extern "C" fn note(sink: *mut c_void, kind: c_char, text: *const c_char, length: usize) {
    // SAFETY: `sink` is the listener that `read` gave, which nothing else uses meanwhile.
    let listener = unsafe { &mut *sink.cast::<Listener>() };
    let bytes: &[u8] = if text.is_null() {
        b""
    } else {
        // SAFETY: where there is a text, it has that length and lasts for this call.
        unsafe { std::slice::from_raw_parts(text.cast(), length) }
    };
    // A panic must not go through C.
    let noted = catch_unwind(AssertUnwindSafe(|| listener.take(kind as u8, bytes, length)));
    noted.unwrap_or_else(|_| abort());
}

/// Puts the notes of one document together.
#[derive(Default)]
struct Listener {
    builder: Builder,
    /// Where the start tag began that is being told, unless the parser does not say.
    start: Option<usize>,
    name: Option<Name>,
    attributes: Attributes,
    namespace: String,
    attribute: Name,
}

impl Listener {
    /// One note: a text, or a position in `length`.
    fn take(&mut self, kind: u8, bytes: &[u8], length: usize) {
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match kind {
            b'<' => (self.start, self.name) = ((length != usize::MAX).then_some(length), None),
            b'n' => self.namespace = text(),
            b'l' => {
                let name = Name::new(std::mem::take(&mut self.namespace), text());
                if self.name.is_none() { self.name = Some(name) } else { self.attribute = name }
            }
            b'v' => drop(self.attributes.insert(std::mem::take(&mut self.attribute), text())),
            b'>' => {
                let (name, attributes) = (self.name.take(), std::mem::take(&mut self.attributes));
                self.builder.start(name.unwrap_or_default(), attributes, self.start, length);
            }
            b'/' => self.builder.end(None, length),
            b't' => self.builder.text(&text()),
            _ => unreachable!("parsers.c tells nothing else"),
        }
    }
}
