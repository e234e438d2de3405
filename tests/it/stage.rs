//! A stage for one session: a scripted client and a scripted gatekeeper over streams in memory, in paused time.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{
    AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use vestibule::content_types::Rules;
use vestibule::framing::Vocabulary;
use vestibule::limit::{Accounts, Addresses, Limits, SECRET_LENGTH};
use vestibule::relay::{Budget, ContentCounts, Counters, Host, Learn, Opening, Outcome, PassedStanza, Relay};
use vestibule::session::{Connecting, Session, Stop, Summary, Surroundings};
use vestibule::stanza;

pub const HOST: &str = "gatekeeper.example";
pub const CLIENT_HEADER: &str = "<?xml version='1.0'?><stream:stream to='gatekeeper.example' version='1.0' \
     xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
pub const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream id='s1' from='gatekeeper.example' \
     version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
pub const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub const AUTH: &str =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
pub const FEATURES: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
pub const BIND: &str = "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
pub const BOUND: &str = "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
     <jid>alice@gatekeeper.example/phone</jid></bind></iq>";

/// The namespace of what is told of the connection.
pub const SIGNALS: &str = "urn:x-vestibule:signals:0";

/// What a peer in memory can have in flight before its writer waits.
const PIPE: usize = 16 * 1024;

/// Longer than every timeout of a session: in paused time it costs nothing.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a test may want otherwise.
pub struct Setting {
    pub host: Host,
    /// The host that the client has named before TLS.
    pub named: Option<&'static str>,
    pub vocabulary: Arc<Vocabulary>,
    pub budget: Arc<Budget>,
    pub addresses: Arc<Addresses>,
    pub address: IpAddr,
    pub accounts: Arc<Accounts>,
    /// What the gatekeeper's connection comes to.
    pub reachable: bool,
    pub connect_time: Duration,
    pub pipe: usize,
    /// The connections end as TLS does without close_notify.
    pub abrupt: bool,
    pub learn: Learn,
    /// How the process tells its sessions to end.
    pub stop: Arc<Stop>,
    /// What the gatekeeper is told of the client's connection.
    pub signals: Option<&'static str>,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            host: host(Limits::default(), None),
            named: None,
            vocabulary: Arc::new(stanza::vocabulary(&["urn:x-vestibule:content-types:0", SIGNALS], &[])),
            budget: Arc::new(Budget::new(64 << 20)),
            addresses: addresses(&[Limits::default()]),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            accounts: Arc::new(Accounts::new(&[0; SECRET_LENGTH])),
            reachable: true,
            connect_time: Duration::ZERO,
            pipe: PIPE,
            abrupt: false,
            learn: Learn { account: true, ..Learn::default() },
            stop: Arc::default(),
            signals: None,
        }
    }
}

/// The host.
pub fn host(limits: Limits, content_types: Option<Arc<Rules>>) -> Host {
    Host {
        name: HOST.into(),
        limits: Arc::new(limits),
        content_types,
        refuses_external: false,
        signals_namespace: SIGNALS.into(),
    }
}

/// The addresses of clients of hosts with these limits.
pub fn addresses(hosts: &[Limits]) -> Arc<Addresses> {
    let limits = hosts.iter().map(|limits| limits.connections);
    let now = tokio::time::Instant::now().into_std();
    Arc::new(Addresses::new(limits, &[0; SECRET_LENGTH], now))
}

impl Setting {
    pub fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let addresses = addresses(std::slice::from_ref(&limits));
        Setting { host: host(limits, None), addresses, ..Setting::default() }
    }

    pub fn with_content_types((rules, vocabulary): (Arc<Rules>, Arc<Vocabulary>)) -> Self {
        Setting { host: host(Limits::default(), Some(rules)), vocabulary, ..Setting::default() }
    }
}

pub struct Stage {
    pub client: Peer,
    pub gatekeeper: Peer,
    stop: Arc<Stop>,
    /// What the session may learn, which can be changed, and what it has learnt of stanzas.
    pub learn: Arc<Mutex<Learn>>,
    pub passed: Arc<Mutex<Vec<PassedStanza>>>,
    session: JoinHandle<Summary>,
}

