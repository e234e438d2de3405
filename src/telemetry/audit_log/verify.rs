//! Checks an audit log against itself and against heads that were kept elsewhere.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::chain::{Break, Chain, Fault};
use super::head::Head;
use super::journal::LOG;
use crate::telemetry::ShownPath;
use crate::telemetry::log_folder::{Lines, LogFolder};

/// Heads that were kept outside of the log, by their sequence.
#[derive(Clone, Debug, Default)]
pub struct Anchors(BTreeMap<u64, Vec<Head>>);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub records: u64,
    pub first: Option<Head>,
    pub last: Option<Head>,
    /// In the order of the records, then the anchored heads that were not found.
    pub breaks: Vec<Break>,
    /// Bytes behind the last line feed: of a record that is being written, or that a crash left unfinished.
    pub unfinished: u64,
    /// How many anchored heads were compared.
    pub checked: usize,
    /// Anchored heads from before the first record that is left.
    pub too_early: Vec<Head>,
}

impl Anchors {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, head: Head) {
        let heads = self.0.entry(head.sequence).or_default();
        if !heads.contains(&head) {
            heads.push(head);
        }
    }

    /// Adds the heads of a file, which are lines of the process's own log (`sequence=… hash=…`) or heads by themselves
    /// (`SEQUENCE:HEX`). Returns how many lines had one. Fails if it is no regular file or has more than 1 GiB.
    pub fn add_file(&mut self, path: &Path) -> io::Result<usize> {
        let (mut input, mut line, mut found) = (Lines::open(path)?, Vec::new(), 0);
        while input.read(&mut line)? {
            let text = String::from_utf8_lossy(&line);
            if let Some(head) = text.trim().parse().ok().or_else(|| logged_head(&text)) {
                self.add(head);
                found += 1;
            }
        }
        Ok(found)
    }
}

fn logged_head(line: &str) -> Option<Head> {
    let (_, rest) = line.split_once(" sequence=")?;
    let (sequence, rest) = rest.split_once(" hash=")?;
    format!("{sequence}:{}", rest.split_whitespace().next()?).parse().ok()
}

/// Checks the chain through all segments of the folders and through the files, in this order. Only of a folder it is
/// known that nothing may be missing at the beginning. Fails if one cannot be read or is no regular file, and says which.
pub fn verify(paths: &[PathBuf], anchors: &Anchors) -> io::Result<Verdict> {
    let (files, is_whole) = files(paths)?;
    let mut chain = Chain::default();
    let (mut breaks, mut first, mut unanchored) = (Vec::new(), None, Vec::new());
    // Where the last record stands.
    let mut end = (files.first().cloned().unwrap_or_default(), 1);
    let mut left = anchors.0.clone();
    let mut checked = 0;
    for (index, file) in files.iter().enumerate() {
        let visit = |head: Head, line| {
            first.get_or_insert(head);
            end = (file.clone(), line);
            let heads = left.remove(&head.sequence).unwrap_or_default();
            checked += heads.len();
            if heads.iter().any(|anchor| *anchor != head) {
                let fault = Fault::NotAnchored { record: head.sequence };
                unanchored.push(Break { file: file.clone(), line, fault });
            }
        };
        let is_last = index + 1 == files.len();
        chain.follow(file, is_last, visit, |found| breaks.push(found)).map_err(|error| at(file, &error))?;
    }
    let beginning = |fault| Break { file: files.first().cloned().unwrap_or_default(), line: 1, fault };
    if is_whole && let Err(fault) = chain.check_beginning() {
        breaks.insert(0, beginning(fault));
    }
    breaks.extend(chain.take_early());
    breaks.append(&mut unanchored);
    let mut verdict = Verdict {
        records: chain.records,
        first,
        last: chain.head,
        breaks,
        unfinished: chain.unfinished,
        checked,
        too_early: Vec::new(),
    };
    for head in left.into_values().flatten() {
        verdict.judge_anchor_outside(head, chain.before, &end);
    }
    Ok(verdict)
}

impl Verdict {
    /// An anchored head whose record is not there.
    fn judge_anchor_outside(&mut self, head: Head, before: Option<Head>, end: &(PathBuf, u64)) {
        let last = self.last.map_or(0, |last| last.sequence);
        let record = head.sequence;
        let fault = match before {
            // The first record says of the one before it what it was.
            Some(before) if head.sequence == before.sequence => {
                self.checked += 1;
                if head == before {
                    return;
                }
                Fault::NotAnchored { record }
            }
            Some(before) if head.sequence < before.sequence => return self.too_early.push(head),
            _ => {
                self.checked += 1;
                Fault::AnchorMissing { record, last }
            }
        };
        self.breaks.push(Break { file: end.0.clone(), line: end.1, fault });
    }
}

/// The files to read, and whether the first is the first of a folder.
fn files(paths: &[PathBuf]) -> io::Result<(Vec<PathBuf>, bool)> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(segments(path).map_err(|error| at(path, &error))?);
        } else {
            files.push(path.clone());
        }
    }
    Ok((files, paths.first().is_some_and(|path| path.is_dir())))
}

fn segments(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = LogFolder::new(path, LOG);
    if let Some(name) = folder.not_files()?.first() {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("{name} is not a regular file")));
    }
    Ok(folder.segments()?.iter().map(|name| folder.path_of(name)).collect())
}

/// An error with the path that it is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", ShownPath(path)))
}
