//! The sandbox's parties as they are started apart, with the shipped files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use vestibule::sandbox::client::{Client, ClientError, Credentials, Mechanism, Server};
use vestibule::sandbox::config;
use vestibule::sandbox::provider;
use vestibule::stanza::namespace::CLIENT;

use crate::files;

const VESTIBULE: &str = env!("CARGO_BIN_EXE_vestibule");

/// A party that says nothing for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// The shipped files with certificates, and with free ports in the place of theirs.
fn shipped() -> TempDir {
    let folder = files::shipped();
    let sandbox = folder.path().join("config/sandbox");
    // Those that somebody made to try it were copied, too.
    let _ = fs::remove_dir_all(sandbox.join("tls"));
    for name in ["client.key", "client.device"] {
        let _ = fs::remove_file(sandbox.join(name));
    }
    assert!(vestibule(&["sandbox", "certificates"], &sandbox.join("tls")).status.success());
    // All are held until all are known, so that no two are the same.
    let listeners = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let free = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
    for name in ["gatekeeper", "provider", "client", "vestibule"] {
        let file = sandbox.join(format!("{name}.yaml"));
        let mut text = fs::read_to_string(&file).unwrap();
        for (port, free) in ["5223", "5224", "8443", "8444", "9464"].into_iter().zip(free) {
            text = text.replace(&format!(":{port}"), &format!(":{free}"));
        }
        fs::write(&file, text).unwrap();
    }
    folder
}

fn file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(format!("config/sandbox/{name}.yaml"))
}

fn vestibule(arguments: &[&str], last: &Path) -> Output {
    Command::new(VESTIBULE).args(arguments).arg(last).output().unwrap()
}

/// A party that is running, and the lines that it writes.
struct Party {
    child: Child,
    lines: Receiver<String>,
}