impl Stage {
    /// Nothing was sent yet.
    pub fn open(setting: Setting) -> Stage {
        let (client, downstream) = tokio::io::duplex(setting.pipe);
        let (gatekeeper, upstream) = tokio::io::duplex(setting.pipe);
        let now = tokio::time::Instant::now().into_std();
        let opening = Opening {
            limits: Arc::clone(&setting.host.limits),
            named: setting.named.map(Box::from),
            server_name: None,
            hosts: Arc::new([Arc::new(setting.host)]),
            vocabulary: setting.vocabulary,
            budget: setting.budget,
            address: setting.addresses.admit(setting.address, now).expect("the address may connect"),
            accounts: setting.accounts,
            stream_id: 0xabc,
            learn: setting.learn,
            accepted: now,
        };
        let (learn, passed) = (Arc::new(Mutex::new(setting.learn)), Arc::default());
        let gate = ScriptedGate {
            upstream: setting.reachable.then(|| Connection::new(upstream, setting.abrupt)),
            connect_time: setting.connect_time,
            learn: Arc::clone(&learn),
            passed: Arc::clone(&passed),
            signals: setting.signals.map(|signals| signals.as_bytes().into()),
        };
        let stop = setting.stop;
        let session = Session::new(
            Relay::new(opening, now),
            Connection::new(downstream, setting.abrupt),
            gate,
            Arc::clone(&stop),
        );
        Stage {
            client: Peer { name: "client", stream: client },
            gatekeeper: Peer { name: "gatekeeper", stream: gatekeeper },
            stop,
            learn,
            passed,
            session: tokio::spawn(session),
        }
    }

    /// The process ends its sessions within this time.
    pub fn drain(&self, spread: Duration) {
        self.stop.drain((tokio::time::Instant::now() + spread).into_std());
    }

    /// Both stream headers have passed.
    pub async fn greeted(setting: Setting) -> Stage {
        let mut stage = Stage::open(setting);
        stage.passes_up(CLIENT_HEADER).await;
        stage.passes_down(SERVER_HEADER).await;
        stage
    }

    /// Authentication has succeeded, the second epoch's headers and features have passed.
    pub async fn authenticated(setting: Setting) -> Stage {
        let mut stage = Stage::greeted(setting).await;
        stage.passes_features(MECHANISMS).await;
        stage.passes_up(AUTH).await;
        stage.passes_down(SUCCESS).await;
        stage.passes_up(CLIENT_HEADER).await;
        stage.passes_down(SERVER_HEADER).await;
        stage.passes_features(FEATURES).await;
        stage
    }

    /// The client has its resource.
    pub async fn bound(setting: Setting) -> Stage {
        let mut stage = Stage::authenticated(setting).await;
        stage.client.send(BIND).await;
        stage.gatekeeper.skip_past("</iq>").await;
        stage.passes_down(BOUND).await;
        stage
    }

    /// What the client sends arrives as it was sent.
    pub async fn passes_up(&mut self, text: &str) {
        self.client.send(text).await;
        self.gatekeeper.expect(text).await;
    }

    /// What the gatekeeper sends arrives as it was sent.
    pub async fn passes_down(&mut self, text: &str) {
        self.gatekeeper.send(text).await;
        self.client.expect(text).await;
    }

    /// Stream features arrive with the limits that the client is held to (XEP-0478), which are returned.
    pub async fn passes_features(&mut self, features: &str) -> String {
        self.gatekeeper.send(features).await;
        let children = features.strip_suffix("</stream:features>").expect("features");
        self.client.expect(children).await;
        let limits = self.client.skip_past("</limits>").await;
        self.client.expect("</stream:features>").await;
        limits
    }

    pub async fn outcome(self) -> Outcome {
        self.ended().await.outcome
    }

    pub async fn ended(self) -> Summary {
        timeout(FOREVER, self.session).await.expect("the session ends").expect("the session does not panic")
    }

    /// Bytes of the future that drives a session, its streams included.
    pub fn size_of_session() -> usize {
        size_of::<Session<Connection, Connection, ScriptedGate>>()
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.session.is_finished()
    }
}

struct ScriptedGate {
    upstream: Option<Connection>,
    connect_time: Duration,
    learn: Arc<Mutex<Learn>>,
    passed: Arc<Mutex<Vec<PassedStanza>>>,
    signals: Option<Box<[u8]>>,
}

