//! `vestibule demo`: the real proxy between real peers, and a story of what passed between them.
//!
//! Nothing of the story is written in advance but its explanations. What it shows was read from the sockets, from the
//! log files and from `/metrics`; each thing it claims is a [`Claim`], and each claim is checked against what was
//! received. A claim that was not observed fails the demonstration.
//!
//! The parts: the `people`, a `stage` (certificates, configuration, provider, gatekeeper, proxy), the `cast` of those who
//! are enlisted and online there, the `acts` that they play, the `witness` who notes what passes meanwhile, the `story`
//! that tells them, with each `picture`, and the `report` that shows all of it on a page.

mod acts;
mod cast;
mod claim;
mod difference;
mod directory;
mod keep;
mod ledger;
mod load;
mod metrics;
mod people;
mod picture;
mod report;
mod samples;
mod scene;
mod stage;
mod story;
mod witness;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use claim::{Claim, Finding};
pub use load::{
    Account, FrontError, Latency, LoadError, LoadOptions, LoadReport, Mix, Progress, ProxyReport, Step,
    StepReport, Usage,
};
pub use metrics::MetricsError;
pub use picture::{Content, Depth, Graphics, Kind, Media, Raster, RasterError, Shown, Wave};
pub use report::{FileError, page};
pub use scene::{Exchange, Listing, Scene};
pub use stage::{Policies, StageError};
pub use witness::{Arrow, Fate, Log, Moved};

use self::acts::enlisting::Cast;
use self::metrics::Metrics;
use self::people::{BOB, PROVIDER_USERS};
use self::picture::Folder;
use self::report::Destination;
use self::stage::{Front, Population, Stage};
use self::story::{Gallery, Story, Style};
use super::client::encryption::EncryptionError;
use super::client::{ApiError, ClientError, MediaError};
use super::stop::{Stop, StopSignal};

/// The whole demonstration takes a second or two; a fault must not make it hang.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// For what still runs on threads of its own when all is over.
const LAST_WORK: Duration = Duration::from_secs(1);

/// How the demonstration is told, and with which policies it is played.
pub struct Options {
    /// One JSON document instead of the story.
    pub json: bool,
    /// Colours for a terminal.
    pub colour: bool,
    /// Everything stays up afterwards, and the commands that are told begin with this program.
    pub keep: Option<String>,
    /// How images are shown among the story's text.
    pub graphics: Graphics,
    /// The file that all of it is written to as a page.
    pub report: Option<PathBuf>,
    /// The folder that images and other files of the story are written to.
    pub pictures: Option<PathBuf>,
    pub policies: Policies,
}

impl Default for Options {
    /// The story as plain text, and nothing written to the disk.
    fn default() -> Self {
        Self {
            json: false,
            colour: false,
            keep: None,
            graphics: Graphics::None,
            report: None,
            pictures: None,
            policies: Policies::default(),
        }
    }
}

/// Everything that was shown, and what became of each claim.
#[derive(Serialize)]
pub struct Report {
    /// Whether every claim was observed.
    pub all_observed: bool,
    /// Every claim there is, also those that were never reached.
    pub claims: Vec<Finding>,
    /// What ended the demonstration early.
    pub stopped_by: Option<String>,
    /// In the form of RFC 3339.
    pub played_at: String,
    pub scenes: Vec<Scene>,
    /// What stood in the logs in the end.
    pub logs: Vec<Log>,
    /// What `/metrics` told after the acts and not before, under the first policy.
    pub moved: Vec<Moved>,
    /// Where the report was written, if anywhere.
    pub report: Option<PathBuf>,
    /// Where images and other files were.
    pub pictures: Vec<PathBuf>,
}

