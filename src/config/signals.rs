//! What an upstream is told of clients' connections, held against what it needs: a private network for headers, a
//! namespace of its own for the element, and a metadata policy that lets anything out.

use super::document::{self, UpstreamDocument};
use super::files::Files;
use super::{ConfigDocument, ConfigError, ConfigWarning, Host};
use crate::disclosure::{Action, DisclosurePolicy, Event, Field, SinkName};
use crate::framing;
use crate::policy::in_order;
use crate::stanza::namespace;
use crate::upstream::{SignalCarrier, Signals};

pub(super) fn signals(files: &mut Files, document: &UpstreamDocument) -> Option<Signals> {
    let carrier = carrier(document.signals.value);
    if carrier.is_header() && document.network == document::UpstreamNetwork::Public {
        files.problem(document.signals.at, &ConfigError::HeaderInPublic);
    }
    let own = &document.signals_namespace;
    if !framing::is_namespace(&own.value) || namespace::is_known(&own.value) {
        files.problem(own.at, &ConfigError::SignalsNamespace);
        return None;
    }
    Some(Signals { carrier, namespace: own.value.as_str().into() })
}

fn carrier(word: document::Signals) -> SignalCarrier {
    match word {
        document::Signals::Off => SignalCarrier::Off,
        document::Signals::Element => SignalCarrier::Element,
        document::Signals::ProxyV1 => SignalCarrier::ProxyV1,
        document::Signals::ProxyV2 => SignalCarrier::ProxyV2,
    }
}

/// What only the hosts and the metadata policy tell.
pub(super) fn check(
    files: &mut Files,
    document: &ConfigDocument,
    hosts: &[Host],
    metadata: &DisclosurePolicy,
) {
    for ((_, document), host) in in_order(&document.hosts.value).into_iter().zip(hosts) {
        let own = &host.upstream.signals.namespace;
        let dialect = host.content_types.as_ref().map(|policy| &policy.dialect);
        if dialect.is_some_and(|dialect| dialect.reads_in(|namespace| namespace == &**own)) {
            files.problem(document.upstream.at, &ConfigError::SignalsNamespaceOfContent);
        }
    }
    for (name, upstream) in in_order(&document.upstreams) {
        if let Some(warning) = vain(carrier(upstream.signals.value), metadata) {
            files.warning(name.at, &warning);
        }
    }
}

/// What stands in the way of telling anything.
fn vain(carrier: SignalCarrier, metadata: &DisclosurePolicy) -> Option<ConfigWarning> {
    let rule = metadata.rule(SinkName::Gatekeeper, Event::Connection);
    let mut fields = rule.into_iter().flat_map(|rule| rule.actions());
    match carrier {
        SignalCarrier::Off => None,
        SignalCarrier::Element => fields.next().is_none().then_some(ConfigWarning::NothingToSignal),
        SignalCarrier::ProxyV1 | SignalCarrier::ProxyV2 => {
            let is_whole =
                |(field, action): (Field, &Action)| field == Field::ClientAddress && *action == Action::Keep;
            (!fields.any(is_whole)).then_some(ConfigWarning::AddressNotWhole)
        }
    }
}