impl Party {
    fn start(arguments: &[&str], config: &Path) -> Self {
        let mut command = Command::new(VESTIBULE);
        let command = command.args(arguments).arg("--config").arg(config);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::sync_channel(1024);
        read_lines(child.stdout.take().unwrap(), sender.clone());
        read_lines(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// The next line with this in it.
    fn line(&self, part: &str) -> String {
        let mut others = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => others.push(line),
                Err(_) => panic!("{part:?} should come, and not {others:#?}"),
            }
        }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(from: impl Read + Send + 'static, to: SyncSender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
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
    let gatekeeper =
        config::load_gatekeeper(&file(&folder, "gatekeeper")).unwrap_or_else(|error| panic!("{error}"));
    let provider =
        config::load_provider(&file(&folder, "provider")).unwrap_or_else(|error| panic!("{error}"));
    let client = config::load_client(&file(&folder, "client")).unwrap_or_else(|error| panic!("{error}"));
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
    assert!(vestibule(&["check", "--config"], &file(&folder, "vestibule")).status.success());
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
    for (signal, end) in
        [(Signal::TERM, "by SIGTERM"), (Signal::INT, "by SIGINT"), (Signal::HUP, "by SIGHUP")]
    {
        let mut gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
        gatekeeper.line("streams on 127.0.0.1:");
        gatekeeper.line("the Enlistment API on https://127.0.0.1:");
        assert_eq!(gatekeeper.end(signal), Some(0));
        gatekeeper.line(end);
        let mut provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
        provider.line(" on https://127.0.0.1:");
        assert_eq!(provider.end(signal), Some(0));
        provider.line(end);
    }
}

/// As docs/interop.md has it.
#[test]
fn two_users_of_the_provider_write_to_each_other() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    let gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
    let vestibule = Party::start(&["run"], &file(&folder, "vestibule"));
    provider.line(" on https://127.0.0.1:");
    gatekeeper.line("the Enlistment API on https://127.0.0.1:");
    vestibule.line("listening");
    let text = fs::read_to_string(file(&folder, "client")).unwrap();
    fs::write(file(&folder, "amir"), text.replace("alice", "amir")).unwrap();
    let amir = Party::start(&["sandbox", "client"], &file(&folder, "amir"));
    let connected = amir.line("* connected as ");
    let (address, _) = connected.trim_start_matches("* connected as ").split_once('/').unwrap();
    let device = amir.line("* this device is ");
    let mut alice = Party::start(&["sandbox", "client", "--to", address], &file(&folder, "client"));
    alice.line("* connected as ");
    alice.type_line("Are you there?");
    assert!(amir.line("<encrypted ").starts_with("< <message "), "it comes to Amir");
    assert!(amir.line(": Are you there?").starts_with("= "), "he can read it");
    assert!(alice.line(" (has 1)").starts_with(&format!("= {address}")), "and she is told");

    drop(amir);
    let amir = Party::start(&["sandbox", "client"], &file(&folder, "amir"));
    assert_eq!(amir.line("* this device is "), device);
    alice.type_line("Are you there again?");
    assert!(
        amir.line(": Are you there again?").starts_with("= "),
        "his device is the same, and so are its sessions"
    );
    let kept = fs::metadata(folder.path().join("config/sandbox/amir.device")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);

    // Another identity under the name of his device.
    drop(amir);
    let saved = folder.path().join("config/sandbox/amir.device");
    let name = |text: &str| text.split("\"id\":\"").nth(1).unwrap()[..16].to_owned();
    let former = name(&fs::read_to_string(&saved).unwrap());
    fs::remove_file(&saved).unwrap();
    let amir = Party::start(&["sandbox", "client"], &file(&folder, "amir"));
    amir.line("* this device is ");
    drop(amir);
    let other = fs::read_to_string(&saved).unwrap();
    fs::write(&saved, other.replace(&name(&other), &former)).unwrap();
    let amir = Party::start(&["sandbox", "client"], &file(&folder, "amir"));
    let device = amir.line("* this device is ");
    alice.type_line("Is it you?");
    alice.line("! it is not sent: a device has another identity key than before");
    drop(alice);
    let arguments = ["sandbox", "client", "--to", address, "--trust", address];
    let mut alice = Party::start(&arguments, &file(&folder, "client"));
    let trusted = alice.line(" is trusted with ");
    assert_eq!(trusted.split(" with ").nth(1), device.split(" is ").nth(1));
    alice.type_line("So it is you");
    amir.line(": So it is you");
}

/// As docs/interop.md has it: the build that they say they are is one that has groups.
#[test]
fn a_group_is_opened_joined_and_written_to_from_terminals() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    let gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
    let vestibule = Party::start(&["run"], &file(&folder, "vestibule"));
    provider.line(" on https://127.0.0.1:");
    gatekeeper.line("the Enlistment API on https://127.0.0.1:");
    vestibule.line("listening");
    let text = fs::read_to_string(file(&folder, "client")).unwrap();
    let text = text.replace("resource: desk", "resource: app-3.2");
    fs::write(file(&folder, "client"), &text).unwrap();
    fs::write(file(&folder, "amir"), text.replace("alice", "amir")).unwrap();
    let mut amir = Party::start(&["sandbox", "client"], &file(&folder, "amir"));
    let connected = amir.line("* connected as ");
    let (address, _) = connected.trim_start_matches("* connected as ").split_once('/').unwrap();
    let mut alice = Party::start(&["sandbox", "client"], &file(&folder, "client"));
    alice.line("* connected as ");
    alice.type_line("/create The kitchen");
    let created = alice.line("standing='member'");
    let group = created.split("jid='").nth(1).unwrap().split('\'').next().unwrap();
    alice.type_line(&format!("/invite {group} {address}"));
    amir.line("<invitation");
    amir.type_line(&format!("/join {group}"));
    alice.line("<joined");
    alice.type_line(&format!("{group} Dinner is ready"));
    let heard = amir.line("<body>Dinner is ready");
    assert!(heard.contains("type='groupchat'") && heard.contains(&format!("from='{group}/")), "{heard}");
    amir.type_line("/join nobody");
    amir.line("! behind that stands a group's address");
}

