use std::fs;
use std::net::TcpStream;
use std::sync::Weak;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::*;
use crate::config;
use crate::proxy::{Proxy, status};

const CONFIGURATION: &str = "\
listeners: [{ address: 127.0.0.1:0 }]
hosts:
  HOST:
    certificate: { chain: chain.pem, key: key.pem }
    upstream: gatekeeper
upstreams:
  gatekeeper: { endpoints: ['127.0.0.1:1'], server_name: gatekeeper.example, roots: chain.pem, connect_timeout: TIME }
metadata: metadata.yaml
";

/// A folder with a configuration, of which the host's name and a time in the upstream can be changed.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certified = rcgen::generate_simple_self_signed(["gatekeeper.example".to_owned()]).unwrap();
        fs::write(folder.path().join("chain.pem"), certified.cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        fs::write(folder.path().join("metadata.yaml"), "rules: []\n").unwrap();
        Self(folder)
    }

    fn load(&self, host: &str, time: &str) -> Config {
        let file = self.0.path().join("vestibule.yaml");
        fs::write(&file, CONFIGURATION.replace("HOST", host).replace("TIME", time)).unwrap();
        config::load(&file).unwrap_or_else(|error| panic!("{error}")).config
    }
}

/// Waits until it is so.
async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.expect("it comes to be");
}

fn in_force(proxy: &Proxy) -> Weak<Configuration> {
    Arc::downgrade(&proxy.server.configuration())
}

#[tokio::test]
async fn a_hundred_reloads_leave_behind_what_an_open_connection_uses_and_nothing_else() {
    let files = Files::new();
    let proxy = Proxy::start(files.load("gatekeeper.example", "10s")).unwrap();
    let begun_with = in_force(&proxy);
    // It says nothing, and so is served until its time for TLS is over.
    let connection = TcpStream::connect(proxy.listeners()[0]).unwrap();
    eventually(|| begun_with.strong_count() == 2).await;
    let mut replaced = Vec::new();
    for number in 0..100 {
        let config = files.load(&format!("host-{number}.example"), &format!("{}ms", 9_000 + number));
        proxy.reload(config).unwrap();
        replaced.push(in_force(&proxy));
    }
    let last = replaced.pop().unwrap();
    assert!(last.strong_count() > 0 && begun_with.strong_count() > 0);
    assert!(replaced.iter().all(|configuration| configuration.strong_count() == 0));
    let metrics = String::from_utf8(proxy.server.metrics.render().unwrap()).unwrap();
    assert!(metrics.contains("host-99.example") && !metrics.contains("host-98.example"));
    drop(connection);
    eventually(|| begun_with.strong_count() == 0).await;
    let metrics = String::from_utf8(proxy.server.metrics.render().unwrap()).unwrap();
    assert!(!metrics.contains("\"gatekeeper.example\""));
}

#[test]
fn a_refused_reload_leaves_no_metrics_of_its_hosts_behind() {
    let files = Files::new();
    let proxy = Proxy::start(files.load("gatekeeper.example", "10s")).unwrap();
    let before = in_force(&proxy);
    fs::write(
        files.0.path().join("metadata.yaml"),
        "rules: [{ sink: access, events: [connection], purpose: tests, basis: tests, retention: 1d, \
         fields: { handshake-result: keep } }]\n",
    )
    .unwrap();
    let outcome = proxy.reload(files.load("other.example", "10s"));
    assert!(matches!(outcome, Err(ReloadError::Metadata(PolicyError::Unannounced(_)))));
    let metrics = String::from_utf8(proxy.server.metrics.render().unwrap()).unwrap();
    assert!(!metrics.contains("other.example"));
    assert!(before.ptr_eq(&in_force(&proxy)));
}

#[test]
fn only_a_gatekeeper_that_is_reached_in_another_way_is_another_one() {
    let files = Files::new();
    let proxy = Proxy::start(files.load("gatekeeper.example", "10s")).unwrap();
    let gatekeeper = |host| Arc::clone(&proxy.server.configuration().behind(host).unwrap().gatekeeper);
    let first = gatekeeper("gatekeeper.example");
    proxy.reload(files.load("other.example", "10s")).unwrap();
    assert!(Arc::ptr_eq(&first, &gatekeeper("other.example")));
    proxy.reload(files.load("other.example", "9s")).unwrap();
    assert!(!Arc::ptr_eq(&first, &gatekeeper("other.example")));
}

#[test]
fn the_status_is_of_what_is_in_force() {
    let files = Files::new();
    let proxy = Proxy::start(files.load("gatekeeper.example", "10s")).unwrap();
    let before = status::of(&proxy.server);
    fs::write(files.0.path().join("metadata.yaml"), "# Another one.\nrules: []\n").unwrap();
    let config = files.load("other.example", "9s");
    let digest = config.metadata.digest.to_string();
    proxy.reload(config).unwrap();
    let after = status::of(&proxy.server);
    assert_eq!(after.hosts.keys().collect::<Vec<_>>(), ["other.example"]);
    assert_eq!(after.certificates.iter().map(|shown| &shown.of).collect::<Vec<_>>(), ["other.example"]);
    assert_eq!(after.metadata.policy, digest);
    assert_ne!(before.metadata.policy, digest);
    assert_eq!(before.started, after.started);
    assert!(before.loaded <= after.loaded);
}

#[tokio::test]
async fn a_reload_under_way_when_the_process_is_told_to_end_says_how_long_that_takes() {
    let files = Files::new();
    let proxy = Proxy::start(files.load("gatekeeper.example", "10s")).unwrap();
    let before = proxy.server.configuration();
    let mut config = files.load("gatekeeper.example", "10s");
    config.drain.delay += Duration::from_secs(60);
    let foundation = &proxy.server.foundation;
    let after = Configuration::new(config, foundation, &before.addresses, Some(&before)).unwrap();
    let server = Arc::clone(&proxy.server);
    let (begin, begun) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let reloading = tokio::task::spawn_blocking(move || {
        let _reloading = server.one_reload();
        begin.send(()).unwrap();
        runtime.block_on(eventually(|| server.readiness.is_draining()));
        runtime.block_on(sleep(Duration::from_millis(50)));
        server.in_force.store(Arc::new(after));
    });
    begun.await.unwrap();
    assert!(proxy.begin_stop().await.longest() > Duration::from_secs(60));
    reloading.await.unwrap();
}
