//! The sandbox's parties as they are started apart, with the shipped files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use vestibule::sandbox::config;
use vestibule::sandbox::provider;

use super::files;

const VESTIBULE: &str = env!("CARGO_BIN_EXE_vestibule");

/// The shipped files with certificates, and with free ports in the place of theirs.
fn shipped() -> TempDir {
    let folder = files::shipped();
    let sandbox = folder.path().join("config/sandbox");
    // Those that somebody made to try it were copied, too.
    let _ = fs::remove_dir_all(sandbox.join("tls"));
    let _ = fs::remove_file(sandbox.join("client.key"));
    assert!(vestibule(&["sandbox", "certificates"], &sandbox.join("tls")).status.success());
    for name in ["gatekeeper", "provider"] {
        let file = sandbox.join(format!("{name}.yaml"));
        let mut text = fs::read_to_string(&file).unwrap();
        for port in ["5224", "8443", "8444"] {
            text = text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0");
        }
        fs::write(&file, text).unwrap();
    }
    folder
}

fn vestibule(arguments: &[&str], last: &Path) -> Output {
    Command::new(VESTIBULE).args(arguments).arg(last).output().unwrap()
}

/// A party that serves.
struct Party(Child);

impl Party {
    /// Waits for as many lines, in which it says where.
    fn start(name: &str, config: &Path, lines: usize) -> (Self, Vec<String>) {
        let mut command = Command::new(VESTIBULE);
        let command = command.args(["sandbox", name, "--config"]).arg(config);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.lines().take(lines).map(Result::unwrap).collect();
        (Self(child), lines)
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn certificates_are_made_once_and_their_keys_are_for_this_user_only() {
    let folder = tempfile::tempdir().unwrap();
    let tls = folder.path().join("new/tls");
    let made = vestibule(&["sandbox", "certificates"], &tls);
    let listed = String::from_utf8(made.stdout).unwrap();
    assert_eq!(listed.lines().count(), 7, "{listed}");
    for file in listed.lines().map(Path::new) {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode == 0o600, file.extension().unwrap() == "key", "{}", file.display());
    }
    let roots = fs::read(tls.join("roots.pem")).unwrap();
    let again = vestibule(&["sandbox", "certificates"], &tls);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("roots.pem cannot be written"));
    assert_eq!(fs::read(tls.join("roots.pem")).unwrap(), roots);
}

#[test]
fn the_shipped_files_of_the_sandbox_go_together() {
    let folder = shipped();
    let file = |name: &str| folder.path().join(format!("config/sandbox/{name}.yaml"));
    let gatekeeper = config::load_gatekeeper(&file("gatekeeper")).unwrap_or_else(|error| panic!("{error}"));
    let provider = config::load_provider(&file("provider")).unwrap_or_else(|error| panic!("{error}"));
    let client = config::load_client(&file("client")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!([gatekeeper.warnings, provider.warnings, client.warnings], [vec![], vec![], vec![]]);
    let (gatekeeper, provider) = (gatekeeper.value.config, provider.value.config);
    assert_eq!(gatekeeper.providers[0].issuer, provider.issuer);
    assert_eq!(gatekeeper.providers[0].credential, provider.gatekeepers[0].credential);
    assert_eq!(gatekeeper.host, provider.gatekeepers[0].audience);
    let account = &client.value.account;
    let is_of_client = |known: &&provider::Account| known.visible_id == account.visible_id;
    let known = provider.accounts.iter().find(is_of_client).unwrap();
    assert_eq!(known.password, account.password);
    assert_eq!((&account.issuer, &client.value.gatekeeper.host), (&provider.issuer, &gatekeeper.host));
    assert!(vestibule(&["check", "--config"], &file("vestibule")).status.success());
}

#[test]
fn the_shipped_files_of_the_sandbox_are_right_by_the_printed_schemas() {
    let kinds = [
        ("sandbox-client", "client"),
        ("sandbox-gatekeeper", "gatekeeper"),
        ("sandbox-provider", "provider"),
        ("configuration", "vestibule"),
    ];
    for (kind, file) in kinds {
        let schema = vestibule(&["schema"], Path::new(kind)).stdout;
        let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
        let text = fs::read_to_string(files::root().join(format!("config/sandbox/{file}.yaml"))).unwrap();
        // `off` is a word in YAML 1.2.
        let options = serde_yaml::options! { strict_booleans: true };
        let document: serde_json::Value = serde_yaml::from_str_with_options(&text, options).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{file}");
        assert!(!validator.is_valid(&serde_json::json!({ "no such key": 1 })), "{kind}");
    }
}

#[test]
fn a_party_says_where_it_serves_and_ends_by_a_signal() {
    let folder = shipped();
    let file = |name: &str| folder.path().join(format!("config/sandbox/{name}.yaml"));
    for signal in [Signal::TERM, Signal::INT] {
        let (mut gatekeeper, lines) = Party::start("gatekeeper", &file("gatekeeper"), 2);
        assert!(lines[0].starts_with("streams on 127.0.0.1:"), "{lines:?}");
        assert!(lines[1].starts_with("the Enlistment API on https://127.0.0.1:"), "{lines:?}");
        assert_eq!(gatekeeper.end(signal), Some(0));
        let (mut provider, lines) = Party::start("provider", &file("provider"), 1);
        assert!(lines[0].starts_with("https://localhost:8443 on https://127.0.0.1:"), "{lines:?}");
        assert_eq!(provider.end(signal), Some(0));
    }
}

#[test]
fn a_party_whose_address_is_taken_says_so() {
    let folder = shipped();
    let file = folder.path().join("config/sandbox/provider.yaml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = fs::read_to_string(&file).unwrap().replace("127.0.0.1:0", &address);
    fs::write(&file, text).unwrap();
    let output = vestibule(&["sandbox", "provider", "--config"], &file);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("cannot listen on {address}")), "{told}");
}

#[test]
fn a_client_without_a_provider_says_so_and_keeps_its_key() {
    let folder = shipped();
    let sandbox = folder.path().join("config/sandbox");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = sandbox.join("client.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("8443", &free.to_string());
    fs::write(&file, text).unwrap();
    let keys = ["token", "client"].map(|command| {
        let output = vestibule(&["sandbox", command, "--config"], &file);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{told}");
        assert!(told.starts_with("vestibule: the provider: it cannot be reached"), "{told}");
        fs::read(sandbox.join("client.key")).unwrap()
    });
    assert_eq!(keys[0], keys[1]);
    let mode = fs::metadata(sandbox.join("client.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    fs::write(sandbox.join("client.key"), "no key").unwrap();
    let told = vestibule(&["sandbox", "token", "--config"], &file).stderr;
    assert!(String::from_utf8(told).unwrap().contains("no private key of Ed25519 or P-256"));
}