#[test]
fn what_the_environment_says_of_proxies_is_not_for_the_parties() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    let gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
    provider.line(" on https://127.0.0.1:");
    gatekeeper.line("the Enlistment API on https://127.0.0.1:");
    // Nobody listens on the port of discarding.
    let proxied =
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, "http://127.0.0.1:9"));
    let output = Command::new(VESTIBULE)
        .args(["sandbox", "token", "--config"])
        .arg(file(&folder, "client"))
        .envs(proxied)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_party_whose_address_is_taken_says_so() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    provider.line(" on https://127.0.0.1:");
    let output = vestibule(&["sandbox", "provider", "--config"], &file(&folder, "provider"));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cannot listen on 127.0.0.1:"), "{told}");
    assert_eq!(told.matches("(os error").count(), 1, "{told}");
}

#[test]
fn a_client_without_a_provider_says_so_and_keeps_its_key() {
    let folder = shipped();
    let key = folder.path().join("config/sandbox/client.key");
    let keys = ["token", "client"].map(|command| {
        let output = vestibule(&["sandbox", command, "--config"], &file(&folder, "client"));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{told}");
        assert!(told.starts_with("vestibule: the provider: it cannot be reached"), "{told}");
        fs::read(&key).unwrap()
    });
    assert_eq!(keys[0], keys[1]);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&key).unwrap();
    std::os::unix::fs::symlink("nowhere", &key).unwrap();
    let told = vestibule(&["sandbox", "token", "--config"], &file(&folder, "client")).stderr;
    let expected =
        "vestibule: the file of the client's key cannot be used: it is a link to what is not there\n";
    assert_eq!(String::from_utf8(told).unwrap(), expected);
    fs::remove_file(&key).unwrap();
    fs::write(&key, "no key").unwrap();
    let told = vestibule(&["sandbox", "token", "--config"], &file(&folder, "client")).stderr;
    assert!(String::from_utf8(told).unwrap().contains("no private key of Ed25519 or P-256"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_gatekeeper_that_is_ended_tells_its_clients() {
    let folder = shipped();
    for signal in [Signal::TERM, Signal::HUP] {
        let mut gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
        let streams = gatekeeper.line("streams on ");
        let mut bob = bob(&folder, streams.trim_start_matches("streams on ")).await;
        assert_eq!(gatekeeper.end(signal), Some(0));
        let told = bob.receive_where(|element| element.is(CLIENT, "message")).await.err().unwrap();
        assert_eq!(told, ClientError::StreamError("system-shutdown".to_owned()));
    }
}

#[test]
fn a_configuration_that_is_no_file_or_far_too_large_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    for (file, reason) in [
        (pipe.as_path(), "it is a pipe, a device or a socket"),
        (Path::new("/dev/zero"), "it is a pipe, a device or a socket"),
        (&large, "it has more than 16 MiB"),
        (folder.path(), "it is a folder"),
    ] {
        for party in ["gatekeeper", "provider", "client", "token"] {
            let output = vestibule(&["sandbox", party, "--config"], file);
            assert_eq!(output.status.code(), Some(1));
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.ends_with(&format!(":1:1: the file cannot be read: {reason}\n")), "{told}");
        }
    }
}

