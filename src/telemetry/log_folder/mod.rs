//! A folder that holds a log in segments, and the one thing that really deletes it.
//!
//! A segment has lines of one retention. It is deleted when its first line has reached that, and it is closed long
//! before, so that the last line is not deleted much too early. Files whose names are not exactly a segment's, folders
//! and symbolic links are not touched.

mod file_id;
mod name;
mod regular;
mod segment;
#[cfg(test)]
pub(super) mod testing;
mod watch;

pub(super) use file_id::FileId;
pub(super) use name::SegmentName;
pub(super) use regular::Lines;
pub(super) use segment::Segment;
pub(super) use watch::Watch;

use std::collections::BTreeMap;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::OFlags;

/// The longest time between two looks at what is due: the clock may have been set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The time twice: as the calendar has it, and by a clock that nobody can set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub wall: SystemTime,
    pub steady: Instant,
}

/// Tells the time. Tests have one of their own.
pub(super) type Clock = Box<dyn Fn() -> Now + Send>;

pub(super) fn system_clock() -> Clock {
    Box::new(|| Now { wall: SystemTime::now(), steady: Instant::now() })
}

pub(super) struct LogFolder {
    path: PathBuf,
    log: &'static str,
    /// When this process saw a segment first: however the calendar is set, it is not kept for longer from then on.
    seen: BTreeMap<SegmentName, Instant>,
}

impl LogFolder {
    /// The segments of `log` in the folder `path`, which has to be there.
    pub fn new(path: &Path, log: &'static str) -> Self {
        Self { path: path.to_owned(), log, seen: BTreeMap::new() }
    }

    /// The segments that are there, by their number.
    pub fn segments(&self) -> io::Result<Vec<SegmentName>> {
        self.names(FileType::is_file)
    }

    /// What has a segment's name and is no regular file, by its number.
    pub fn not_files(&self) -> io::Result<Vec<SegmentName>> {
        self.names(|found| !found.is_file())
    }

    fn names(&self, is_wanted: impl Fn(&FileType) -> bool) -> io::Result<Vec<SegmentName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(|text| SegmentName::parse(self.log, text));
            // The type of a symbolic link is that of the link.
            if let Some(name) = name
                && is_wanted(&entry.file_type()?)
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn path_of(&self, name: &SegmentName) -> PathBuf {
        self.path.join(name.to_string())
    }

    /// Makes a segment for lines of `retention`, from now on. If there is one of the same name, it gets the next number.
    pub fn create(&mut self, retention: Duration, number: u64, now: Now) -> io::Result<Segment> {
        let (name, file) = self.create_file(SegmentName::new(self.log, retention, now.wall, number))?;
        // The name has to be on the disk as well as the lines. If it is not, nothing is left of the attempt.
        self.sync().inspect_err(|_| _ = self.delete(&name))?;
        self.seen.insert(name, now.steady);
        Segment::new(name, self.path_of(&name), file, now)
    }

    /// Gives the segments of earlier runs that begin in the future this moment as their start, so that their retention
    /// runs from here, in later runs too. One that cannot be renamed does not keep the others, and is told as the error.
    /// To be called before any segment is opened.
    pub fn bring_back_from_the_future(&self, now: Now) -> io::Result<()> {
        let mut outcome = Ok(());
        for name in self.segments()?.into_iter().filter(|name| name.start() > now.wall) {
            if let Err(error) = self.restart(&name, now) {
                outcome = Err(error);
            }
        }
        outcome.and(self.sync())
    }

    fn restart(&self, name: &SegmentName, now: Now) -> io::Result<()> {
        // A full disk leaves empty segments, several with one number: renamed, they could come behind later ones.
        if fs::metadata(self.path_of(name))?.len() == 0 {
            return self.delete(name);
        }
        // Its own empty file is replaced, and no other.
        let (free, _) =
            self.create_file(SegmentName::new(self.log, name.retention(), now.wall, name.number))?;
        fs::rename(self.path_of(name), self.path_of(&free)).inspect_err(|_| _ = self.delete(&free))
    }

    /// A new file of this name, or with the next number that is free.
    fn create_file(&self, mut name: SegmentName) -> io::Result<(SegmentName, File)> {
        loop {
            match options().create_new(true).mode(0o600).open(self.path_of(&name)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    name.number = name.number.checked_add(1).ok_or(error)?;
                }
                opened => return Ok((name, opened?)),
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Opens a segment to go on with.
    pub fn reopen(&self, name: SegmentName, now: Now) -> io::Result<Segment> {
        let path = self.path_of(&name);
        let file = options().custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path)?;
        Segment::new(name, path, file, now)
    }

    /// The segments that have reached their retention, and after how long to ask again.
    pub fn due(&mut self, now: Now) -> io::Result<(Vec<SegmentName>, Duration)> {
        let segments = self.segments()?;
        self.seen.retain(|name, _| segments.binary_search(name).is_ok());
        let (mut due, mut wait) = (Vec::new(), LONGEST_WAIT);
        for name in segments {
            let seen = *self.seen.entry(name).or_insert(now.steady);
            match time_left(&name, seen, now) {
                left if left.is_zero() => due.push(name),
                left => wait = wait.min(left),
            }
        }
        Ok((due, wait))
    }

    /// Deletes a segment; one that is gone already is no error.
    pub fn delete(&self, name: &SegmentName) -> io::Result<()> {
        match fs::remove_file(self.path_of(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true);
    options
}

/// How long a segment may still be kept: by the calendar, and never longer than the retention from when this process saw
/// it first, in case the calendar is set back meanwhile.
fn time_left(name: &SegmentName, seen: Instant, now: Now) -> Duration {
    let retention = name.retention();
    let by_calendar = match now.wall.duration_since(name.start()) {
        Ok(age) => retention.saturating_sub(age),
        Err(_) => retention,
    };
    by_calendar.min(retention.saturating_sub(now.steady.saturating_duration_since(seen)))
}
