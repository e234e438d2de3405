use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config::ConfigError;
use crate::policy::tests::unchecked_keywords;
use crate::policy::{self, Position};
use crate::sandbox::certificates::Authority;
use crate::sandbox::token::Algorithm;

const GATEKEEPER: &str = "\
host: gatekeeper.example
streams: { address: '127.0.0.1:5224', proxy_protocol: required }
api: { address: '127.0.0.1:8444' }
certificate: { chain: chain.pem, key: key.pem }
accounts:
  - { name: bob, password: secret-of-bob, contacts: [carol] }
  - { name: carol, password: secret-of-carol }
providers:
  - { issuer: 'https://provider.example', credential: secret-of-gatekeeper, roots: chain.pem, media: ['https://m.example:8443'] }
words: { content_types: 'urn:x-a', contents: 'urn:x-b' }
resumption: 1min
behaviour: { ignore_content_types: true }
operator: secret-of-operator
media: { networks: [127.0.0.0/8] }
";

const PROVIDER: &str = "\
issuer: https://provider.example
address: 127.0.0.1:8443
certificate: { chain: chain.pem, key: key.pem }
accounts:
  - { visible_id: alice@provider.example, password: secret-of-alice }
gatekeepers:
  - { audience: gatekeeper.example, credential: secret-of-gatekeeper }
algorithm: ES256
token_lifetime: 5min
rotation: 1h
operator: secret-of-operator
";

const CLIENT: &str = "\
provider: { issuer: 'https://provider.example', roots: chain.pem }
account: { visible_id: alice@provider.example, password: secret-of-alice }
gatekeeper: { host: gatekeeper.example, api: 'https://gatekeeper.example:8444/api', roots: chain.pem }
server: { address: 'interop.provider.example:5223', name: interop.provider.example, roots: chain.pem }
resource: desk
";

/// A folder with a certificate, the key of another one, and what is neither.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test").unwrap();
    let [identity, other] = [(); 2].map(|()| authority.issue(&["gatekeeper.example"]).unwrap());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("chain.pem", &identity.chain);
    write("key.pem", &identity.key);
    write("other-key.pem", &other.key);
    write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder
}

/// What is said of this text as a file of its kind, one line for each problem.
fn problems<T>(load: fn(&Path) -> Result<Loaded<T>, LoadError>, text: &str) -> String {
    let folder = folder();
    let file = folder.path().join("file.yaml");
    fs::write(&file, text).unwrap();
    let error = load(&file).err().map(|error| error.to_string()).unwrap_or_default();
    error.replace(&format!("{}:", file.display()), "")
}

/// What a gatekeeper's, a provider's and a client's file is told when one text in it is another: `(from, to, expected)`.
fn assert_told<T>(
    load: fn(&Path) -> Result<Loaded<T>, LoadError>,
    right: &str,
    cases: &[(&str, &str, &str)],
) {
    for (from, to, expected) in cases {
        assert!(right.contains(from), "{from}");
        assert_eq!(problems(load, &right.replacen(from, to, 1)), *expected, "{to}");
    }
}

const PASSWORD: &str = "a password of 1 to 320 characters should stand here";
const SECRET: &str = "a secret of 8 to 1024 letters, digits and `-._~+/` should stand here";
const URL: &str = "an https URL without a user, a query, a fragment and a slash at its end should stand here, such as `https://provider.example`";
const VISIBLE_ID: &str =
    "a visible identifier of at most 320 characters should stand here, such as `alice@provider.example`";
const TIME: &str = "a time from one second to thirty days should stand here";
const IDENTITY: &str = "the certificate and its key cannot be used by TLS, or do not belong together";
const ROOTS: &str = "no root certificate can be used";
const NAMESPACE: &str = "a namespace of 1 to 256 bytes should stand here, and none that XMPP has already";