/// The story could not be told. That the claims were not observed is no error, but said in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the demonstration's runtime could not be started")]
    Runtime(#[source] std::io::Error),
    #[error("the story could not be written")]
    Write(#[from] std::io::Error),
    #[error("the report could not be written")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Report(#[from] FileError),
    #[error("no pictures can be written to {0}: {1}")]
    Pictures(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("it could not be kept up: {0}")]
    Keep(String),
    #[error(transparent)]
    Stopped(#[from] StopSignal),
}

/// Why an act could not be played to its end.
#[derive(Debug, thiserror::Error)]
enum ActError {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error("{who}: {source}")]
    Client { who: &'static str, source: ClientError },
    #[error("{who}: {source}")]
    Api { who: &'static str, source: ApiError },
    #[error("{who}: {source}")]
    Encryption { who: &'static str, source: EncryptionError },
    #[error("{who}: {source}")]
    Media { who: &'static str, source: MediaError },
    #[error("the stage could not be set: {0}")]
    Unset(String),
    #[error("the gatekeeper keeps no sessions that can be resumed")]
    NotResumable,
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error("the access log could not be read: {0}")]
    Log(std::io::Error),
    #[error("the gatekeeper has no session of {0}")]
    Unseen(&'static str),
    #[error("{0} did not come within the time limit")]
    Late(&'static str),
    #[error("{0}")]
    Write(std::io::Error),
}

/// Plays the demonstration and tells it to `out`. Blocks for the seconds it takes; not to be called from async code.
///
/// # Errors
///
/// If `out` or a file that is asked for cannot be written to, which is known of files before anything is played, or a
/// signal asks the process to end before the story is told. A failed demonstration is a [`Report`] with
/// [`all_observed`](Report::all_observed) false.
pub fn run(options: &Options, out: &mut dyn Write) -> Result<Report, Error> {
    let destination = options.report.as_deref().map(Destination::prepare).transpose()?;
    let folder = options
        .pictures
        .as_ref()
        .map(|path| Folder::open(path).map_err(|error| Error::Pictures(path.clone(), error)));
    let folder = folder.transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let report = runtime.block_on(perform(options, destination, folder, out));
    runtime.shutdown_timeout(LAST_WORK);
    report
}

/// Puts so many sessions at a time on Vestibule, and tells how it goes. Blocks; not to be called from async code.
///
/// # Errors
///
/// If the servers cannot be started, too few files may be open, or a signal asks the process to end. That users failed
/// is said in the report.
pub fn load(options: &LoadOptions, tell: &mut impl FnMut(Progress)) -> Result<LoadReport, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    let report = runtime.block_on(async {
        let mut stop = Stop::listen().map_err(Error::Runtime)?;
        Ok(stop.or(load::drive(options, tell)).await??)
    });
    runtime.shutdown_timeout(LAST_WORK);
    report
}

/// The whole of it. Whatever ends it, the stage is dropped, and so nothing of it is left on the disk.
async fn perform(
    options: &Options,
    destination: Option<Destination>,
    folder: Option<Folder>,
    out: &mut dyn Write,
) -> Result<Report, Error> {
    let mut stop = Stop::listen().map_err(Error::Runtime)?;
    let in_report = destination.as_ref().map(|destination| destination.path().to_owned());
    let gallery = Gallery::new(options.graphics, folder, in_report);
    let mut story = Story::new(options.json, Style::new(options.colour), gallery, out);
    let (mut scenes, mut told_at) = (Vec::new(), Vec::new());
    let mut tell = |scene: Scene| {
        told_at.push(Instant::now());
        let told = story.scene(&scene);
        scenes.push(scene);
        told.map_err(ActError::Write)
    };
    let population = Population {
        of_provider: PROVIDER_USERS.iter().map(|user| user.account()).collect(),
        of_gatekeeper: vec![BOB.known_account()],
    };
    let stage = stop.or(Stage::build(&options.policies, population, true)).await?;
    let played = match &stage {
        Ok(stage) => {
            let play = tokio::time::timeout(TIME_LIMIT, play(stage, &options.policies, &mut tell));
            stop.or(play).await?.unwrap_or(Err(ActError::Late("the end")))
        }
        Err(error) => Err(ActError::Unset(error.with_causes())),
    };
    if let Err(ActError::Write(error)) = played {
        return Err(Error::Write(error));
    }
    let mut report = Report::new(scenes, played.err());
    if let Ok(stage) = &stage {
        report.witnessed(stage, &told_at);
    }
    report.pictures = story.written();
    if let Some(destination) = destination {
        report.report = Some(destination.write(&page(&report))?);
    }
    story.end(&report)?;
    if let (Some(program), Ok(stage), true) = (&options.keep, &stage, report.all_observed) {
        let kept = keep::keep(stage, &options.policies, program, story.out(), &mut stop).await;
        kept.map_err(|error| Error::Keep(error.to_string()))?;
    }
    Ok(report)
}

/// The acts in their order. Each hands its scene to `tell` as soon as it is played.
async fn play(
    stage: &Stage,
    policies: &Policies,
    tell: &mut impl FnMut(Scene) -> Result<(), ActError>,
) -> Result<(), ActError> {
    let front = stage.open_front("default-deny", &policies.default_deny)?;
    let before = Metrics::fetch(front.admin).await;
    let met = meet(stage, &front, tell).await;
    if let (Ok(before), Ok(after)) = (before, Metrics::fetch(front.admin).await) {
        stage.witness.count(&before, &after);
    }
    // Vestibule is stopped whatever happened.
    let logged = front.end().await;
    let cast = met?;
    tell(acts::logs::play(stage, &cast, logged?, &policies.operations).await?)?;
    tell(acts::secrecy::play(stage))
}

/// The acts in which people meet each other, and Vestibule.
async fn meet(
    stage: &Stage,
    front: &Front,
    tell: &mut impl FnMut(Scene) -> Result<(), ActError>,
) -> Result<Cast, ActError> {
    let (scene, cast) = acts::enlisting::play(stage).await?;
    tell(scene)?;
    let (scene, mut pair) = acts::arrival::play(stage, front, &cast.alice).await?;
    tell(scene)?;
    tell(acts::conversation::play(stage, &mut pair).await?)?;
    tell(acts::encryption::play(stage, &mut pair).await?)?;
    let (scene, mut carol) = acts::own_words::play(stage, front, &cast.carol).await?;
    tell(scene)?;
    tell(acts::unwanted::honoured(&mut pair, &mut carol).await?)?;
    tell(acts::unwanted::ignored(stage, &mut pair).await?)?;
    tell(acts::group::play(stage, front, &cast, &mut pair, &mut carol).await?)?;
    tell(acts::media::play(stage, &cast.alice, &mut pair).await?)?;
    let (scene, pair) = acts::absence::play(stage, front, &cast.alice, pair).await?;
    tell(scene)?;
    let (scene, mut pair) = acts::resumption::play(front, &cast.alice, pair).await?;
    tell(scene)?;
    tell(acts::hostile::play(stage, front, &cast.mallory, &mut pair).await?)?;
    tell(acts::revocation::play(stage, front, &cast.carol, carol).await?)?;
    pair.close().await?;
    tell(acts::figures::play(stage, front).await?)?;
    front.note_pages().await?;
    Ok(cast)
}

impl Report {
    fn new(scenes: Vec<Scene>, stopped_by: Option<ActError>) -> Self {
        let found: Vec<&Finding> = scenes.iter().flat_map(|scene| &scene.findings).collect();
        let claims: Vec<Finding> = Claim::ALL
            .into_iter()
            .map(|claim| {
                let finding = found.iter().find(|finding| finding.claim == claim);
                finding.map_or_else(|| Finding::never_reached(claim), |finding| (*finding).clone())
            })
            .collect();
        let all_observed = stopped_by.is_none() && claims.iter().all(|finding| finding.observed);
        let stopped_by = stopped_by.map(|error| error.to_string());
        let now = OffsetDateTime::now_utc();
        let played_at = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default();
        let (logs, moved, report, pictures) = Default::default();
        Self { all_observed, claims, stopped_by, played_at, scenes, logs, moved, report, pictures }
    }

    /// Adds what was noted while the acts were played. `told_at` has the times at which each was over.
    fn witnessed(&mut self, stage: &Stage, told_at: &[Instant]) {
        for (scene, sequence) in self.scenes.iter_mut().zip(stage.witness.sequences(stage, told_at)) {
            scene.sequence = sequence;
        }
        self.logs = stage.witness.logs();
        self.moved = stage.witness.moved();
    }
}
