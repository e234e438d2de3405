//! What the configuration in force says and knows, asked for each scrape: what is not in force any more is not shown.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::Registry;
use prometheus::proto::MetricFamily;

use super::families::InForceFamilies;
use super::labels::{EndpointState, Label};
use super::{MetricsError, saturating};
use crate::upstream::GatekeeperCounts;

/// Upstreams and certificates, by their configured names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// How full each upstream is, and how its endpoint addresses fare.
    pub upstreams: BTreeMap<String, GatekeeperCounts>,
    /// When each host's certificate ends.
    pub host_certificates: BTreeMap<String, SystemTime>,
    /// When the certificates end that upstreams are shown.
    pub client_certificates: BTreeMap<String, SystemTime>,
}

/// Asked for each scrape.
pub(super) type AskInForce = dyn Fn() -> InForce + Send + Sync;

impl InForce {
    pub(super) fn gather(&self) -> Result<Vec<MetricFamily>, MetricsError> {
        let registry = Registry::new();
        let families = InForceFamilies::register(&registry)?;
        for (name, counts) in &self.upstreams {
            let GatekeeperCounts { health, connecting, most_connecting } = counts;
            for (state, count) in [(EndpointState::Up, health.up), (EndpointState::Ejected, health.ejected)] {
                families.endpoints.with_label_values(&[name, state.name()]).set(saturating(count));
            }
            families.ejections.with_label_values(&[name]).inc_by(health.ejections);
            families.connecting.with_label_values(&[name]).set(saturating(*connecting));
            families.most_connecting.with_label_values(&[name]).set(saturating(*most_connecting));
        }
        for (host, end) in &self.host_certificates {
            families.host_certificates.with_label_values(&[host]).set(timestamp(*end));
        }
        for (upstream, end) in &self.client_certificates {
            families.client_certificates.with_label_values(&[upstream]).set(timestamp(*end));
        }
        Ok(registry.gather())
    }
}

/// Whole seconds since 1970.
pub(super) fn timestamp(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