/// The shipped files in one go: a provider, a gatekeeper, Vestibule between it and a client.
#[test]
fn a_client_chats_through_vestibule_and_resumes_when_it_is_killed() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    let gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
    provider.line(" on https://127.0.0.1:");
    let streams = gatekeeper.line("streams on ");
    let mut front = Party::start(&["run"], &file(&folder, "vestibule"));
    front.line("listening");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut bob = runtime.block_on(bob(&folder, streams.trim_start_matches("streams on ")));

    // Bob's client knows nothing of the encryption.
    let mut client = Party::start(&["sandbox", "client"], &file(&folder, "client"));
    client.line("* this device is ");
    client.type_line("bob@gatekeeper.example one");
    client.line(
        "! it is not sent: the account has no device that can read it; --clear writes without encryption",
    );
    drop(client);

    let mut client = Party::start(&["sandbox", "client", "--clear"], &file(&folder, "client"));
    let connected = client.line("* connected as ");
    let jid = connected.trim_start_matches("* connected as ");
    gatekeeper.line(&format!("bound as {jid}, 2 kinds of content"));
    client.type_line("nobody");
    client.line("! a line is a JID and a text");
    client.type_line("bob@gatekeeper.example <one> & \u{1b}");
    let received = runtime.block_on(message(&mut bob));
    assert_eq!((received.as_str(), client.line("> <message").is_empty()), ("<one> & \u{fffd}", false));
    let reply = format!("<message to='{jid}'><body>two\u{9b}2J\u{202e}</body></message>");
    runtime.block_on(bob.send(reply.as_bytes())).unwrap();
    let shown = client.line("< <message");
    assert!(shown.contains("two\\u{9b}2J\\u{202e}"), "{shown}");

    front.end(Signal::KILL);
    client.line("* the connection is lost");
    client.type_line("bob@gatekeeper.example three");
    let front = Party::start(&["run"], &file(&folder, "vestibule"));
    front.line("listening");
    client.line("* the session is resumed");
    assert_eq!(runtime.block_on(message(&mut bob)), "three");
    drop(client.child.stdin.take());
    assert_eq!(client.child.wait().unwrap().code(), Some(0));

    let arguments = ["sandbox", "client", "--clear", "--to", "bob@gatekeeper.example"];
    let mut client = Party::start(&arguments, &file(&folder, "client"));
    client.line("* connected as ");
    client.type_line("all of the line");
    assert_eq!(runtime.block_on(message(&mut bob)), "all of the line");
    assert_eq!(client.end(Signal::INT), Some(0));
}

/// A user of the gatekeeper's own, who is available there.
async fn bob(folder: &TempDir, address: &str) -> Client {
    let tls = config::load_client(&file(folder, "client")).ok().unwrap().value.server.tls;
    let host = "gatekeeper.example";
    let name = ServerName::try_from(host).unwrap();
    let server = Server { address: address.parse().unwrap(), name, host: host.to_owned(), tls };
    let mut bob = Client::connect(&server).await.unwrap();
    let credentials = Credentials {
        account: "bob".to_owned(),
        password: "bob's password".to_owned(),
        mechanism: Mechanism::ScramSha256,
    };
    bob.authenticate(&credentials).await.unwrap();
    bob.bind("desk", "").await.unwrap();
    bob.send(b"<presence/>").await.unwrap();
    bob
}

/// The text of the next message.
async fn message(client: &mut Client) -> String {
    let message = client.receive_where(|element| element.is(CLIENT, "message")).await.unwrap();
    message.root.child(CLIENT, "body").unwrap().text.clone()
}

#[test]
fn a_token_is_printed_with_nothing_else_beside_it() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    let gatekeeper = Party::start(&["sandbox", "gatekeeper"], &file(&folder, "gatekeeper"));
    provider.line(" on https://127.0.0.1:");
    gatekeeper.line("streams on ");
    let output = vestibule(&["sandbox", "token", "--config"], &file(&folder, "client"));
    let (token, told) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!((token.lines().count(), token.split('.').count()), (1, 3), "{token}");
    assert!(told.contains("@gatekeeper.example, good for 3600 s"), "{told}");
}

#[test]
fn a_wrong_password_ends_the_client_with_the_problem_of_it() {
    let folder = shipped();
    let provider = Party::start(&["sandbox", "provider"], &file(&folder, "provider"));
    provider.line(" on https://127.0.0.1:");
    let path = file(&folder, "client");
    let text = fs::read_to_string(&path).unwrap().replace("alice's password", "guessed");
    fs::write(&path, text).unwrap();
    let output = vestibule(&["sandbox", "client", "--config"], &path);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = "vestibule: the provider: it refused with the status 401 and a problem of the type `wrong-password`\n";
    assert_eq!(told, expected);
}
