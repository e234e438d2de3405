//! What a gatekeeper's configuration means.

use std::net::SocketAddr;

use super::SandboxConfigError;
use super::checks::Checks;
use super::document::{
    AccountDocument, GatekeeperDocument, ProviderAccessDocument, ProxyProtocol, WordsDocument,
};
use crate::policy::{Located, Problem};
use crate::sandbox::certificates::Identity;
use crate::sandbox::gatekeeper::{
    Account, Behaviour, Config, MediaConfig, MediaOrigin, MediaProxyConfig, ProviderConfig, Words,
};
use crate::stanza::namespace;

const LONGEST_NAMESPACE: usize = 256;

/// A gatekeeper that can be started.
pub struct GatekeeperSetup {
    pub config: Config,
    /// Where streams are served.
    pub streams: SocketAddr,
    /// Where the Enlistment API is served.
    pub api: SocketAddr,
    pub identity: Identity,
}

pub(super) fn build(checks: &mut Checks, document: GatekeeperDocument) -> Option<GatekeeperSetup> {
    let (streams, api) = (document.streams.address, document.api.address);
    // Port 0 is any free port, and so another one each time.
    if streams.value == api.value && api.value.0.port() != 0 {
        checks.problem(api.at, SandboxConfigError::DuplicateAddress { other: streams.at });
    }
    let identity = checks.identity(&document.certificate);
    let accounts = accounts(checks, document.accounts);
    // A credential tells who is calling.
    let credentials = document.providers.iter().map(|provider| &provider.credential);
    checks.distinct(credentials.chain(&document.operator));
    let (providers, origins) = providers(checks, document.providers).unzip();
    let networks = document.media.networks.into_iter().map(|network| network.value.0).collect();
    let proxy =
        MediaProxyConfig { origins: origins.unwrap_or_default(), networks, ..MediaProxyConfig::default() };
    let config = Config {
        accounts,
        words: words(checks, document.words),
        proxy_protocol: document.streams.proxy_protocol == ProxyProtocol::Required,
        resumption: checks.time(&document.resumption),
        behaviour: Behaviour { ignore_content_types: document.behaviour.ignore_content_types },
        operator: document.operator.map(|secret| checks.secret(secret)),
        transcripts: false,
        media: MediaConfig { proxy, ..MediaConfig::default() },
        providers: providers?,
        ..Config::new(document.host.as_str())
    };
    Some(GatekeeperSetup { config, streams: streams.value.0, api: api.value.0, identity: identity? })
}

fn accounts(checks: &mut Checks, documents: Vec<AccountDocument>) -> Vec<Account> {
    checks.distinct(documents.iter().map(|account| &account.name));
    let names: Vec<String> = documents.iter().map(|account| account.name.value.clone()).collect();
    let mut accounts = Vec::new();
    for AccountDocument { name, password, contacts } in documents {
        for contact in contacts.iter().filter(|contact| !names.contains(&contact.value)) {
            let known = names.iter().map(String::as_str);
            let problem = Problem::unknown_reference(contact.at, &contact.value, "account", known);
            checks.files.report(problem);
        }
        accounts.push(Account {
            name: checks.local_part(name),
            password: checks.password(password),
            contacts: contacts.into_iter().map(|contact| contact.value).collect(),
        });
    }
    accounts
}

/// The agreements, and where those whom they are with have their media.
fn providers(
    checks: &mut Checks,
    documents: Vec<ProviderAccessDocument>,
) -> Option<(Vec<ProviderConfig>, Vec<MediaOrigin>)> {
    checks.distinct(documents.iter().map(|provider| &provider.issuer));
    let (mut providers, mut origins, mut are_right) = (Vec::new(), Vec::new(), true);
    for ProviderAccessDocument { issuer, credential, roots, media } in documents {
        let media: Vec<_> = media.into_iter().map(|origin| checks.url(origin)).collect();
        let (issuer, credential) = (checks.url(issuer), checks.secret(credential));
        let Some(tls) = checks.trusting(&roots) else {
            are_right = false;
            continue;
        };
        let urls = if media.is_empty() { vec![issuer.clone()] } else { media };
        origins.extend(urls.into_iter().map(|url| MediaOrigin { url, tls: tls.clone() }));
        providers.push(ProviderConfig { issuer, credential, tls });
    }
    are_right.then_some((providers, origins))
}

fn words(checks: &mut Checks, document: WordsDocument) -> Words {
    let WordsDocument { content_types, contents, signals } = document;
    checks.distinct([&content_types, &contents, &signals].into_iter().flatten());
    let default = Words::default();
    let mut word = |written: Option<Located<String>>, default| match written {
        Some(word) => {
            checks.text(word, is_namespace, SandboxConfigError::Namespace { most: LONGEST_NAMESPACE })
        }
        None => default,
    };
    Words {
        content_types: word(content_types, default.content_types),
        contents: word(contents, default.contents),
        signals: word(signals, default.signals),
    }
}

fn is_namespace(text: &str) -> bool {
    (1..=LONGEST_NAMESPACE).contains(&text.len())
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
        && !namespace::is_known(text)
}
