//! What was slowed, refused, lost or left out since the process started, by reason.

use serde::{Serialize, Serializer};

use crate::telemetry::metrics::{Count, Snapshot};

/// Some of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trouble {
    pub what: &'static str,
    /// The host or the side, where it is known.
    pub whose: Option<String>,
    pub why: String,
    #[serde(serialize_with = "serialize_count")]
    pub count: f64,
}

/// Counts are whole, and written so; only seconds have parts.
fn serialize_count<S: Serializer>(count: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if count.fract() == 0.0 {
        serializer.serialize_u64(*count as u64)
    } else {
        serializer.serialize_f64(*count)
    }
}

/// A metric whose counts are troubles.
struct Source {
    what: &'static str,
    metric: &'static str,
    /// The label that tells whose it is.
    whose: Option<&'static str>,
    /// The labels that tell why.
    why: &'static [&'static str],
    /// Why, where no label tells it.
    always: &'static str,
    /// The words of the last one of these that are no trouble.
    fine: &'static [&'static str],
}

const SOURCES: [Source; 14] = [
    of("seconds held back", "vestibule_throttled_seconds_total", Some("host"), &["direction", "limit"]),
    of("connections refused", "vestibule_connections_refused_total", None, &["reason"]),
    Source {
        fine: &["completed"],
        ..of("TLS handshakes without success", "vestibule_tls_handshakes_total", None, &["result"])
    },
    Source {
        fine: &["closed", "client-lost", "shutdown"],
        ..of("sessions ended", "vestibule_sessions_ended_total", Some("host"), &["reason"])
    },
    of("streams ended by limits", "vestibule_limit_refusals_total", None, &["reason"]),
    of("streams refused by the gate", "vestibule_gate_refusals_total", Some("side"), &["kind"]),
    of("stream errors sent", "vestibule_stream_errors_sent_total", Some("side"), &["condition"]),
    Source {
        fine: &["completed"],
        ..of("connects to gatekeepers failed", "vestibule_upstream_connects_total", Some("host"), &["result"])
    },
    of(
        "contents replaced",
        "vestibule_content_replaced_total",
        Some("host"),
        &["class", "conversation", "by"],
    ),
    Source {
        always: "too large",
        ..of("edits left out", "vestibule_edits_skipped_total", Some("host"), &[])
    },
    Source { fine: &["accepted"], ..of("reloads", "vestibule_reloads_total", None, &["result"]) },
    of("lines of the access log lost", "vestibule_access_log_lines_lost_total", None, &["reason"]),
    of("lines of the audit log lost", "vestibule_audit_log_lines_lost_total", None, &["reason"]),
    Source {
        always: "queue full",
        ..of("lines of the process's own log lost", "vestibule_diagnostics_lines_lost_total", None, &[])
    },
];

const fn of(
    what: &'static str,
    metric: &'static str,
    whose: Option<&'static str>,
    why: &'static [&'static str],
) -> Source {
    Source { what, metric, whose, why, always: "", fine: &[] }
}

/// All of them, in the order above.
pub fn troubles(snapshot: &Snapshot) -> Vec<Trouble> {
    SOURCES.iter().flat_map(|source| source.troubles(snapshot)).collect()
}

impl Source {
    fn troubles(&self, snapshot: &Snapshot) -> impl Iterator<Item = Trouble> {
        let counts = snapshot.of_metric(self.metric);
        counts.filter(|count| !self.is_fine(count)).map(|count| self.trouble(count))
    }

    fn is_fine(&self, count: &Count) -> bool {
        self.why.last().is_some_and(|label| self.fine.contains(&count.label(label)))
    }

    fn trouble(&self, count: &Count) -> Trouble {
        let why: Vec<&str> = self.why.iter().map(|label| count.label(label)).collect();
        let whose = self.whose.map(|label| count.label(label).to_owned());
        let why = if why.is_empty() { self.always.to_owned() } else { why.join(" ").replace('_', " ") };
        Trouble { what: self.what, whose, why, count: count.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its tables list exactly the metrics that there are.
    const METRICS: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn whatever_counts_refusals_and_losses_is_a_source_of_troubles() {
        let names = METRICS.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let troubles: Vec<&str> = names
            .filter(|name| ["_lost_", "_refused_", "_refusals_"].iter().any(|it| name.contains(it)))
            .collect();
        assert!(troubles.len() >= 6, "{troubles:?}");
        for metric in troubles {
            assert!(SOURCES.iter().any(|source| source.metric == metric), "{metric}");
        }
    }

    #[test]
    fn a_count_is_written_as_a_whole_number_and_seconds_with_their_parts() {
        let count = |count| {
            let trouble =
                Trouble { what: "connections refused", whose: None, why: "capacity".to_owned(), count };
            serde_json::to_value(trouble).unwrap()["count"].to_string()
        };
        assert_eq!([count(4.0), count(0.5)], ["4", "0.5"]);
    }

    #[test]
    fn every_source_tells_why() {
        for source in &SOURCES {
            assert_eq!(source.why.is_empty(), !source.always.is_empty(), "{}", source.metric);
        }
    }
}