impl Surroundings<Connection> for ScriptedGate {
    fn signals(&mut self, _host: &Host) -> Option<Box<[u8]>> {
        self.signals.take()
    }

    fn connect(&mut self, host: &Host) -> Connecting<Connection> {
        assert_eq!(host.name, HOST);
        let upstream = self.upstream.take();
        let connect_time = self.connect_time;
        Box::pin(async move {
            tokio::time::sleep(connect_time).await;
            upstream
        })
    }

    fn learns(&self) -> Learn {
        *self.learn.lock().unwrap()
    }

    fn passed(&mut self, stanzas: Vec<PassedStanza>, host: &Host, _account: Option<&str>) {
        assert_eq!(host.name, HOST);
        self.passed.lock().unwrap().extend(stanzas);
    }

    fn observe(&mut self, _counters: &Counters, _content: Option<&ContentCounts>) {}

    fn ended(&mut self, _outcome: Outcome) {}
}

/// The session's end of a connection in memory.
pub struct Connection {
    stream: BufReader<DuplexStream>,
    abrupt: bool,
}

impl Connection {
    fn new(stream: DuplexStream, abrupt: bool) -> Self {
        Connection { stream: BufReader::new(stream), abrupt }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncBufRead for Connection {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let abrupt = this.abrupt;
        Pin::new(&mut this.stream).poll_fill_buf(cx).map(|read| match read {
            Ok([]) if abrupt => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        })
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        Pin::new(&mut self.stream).consume(count);
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// One end of the stage.
pub struct Peer {
    name: &'static str,
    stream: DuplexStream,
}

impl Peer {
    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.expect("the session takes what is sent");
    }

    /// Sends as far as the session takes it, and says how much that was.
    pub async fn send_what_fits(&mut self, bytes: &[u8], patience: Duration) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match timeout(patience, self.stream.write(&bytes[sent..])).await {
                Ok(Ok(count)) => sent += count,
                _ => break,
            }
        }
        sent
    }

    /// The next bytes are these.
    #[track_caller]
    pub fn expect<'a>(&'a mut self, text: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let mut got = vec![0; text.len()];
            let mut filled = 0;
            while filled < got.len() {
                let read = timeout(FOREVER, self.stream.read(&mut got[filled..])).await;
                match read {
                    Ok(Ok(count)) if count > 0 => filled += count,
                    _ => break,
                }
            }
            let got = String::from_utf8_lossy(&got[..filled]);
            assert_eq!(got, text, "what the {} gets, at {caller}", self.name);
        }
    }

    /// Reads up to the end of the next occurrence of `text`, and returns all of it.
    pub async fn skip_past(&mut self, text: &str) -> String {
        let mut got = Vec::new();
        let mut byte = [0];
        while !got.ends_with(text.as_bytes()) {
            let count = timeout(FOREVER, self.stream.read(&mut byte)).await.expect("something comes");
            assert_eq!(count.expect("the stream is whole"), 1, "{} ends before {text:?}", self.name);
            got.push(byte[0]);
        }
        String::from_utf8(got).expect("UTF-8")
    }

    /// Everything that still comes, up to the end of the connection.
    pub async fn rest(&mut self) -> String {
        let mut got = Vec::new();
        timeout(FOREVER, self.stream.read_to_end(&mut got)).await.expect("it ends").expect("it is whole");
        String::from_utf8(got).expect("UTF-8")
    }

    /// The next bytes are these, and then the connection ends.
    #[track_caller]
    pub fn expect_last<'a>(&'a mut self, text: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(self.rest().await, text, "what the {} gets last, at {caller}", self.name);
        }
    }

    /// Nothing comes for a while.
    pub async fn expect_silence(&mut self, time: Duration) {
        let mut byte = [0];
        let read = timeout(time, self.stream.read(&mut byte)).await;
        assert!(read.is_err(), "the {} gets something", self.name);
    }

    /// The connection ends in both directions, without a closing tag.
    pub async fn vanish(&mut self) {
        let (gone, _) = tokio::io::duplex(1);
        self.stream = gone;
    }

    /// Nothing more is sent.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.expect("the session is there");
    }
}

/// A stream error of Vestibule's own, with the closing tag.
pub fn stream_error(condition: &str) -> String {
    format!(
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    )
}
