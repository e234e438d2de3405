//! What the provider's operators see while all this happens: figures, and nobody's name.

use crate::sandbox::demo::ActError;
use crate::sandbox::demo::claim::{Claim, Finding};
use crate::sandbox::demo::metrics::{Metrics, SESSIONS_ENDED};
use crate::sandbox::demo::people::{BOB, PROVIDER_USERS};
use crate::sandbox::demo::scene::Scene;
use crate::sandbox::demo::stage::{Front, Stage};
use crate::sandbox::gatekeeper::SessionRecord;

/// The families that are shown; `/metrics` has more.
const SHOWN: [&str; 8] = [
    "vestibule_connections_accepted_total",
    "vestibule_sessions_open",
    SESSIONS_ENDED,
    "vestibule_relayed_stanzas_total",
    "vestibule_frames_edited_total",
    "vestibule_content_replaced_total",
    "vestibule_gate_refusals_total",
    "vestibule_stream_errors_sent_total",
];

pub async fn play(stage: &Stage, front: &Front) -> Result<Scene, ActError> {
    let sessions = through_vestibule(stage) as u64;
    let metrics = Metrics::settled(front.admin, sessions).await?;
    let shown = metrics.iter().filter(|(series, _)| SHOWN.iter().any(|family| series.starts_with(family)));
    Ok(Scene {
        title: "What operators see",
        explanation: "Prometheus reads these figures from /metrics. Their labels come from closed lists, so that no \
                      account, no address and no content can get into them.",
        metrics: shown.map(|(series, value)| (series.to_owned(), value)).collect(),
        findings: vec![counted(&metrics, sessions)],
        ..Scene::default()
    })
}

/// All but Bob's, who is connected to the gatekeeper directly.
pub fn through_vestibule(stage: &Stage) -> usize {
    let of_bob = |session: &&SessionRecord| session.account.as_deref() == Some(BOB.account);
    let sessions = stage.gatekeeper.sessions();
    sessions.len() - sessions.iter().filter(of_bob).count()
}

fn counted(metrics: &Metrics, sessions: u64) -> Finding {
    let ended = metrics.count(SESSIONS_ENDED);
    let open = metrics.count("vestibule_sessions_open");
    let refused = metrics.count("vestibule_gate_refusals_total");
    let names = PROVIDER_USERS.iter().flat_map(|user| [user.visible_id, user.resource]);
    let named = metrics.iter().any(|(series, _)| names.clone().any(|name| series.contains(name)));
    let observed = ended == sessions && open == 0 && refused == 1 && !named;
    let detail = format!(
        "{sessions} sessions at the gatekeeper; counted: {ended} ended, {open} open, {refused} refused by the gate"
    );
    Finding::new(Claim::SessionsCounted, observed, detail)
}