#[test]
fn a_right_gatekeeper_is_as_it_was_written() {
    let folder = folder();
    let file = folder.path().join("file.yaml");
    fs::write(&file, GATEKEEPER).unwrap();
    let GatekeeperSetup { config, streams, api, .. } = load_gatekeeper(&file).ok().unwrap().value;
    assert_eq!((streams.port(), api.port()), (5224, 8444));
    assert_eq!((config.host.as_str(), config.proxy_protocol), ("gatekeeper.example", true));
    let accounts: Vec<_> =
        config.accounts.iter().map(|account| (&*account.name, &*account.contacts)).collect();
    assert_eq!(accounts, [("bob", &["carol".to_owned()][..]), ("carol", &[])]);
    assert_eq!(config.providers[0].issuer, "https://provider.example");
    let proxy = config.media.proxy;
    assert_eq!((proxy.origins.len(), proxy.origins[0].url.as_str()), (1, "https://m.example:8443"));
    assert_eq!(proxy.networks, ["127.0.0.0/8".parse().unwrap()]);
    assert_eq!((config.words.content_types.as_str(), config.words.contents.as_str()), ("urn:x-a", "urn:x-b"));
    assert_eq!(config.words.signals, "urn:x-vestibule:signals:0");
    assert_eq!(config.resumption, Duration::from_secs(60));
    assert!(config.behaviour.ignore_content_types && !config.transcripts);
    assert_eq!(config.operator.as_deref(), Some("secret-of-operator"));
}

#[test]
fn a_right_provider_is_as_it_was_written() {
    let folder = folder();
    let file = folder.path().join("file.yaml");
    fs::write(&file, PROVIDER).unwrap();
    let ProviderSetup { config, address, .. } = load_provider(&file).ok().unwrap().value;
    assert_eq!((config.issuer.as_str(), address.port()), ("https://provider.example", 8443));
    assert_eq!(config.accounts[0].visible_id, "alice@provider.example");
    assert_eq!(config.gatekeepers[0].audience, "gatekeeper.example");
    assert_eq!((config.algorithm, config.token_lifetime), (Algorithm::Es256, Duration::from_mins(5)));
    assert_eq!(config.rotation, Some(Duration::from_hours(1)));
    assert_eq!(config.operator.as_deref(), Some("secret-of-operator"));
}

#[test]
fn a_right_client_is_as_it_was_written() {
    let folder = folder();
    let file = folder.path().join("file.yaml");
    fs::write(&file, CLIENT).unwrap();
    let setup = load_client(&file).ok().unwrap().value;
    assert_eq!(setup.account.visible_id, "alice@provider.example");
    assert_eq!(setup.gatekeeper.api, "https://gatekeeper.example:8444/api");
    assert_eq!(
        (setup.server.address.host.as_str(), setup.server.address.port),
        ("interop.provider.example", 5223)
    );
    assert_eq!(setup.resource.as_deref(), Some("desk"));
    assert_eq!(setup.key_file, folder.path().join("file.key"));
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let folder = folder();
    let file = folder.path().join("file.yaml");
    let without = |text: &str, keys: &[&str]| -> String {
        let stays = |line: &&str| !keys.iter().any(|key| line.starts_with(key));
        text.lines().filter(stays).map(|line| format!("{line}\n")).collect()
    };
    fs::write(&file, without(GATEKEEPER, &["media"]).replace(", media: ['https://m.example:8443']", ""))
        .unwrap();
    let proxy = load_gatekeeper(&file).ok().unwrap().value.config.media.proxy;
    assert_eq!((proxy.origins[0].url.as_str(), proxy.networks), ("https://provider.example", vec![]));

    let left_out = ["accounts", "providers", "media", "  -", "words", "resumption", "behaviour", "operator"];
    fs::write(&file, without(GATEKEEPER, &left_out)).unwrap();
    let config = load_gatekeeper(&file).ok().unwrap().value.config;
    assert!(config.accounts.is_empty() && config.providers.is_empty() && config.operator.is_none());
    assert_eq!(config.resumption, Duration::from_mins(5));
    assert!(!config.behaviour.ignore_content_types);

    fs::write(&file, without(PROVIDER, &["algorithm", "token_lifetime", "rotation", "operator"])).unwrap();
    let config = load_provider(&file).ok().unwrap().value.config;
    assert_eq!((config.algorithm, config.token_lifetime), (Algorithm::EdDsa, Duration::from_hours(1)));
    assert!(config.rotation.is_none() && config.operator.is_none());

    fs::write(&file, without(CLIENT, &["resource"])).unwrap();
    assert!(load_client(&file).ok().unwrap().value.resource.is_none());
}

