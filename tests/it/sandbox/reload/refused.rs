//! What is refused, of which nothing is left behind.

use super::*;

/// Lets out more than nothing, and does not say so.
const WIDER: &str = "rules: [{ sink: access, events: [connection], purpose: tests, basis: tests, retention: 1d, \
     fields: { handshake-result: keep } }]\n";

/// Everything else that the refused configurations change.
async fn nothing_has_changed(front: &Changing) {
    assert_eq!(front.metric("vestibule_config_last_reload_successful").await, Some(0.0));
    assert_eq!(front.status().await["last_reload_successful"], false);
    assert!(!front.page("/metrics").await.contains(OTHER));
    assert_eq!(front.connect(OTHER).await.err(), Some(stream_error("host-unknown")));
    assert_eq!(front.metric("vestibule_buffer_budget_bytes").await, Some(268_435_456.0));
    let mut session = front.session("bob", "after").await.unwrap();
    assert_eq!(send_large(&mut session, 20_000).await, Ok(()));
}

fn change_much(front: &mut Changing) {
    front.write("limits.yaml", "from_client: { stanza: 10000 }\n");
    front.text.host = "limits: limits.yaml".to_owned();
    front.text.hosts.push(OTHER);
    front.text.more = "memory: 64 MiB\n".to_owned();
}

#[tokio::test]
async fn of_a_configuration_with_one_wrong_file_nothing_is_taken_over() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    change_much(&mut front);
    front.write("limits.yaml", "timeouts: { header: soon }\n");
    assert!(front.reload().unwrap_err().contains("limits.yaml:1:21: "));
    front.write("limits.yaml", "{}\n");
    front.text.host = "limits: nowhere.yaml".to_owned();
    assert!(front.reload().unwrap_err().contains("there is none"));
    nothing_has_changed(&front).await;
    ping(&mut before).await;
    assert_eq!(front.metric("vestibule_reloads_total{result=\"refused\"}").await, Some(2.0));
}

#[tokio::test]
async fn with_a_metadata_policy_that_is_not_let_in_nothing_else_is_taken_over() {
    let (mut front, _gatekeeper) = Changing::start().await;
    change_much(&mut front);
    front.write("metadata.yaml", WIDER);
    assert!(front.reload().unwrap_err().contains("should stand in it"));
    nothing_has_changed(&front).await;
}

#[tokio::test]
async fn what_takes_a_new_process_is_refused_by_its_keys() {
    let (mut front, _gatekeeper) = Changing::start().await;
    change_much(&mut front);
    front.text.workers = 2;
    front.text.more = "access_log: { folder: . }\nresolver: { nameservers: ['127.0.0.1:53'] }\n".to_owned();
    let refusal = "a new process is needed for what has changed in `workers`, `access_log`, `resolver`; a running one \
                   keeps it";
    assert_eq!(front.reload().unwrap_err(), refusal);
    nothing_has_changed(&front).await;
}

/// As a reload finds them that comes while they are being replaced.
#[tokio::test]
async fn a_new_key_with_the_old_chain_is_refused_until_both_are_there() {
    let (front, _gatekeeper) = Changing::start().await;
    let old = fs::read_to_string(front.path("chain.pem")).unwrap();
    front.renew();
    let new = fs::read_to_string(front.path("chain.pem")).unwrap();
    front.write("chain.pem", &old);
    assert!(front.reload().unwrap_err().contains("the key does not belong to the chain's first certificate"));
    front.session("bob", "between").await.unwrap();
    front.write("chain.pem", &new);
    assert_eq!(front.reload(), Ok(()));
    assert_eq!(front.metric("vestibule_config_last_reload_successful").await, Some(1.0));
}

#[tokio::test]
async fn a_process_that_is_about_to_end_takes_nothing_over() {
    let (front, _gatekeeper) = Changing::start().await;
    front.proxy.stop().await;
    assert_eq!(front.reload().unwrap_err(), "the process is about to end");
}
