//! The page's tables, in its order.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::super::{
    CertificateStatus, HostStatus, MetadataStatus, RateOutline, ShownTo, Status, Trouble, UpstreamStatus,
};
use super::table::{
    Column::{Number, Words},
    Table,
};
use super::words::{counted, grouped, span};
use crate::html::Html;

type Hosts = BTreeMap<String, HostStatus>;
type Upstreams = BTreeMap<String, UpstreamStatus>;

const PLAIN: &str = "<span>";
const WARN: &str = "<span class=\"warn\">";
const BAD: &str = "<span class=\"bad\">";

/// Days before a certificate's end from which on it is time, and high time, for the next.
const SOON: i64 = 21 * 86_400;
const VERY_SOON: i64 = 7 * 86_400;

pub(super) fn hosts(html: &mut Html, status: &Status) {
    let table = Table {
        heading: "Hosts",
        empty: "There are none.",
        columns: &[Words("Host"), Number("Sessions"), Words("Upstream"), Words("Server names")],
    };
    let configured = status.hosts.iter().map(|(name, host)| (name, &host.counts, Some(&host.configured)));
    let taken_out = status.hosts_taken_out.iter().map(|(name, counts)| (name, counts, None));
    table.write(html, configured.chain(taken_out), |row, (name, counts, configured)| {
        row.cell(name);
        row.cell(grouped(counts.sessions_open.unsigned_abs()));
        match configured {
            Some(configured) => {
                row.cell(&configured.upstream);
                row.cell(configured.server_names.join(", "));
            }
            None => {
                row.marked(WARN, "taken out");
                row.cell("–");
            }
        }
    });
}

pub(super) fn troubles(html: &mut Html, troubles: &[Trouble]) {
    let table = Table {
        heading: "Slowed, refused, lost",
        empty: "Nothing since the start.",
        columns: &[Words("What"), Words("Whose"), Words("Why"), Number("Count")],
    };
    table.write(html, troubles, |row, trouble| {
        row.cell(trouble.what);
        row.cell(trouble.whose.as_deref().unwrap_or("–"));
        row.cell(&trouble.why);
        row.cell(counted(trouble.count));
    });
}

pub(super) fn upstreams(html: &mut Html, upstreams: &Upstreams) {
    let table = Table {
        heading: "Upstreams",
        empty: "There are none.",
        columns: &[Words("Upstream"), Words("Endpoints"), Words("Addresses"), Words("Connecting now")],
    };
    table.write(html, upstreams, |row, (name, upstream)| {
        row.cell(name);
        row.cell(&upstream.endpoints);
        let (up, ejected) = (upstream.up, upstream.ejected);
        match (up, ejected) {
            (_, 0) => row.cell(format!("{up} up")),
            (0, _) => row.marked(BAD, format!("all {ejected} ejected")),
            _ => row.marked(WARN, format!("{up} up, {ejected} ejected")),
        }
        row.cell(format!("{} of {}", upstream.connecting, grouped(upstream.connecting_max as u64)));
    });
}

pub(super) fn addresses(html: &mut Html, upstreams: &Upstreams) {
    let table = Table {
        heading: "Addresses of endpoints",
        empty: "None is known yet: their names are looked up when the first client comes.",
        columns: &[Words("Upstream"), Words("Address"), Words("State")],
    };
    let rows =
        upstreams.iter().flat_map(|(name, upstream)| upstream.addresses.iter().map(move |it| (name, it)));
    table.write(html, rows, |row, (name, address)| {
        row.cell(name);
        row.code(&address.address);
        row.marked(if address.state == "up" { PLAIN } else { BAD }, address.state);
    });
}

pub(super) fn certificates(html: &mut Html, certificates: &[CertificateStatus]) {
    let table = Table {
        heading: "Certificates",
        empty: "There are none.",
        columns: &[Words("Shown to"), Words("Of"), Words("Server names"), Words("Ends"), Words("Left")],
    };
    table.write(html, certificates, |row, certificate| {
        row.cell(match certificate.shown_to {
            ShownTo::Clients => "clients",
            ShownTo::Gatekeeper => "the gatekeeper",
        });
        row.cell(&certificate.of);
        row.cell(if certificate.server_names.is_empty() {
            "–".to_owned()
        } else {
            certificate.server_names.join(", ")
        });
        row.cell(certificate.ends.as_deref().unwrap_or("unknown"));
        match certificate.ends_in_seconds {
            None => row.marked(WARN, "unknown"),
            Some(left) if left <= 0 => row.marked(BAD, "has ended"),
            Some(left) => row.marked(urgency(left), span(left.unsigned_abs())),
        }
    });
}