#[test]
fn everything_that_can_be_wrong_with_a_gatekeeper_is_told_with_its_place() {
    let unreadable = ConfigError::UnreadableReference(std::io::ErrorKind::NotFound);
    let spelt = "there is no account of this name; did you mean `carol`?";
    let same_address = SandboxConfigError::DuplicateAddress { other: Position { line: 2, column: 21 } };
    let stands = |line, column| SandboxConfigError::Duplicate { first: Position { line, column } };
    let long = format!("'{}'", "x".repeat(321));
    let cases: &[(&str, &str, &str)] = &[
        ("gatekeeper.example", "gate_keeper", "1:7: a domain name such as `chat.example` should stand here"),
        ("required", "on", "2:55: unknown value; right would be `off` or `required`"),
        ("8444", "5224", &format!("3:17: {same_address}")),
        ("chain.pem", "none.pem", &format!("4:23: {unreadable}")),
        ("chain.pem", "garbage.pem", &format!("4:23: {IDENTITY}")),
        ("chain.pem", "key.pem", &format!("4:23: {}", ConfigError::BadCertificateFile)),
        ("key.pem", "chain.pem", &format!("4:39: {}", ConfigError::BadKeyFile)),
        ("key.pem", "other-key.pem", &format!("4:23: {IDENTITY}")),
        ("name: bob", "name: b@b", "6:13: the local part of a JID should stand here, such as `bob`"),
        ("secret-of-bob", "''", &format!("6:28: {PASSWORD}")),
        ("secret-of-bob", &long, &format!("6:28: {PASSWORD}")),
        ("[carol]", "[carl]", &format!("6:54: {spelt}")),
        (
            "name: carol",
            "name: bob",
            &format!("6:54: there is no account of this name\n7:13: {}", stands(6, 13)),
        ),
        ("https:", "http:", &format!("9:15: {URL}")),
        ("provider.example'", "provider.example?a'", &format!("9:15: {URL}")),
        ("secret-of-gatekeeper", "short", &format!("9:55: {SECRET}")),
        ("secret-of-gatekeeper", "'with a space'", &format!("9:55: {SECRET}")),
        ("roots: chain.pem", "roots: garbage.pem", &format!("9:84: {ROOTS}")),
        ("urn:x-b", "urn:x-a", &format!("10:46: {}", stands(10, 25))),
        ("'urn:x-a'", "''", &format!("10:25: {NAMESPACE}")),
        ("urn:x-a", "jabber:client", &format!("10:25: {NAMESPACE}")),
        ("1min", "0s", &format!("11:13: {TIME}")),
        ("1min", "31d", &format!("11:13: {TIME}")),
        ("secret-of-operator", "secret-of-gatekeeper", &format!("13:11: {}", stands(9, 55))),
        ("operator", "operater", "13:1: unknown key; did you mean `operator`?"),
    ];
    assert_told(load_gatekeeper, GATEKEEPER, cases);
}

