//! What a reload takes over: for new connections, while open sessions go on with what they began with.

use serde_json::json;

use super::*;

const SMALL: &str = "from_client: { stanza: 10000 }\n";

#[tokio::test]
async fn an_open_session_goes_on_with_its_limits_and_a_new_one_has_the_new() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    front.reload_limits(SMALL);
    let mut after = front.session("bob", "after").await.unwrap();
    assert_eq!(send_large(&mut before, 20_000).await, Ok(()));
    assert_eq!(send_large(&mut after, 20_000).await, Err(stream_error("policy-violation")));
    ping(&mut before).await;
}

#[tokio::test]
async fn a_connection_that_has_no_host_yet_goes_on_with_what_it_was_accepted_under() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut before = front.connect(HOST).await.unwrap();
    front.reload_limits(SMALL);
    let (account, password) = ("bob".to_owned(), PASSWORD.to_owned());
    before.authenticate(&Credentials { account, password, mechanism: Mechanism::Plain }).await.unwrap();
    before.bind("before", "").await.unwrap();
    assert_eq!(send_large(&mut before, 20_000).await, Ok(()));
}

#[tokio::test]
async fn content_types_are_advertised_for_new_sessions() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let advertised = "vestibule_frames_edited_total{host=\"gatekeeper.example\",kind=\"bind\"}";
    let _before = front.session("bob", "before").await.unwrap();
    front.text.host = "content_types: policies/content-types/default.yaml".to_owned();
    front.reload().unwrap();
    assert_eq!(front.metric(advertised).await, Some(0.0));
    let _after = front.session("bob", "after").await.unwrap();
    assert_eq!(front.metric(advertised).await, Some(1.0));
}

#[tokio::test]
async fn an_open_session_keeps_its_gatekeeper_and_a_new_one_goes_to_the_new() {
    let (mut front, first) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    let second = gatekeeper(&front.authority, HOST, "eve").await;
    front.text.endpoint = second.address().to_string();
    front.reload().unwrap();
    let mut after = front.session("eve", "after").await.unwrap();
    ping(&mut before).await;
    ping(&mut after).await;
    assert_eq!((first.sessions().len(), second.sessions().len()), (1, 1));
}

#[tokio::test]
async fn a_host_that_is_taken_out_serves_its_open_sessions_and_no_others() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    front.text.hosts = vec![OTHER];
    front.reload().unwrap();
    assert_eq!(front.connect(HOST).await.err(), Some(stream_error("host-unknown")));
    ping(&mut before).await;
    let open = "vestibule_sessions_open{host=\"gatekeeper.example\"}";
    assert_eq!(front.metric(open).await, Some(1.0));
    assert_eq!(front.metric("vestibule_sessions_open{host=\"other.example\"}").await, Some(0.0));
    let status = front.status().await;
    assert_eq!((&status["sessions_open"], &status["hosts"][OTHER]["sessions_open"]), (&json!(1), &json!(0)));
    assert_eq!(status["hosts_taken_out"][HOST]["sessions_open"], 1);
    before.close().await.unwrap();
    until(async || !front.page("/metrics").await.contains(HOST)).await;
    assert_eq!(front.status().await["hosts_taken_out"], json!({}));
}

#[tokio::test]
async fn a_host_that_is_added_is_served() {
    let (mut front, _gatekeeper) = Changing::start().await;
    assert_eq!(front.connect(OTHER).await.err(), Some(stream_error("host-unknown")));
    front.text.hosts.push(OTHER);
    front.reload().unwrap();
    // The gatekeeper does not know it, but is asked.
    assert_eq!(front.connect(OTHER).await.err(), Some(stream_error("host-unknown")));
    let asked = "vestibule_upstream_connects_total{host=\"other.example\",result=\"completed\"}";
    assert_eq!(front.metric(asked).await, Some(1.0));
}

#[tokio::test]
async fn new_connections_are_shown_the_new_certificate_and_its_end_is_told() {
    let (front, _gatekeeper) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    let shown = async || {
        let tls = front.authority.client_config().unwrap();
        let stream = TcpStream::connect(front.proxy.listeners()[0]).await.unwrap();
        let name = ServerName::try_from(FRONT).unwrap();
        let stream = tokio_rustls::TlsConnector::from(tls).connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let first = shown().await;
    front.renew();
    assert_eq!(shown().await, first, "nothing has changed yet");
    front.reload().unwrap();
    let second = shown().await;
    assert_ne!(second, first);
    let end = config::certificate_end(&second).unwrap();
    let end = end.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let told = "vestibule_host_certificate_expiry_timestamp_seconds{host=\"gatekeeper.example\"}";
    assert_eq!(front.metric(told).await, Some(end as f64));
    ping(&mut before).await;
}

#[tokio::test]
async fn the_bounds_of_the_process_are_the_new_ones() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut before = front.session("bob", "before").await.unwrap();
    front.text.more = "max_connections: 1\nmemory: 64 MiB\npeer_timeout: 30s\n".to_owned();
    front.reload().unwrap();
    assert!(front.connect(HOST).await.is_err());
    assert_eq!(front.metric("vestibule_connections_refused_total{reason=\"capacity\"}").await, Some(1.0));
    assert_eq!(front.metric("vestibule_buffer_budget_bytes").await, Some(67_108_864.0));
    assert_eq!(front.metric("vestibule_connections_max").await, Some(1.0));
    front.text.more = "max_connections: 2\n".to_owned();
    front.reload().unwrap();
    front.connect(HOST).await.unwrap();
    ping(&mut before).await;
}

#[tokio::test]
async fn a_reload_that_went_well_is_told() {
    let (front, _gatekeeper) = Changing::start().await;
    let since = front.metric("vestibule_config_last_reload_success_timestamp_seconds").await.unwrap();
    assert!(since > 1_700_000_000.0, "the start is one: {since}");
    front.reload().unwrap();
    assert_eq!(front.metric("vestibule_reloads_total{result=\"accepted\"}").await, Some(1.0));
    assert_eq!(front.metric("vestibule_config_last_reload_successful").await, Some(1.0));
}