fn urgency(left: i64) -> &'static str {
    match left {
        ..VERY_SOON => BAD,
        VERY_SOON..SOON => WARN,
        SOON.. => PLAIN,
    }
}

pub(super) fn content_types(html: &mut Html, hosts: &Hosts) {
    let table = Table {
        heading: "Content types",
        empty: "No gatekeeper is told what clients can receive.",
        columns: &[Words("Host"), Words("Profiles"), Words("Told in"), Words("Dialect")],
    };
    let rows = hosts.iter().filter_map(|(name, host)| Some((name, host.configured.content_types.as_ref()?)));
    table.write(html, rows, |row, (name, policy)| {
        row.cell(name);
        row.cell(policy.profiles.join(", "));
        row.cell(policy.carriers.join(", "));
        row.code(&policy.dialect);
    });
}

pub(super) fn content(html: &mut Html, hosts: &Hosts) {
    let table = Table {
        heading: "Content",
        empty: "None was advertised or received yet.",
        columns: &[
            Words("Host"),
            Words("Class"),
            Number("Advertised"),
            Number("Received"),
            Number("Not advertised"),
            Number("Replaced"),
        ],
    };
    let rows = hosts.iter().flat_map(|(name, host)| host.counts.content.iter().map(move |it| (name, it)));
    table.write(html, rows, |row, (name, (class, status))| {
        row.cell(name);
        row.cell(class);
        row.cell(grouped(status.advertised.values().sum()));
        row.cell(grouped(status.received));
        row.cell(grouped(status.unadvertised));
        row.cell(grouped(status.replaced.values().sum()));
    });
}

pub(super) fn limits(html: &mut Html, hosts: &Hosts) {
    let table = Table {
        heading: "Limits",
        empty: "There are none.",
        columns: &[
            Words("Host"),
            Words("Connections of an address"),
            Words("Sessions of an account"),
            Words("A client"),
            Words("The gatekeeper"),
        ],
    };
    table.write(html, hosts, |row, (name, host)| {
        let limits = &host.configured.limits;
        row.cell(name);
        row.cell(grouped(limits.connections_per_address.into()));
        row.cell(grouped(limits.sessions_per_account.into()));
        row.cell(rate(limits.client_rate));
        row.cell(rate(limits.gatekeeper_rate));
    });
}

fn rate(rate: Option<RateOutline>) -> String {
    let Some(RateOutline { stanzas_per_second, kib_per_second }) = rate else { return "no rate".to_owned() };
    format!("{stanzas_per_second} stanzas/s, {kib_per_second} KiB/s")
}

pub(super) fn metadata(html: &mut Html, metadata: &MetadataStatus) {
    let table = Table { heading: "Metadata policy", empty: "", columns: &[Words("What"), Words("Which")] };
    let mut facts: Vec<(&'static str, &dyn Display)> =
        vec![("in force", &metadata.policy), ("since", &metadata.since)];
    facts.extend(metadata.shadow.iter().map(|digest| ("tried beside it", digest as &dyn Display)));
    facts.extend(metadata.audit_head.iter().map(|head| ("head of the audit log", head as &dyn Display)));
    table.write(html, facts, |row, (what, which)| {
        row.cell(what);
        row.code(which);
    });
    exceptions(html, metadata);
}

fn exceptions(html: &mut Html, metadata: &MetadataStatus) {
    let table = Table {
        heading: "Exceptions from the metadata policy",
        empty: "None is open.",
        columns: &[Words("Sink"), Words("Event"), Words("Fields"), Words("Reason"), Words("Ends in")],
    };
    table.write(html, &metadata.exceptions, |row, exception| {
        row.cell(exception.sink);
        row.cell(exception.event);
        row.cell(exception.fields.join(", "));
        row.cell(&exception.reason);
        row.marked(WARN, span(exception.ends_in));
    });
}