#[test]
fn everything_that_can_be_wrong_with_a_provider_is_told_with_its_place() {
    let stands = |line, column| SandboxConfigError::Duplicate { first: Position { line, column } };
    let twice =
        "{ visible_id: alice@provider.example, password: a }\n  - { visible_id: alice@provider.example";
    let again =
        "{ audience: gatekeeper.example, credential: secret-of-another }\n  - { audience: gatekeeper.example";
    let cases: &[(&str, &str, &str)] = &[
        ("https://provider.example", "provider.example", &format!("1:9: {URL}")),
        ("https://provider.example", "https://provider.example/", &format!("1:9: {URL}")),
        ("https://provider.example", "https://a:b@provider.example", &format!("1:9: {URL}")),
        ("https://provider.example", "https://provider.example?a", &format!("1:9: {URL}")),
        ("https://provider.example", "https://provider.example#a", &format!("1:9: {URL}")),
        ("key.pem", "other-key.pem", &format!("3:23: {IDENTITY}")),
        ("alice@", "", &format!("5:19: {VISIBLE_ID}")),
        ("alice@provider.example", "alice@provider.example/desk", &format!("5:19: {VISIBLE_ID}")),
        ("alice@provider.example", "\"al\\x01ice@provider.example\"", &format!("5:19: {VISIBLE_ID}")),
        ("secret-of-alice", "''", &format!("5:53: {PASSWORD}")),
        ("{ visible_id: alice@provider.example", twice, &format!("6:19: {}", stands(5, 19))),
        ("{ audience: gatekeeper.example", again, &format!("8:17: {}", stands(7, 17))),
        ("secret-of-gatekeeper", "short", &format!("7:49: {SECRET}")),
        ("ES256", "RS256", "8:12: unknown value; did you mean `ES256`?"),
        ("5min", "999ms", &format!("9:17: {TIME}")),
        ("1h", "0s", &format!("10:11: {TIME}")),
        ("secret-of-operator", "secret-of-gatekeeper", &format!("11:11: {}", stands(7, 49))),
    ];
    assert_told(load_provider, PROVIDER, cases);
}

#[test]
fn everything_that_can_be_wrong_with_a_client_is_told_with_its_place() {
    let resource = "a resource of 1 to 1023 bytes should stand here";
    let cases: &[(&str, &str, &str)] = &[
        ("https://provider.example", "ftp://provider.example", &format!("1:21: {URL}")),
        ("chain.pem", "garbage.pem", &format!("1:56: {ROOTS}")),
        ("alice@", "", &format!("2:24: {VISIBLE_ID}")),
        ("secret-of-alice", "''", &format!("2:58: {PASSWORD}")),
        (":8444/api", ":8444/api#here", &format!("3:46: {URL}")),
        (
            "5223'",
            "0'",
            "4:20: a host and a port, such as `chat.example:5223` or `[2001:db8::1]:5223`, should stand here",
        ),
        ("desk", "''", &format!("5:11: {resource}")),
        ("desk", r#""\x1b""#, &format!("5:11: {resource}")),
    ];
    assert_told(load_client, CLIENT, cases);
}

#[test]
fn all_problems_are_told_at_once_and_no_secret_with_them() {
    let text = GATEKEEPER
        .replace("chain.pem, key: key.pem", "secret-of-bob, key: secret-of-bob")
        .replace("roots: chain.pem", "roots: secret-of-gatekeeper")
        .replace("secret-of-operator", "'of an operator'")
        .replace("password: secret-of-carol", "password: [secret-of-carol]")
        .replace("required", "secret-of-alice");
    let told = problems(load_gatekeeper, &text);
    let places: Vec<&str> = told.lines().filter_map(|line| line.split_once(": ")).map(|(at, _)| at).collect();
    assert_eq!(places, ["2:55", "4:23", "4:43", "7:30", "9:84", "13:11"], "{told}");
    assert!(!told.contains("of an operator") && !told.contains("secret-of"), "{told}");
}

#[test]
fn the_check_looks_at_every_keyword() {
    fn unchecked<D: PolicyDocument>() -> Vec<String> {
        unchecked_keywords(&policy::schema::<D>())
    }
    assert_eq!(unchecked::<GatekeeperDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<ProviderDocument>(), Vec::<String>::new());
    assert_eq!(unchecked::<ClientDocument>(), Vec::<String>::new());
}
