//! What limits mean for one client: for people as text, for programs as JSON.

use std::io::{self, Write};
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::Serialize;
use vestibule::limit::{self, Limits, Rate, RateLimit, Rehearsal, Traffic};

/// The client, as far as it is told of. What is left out is not asked about.
#[derive(clap::Args)]
pub struct Client {
    /// Of limits: the address that the client connects from.
    #[arg(long)]
    address: Option<IpAddr>,
    /// Of limits: how many stanzas it sends, a million at most.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stanzas: Option<u32>,
    /// Of limits: bytes of each stanza.
    #[arg(long, default_value_t = 500)]
    size: usize,
    /// Of limits: how many stanzas it sends in a second. Left out, all at once.
    #[arg(long, requires = "stanzas")]
    per_second: Option<NonZeroU32>,
}

/// All that is told.
#[derive(Serialize)]
pub struct Allowance {
    address: Address,
    account: Account,
    session: Session,
    gatekeeper: Session,
    traffic: Option<Outcome>,
}

#[derive(Serialize)]
struct Address {
    /// What the client's address is counted with.
    counted_with: Option<String>,
    connections: u32,
    connections_per_second: u32,
    connection_burst: u32,
    failed_authentications_per_minute: u32,
    failed_authentication_burst: u32,
}

#[derive(Serialize)]
struct Account {
    sessions: u32,
    rate: Allowed,
}

#[derive(Serialize)]
struct Session {
    largest_stanza: usize,
    rate: Option<Allowed>,
}

#[derive(Serialize)]
struct Allowed {
    stanzas_per_second: u32,
    stanza_burst: u32,
    kib_per_second: u32,
    kib_burst: u32,
}

/// What becomes of the stanzas that were asked about.
#[derive(Serialize)]
struct Outcome {
    stanzas: u32,
    size: usize,
    per_second: Option<u32>,
    refused: Option<&'static str>,
    /// Of the stanza that waits longest.
    waits_milliseconds: u128,
    waits_for: Option<&'static str>,
}

impl Client {
    pub fn is_told_of(&self) -> bool {
        self.address.is_some() || self.stanzas.is_some() || self.per_second.is_some()
    }
}

impl Allowance {
    pub fn new(rehearsal: &Rehearsal, client: &Client) -> Self {
        let Limits { connections, accounts, from_client, from_gatekeeper, .. } = rehearsal.limits();
        Self {
            address: Address {
                counted_with: client.address.map(counted_with),
                connections: connections.at_once.get(),
                connections_per_second: connections.per_second.get(),
                connection_burst: connections.burst.get(),
                failed_authentications_per_minute: connections.failures_per_minute.get(),
                failed_authentication_burst: connections.failure_burst.get(),
            },
            account: Account { sessions: accounts.sessions.get(), rate: Allowed::new(accounts.rate) },
            session: Session {
                largest_stanza: from_client.stanza_bytes,
                rate: rehearsal.limits().client_rate.map(Allowed::new),
            },
            gatekeeper: Session {
                largest_stanza: from_gatekeeper.stanza_bytes,
                rate: rehearsal.limits().gatekeeper_rate.map(Allowed::new),
            },
            traffic: client.stanzas.map(|stanzas| Outcome::new(rehearsal, client, stanzas)),
        }
    }

    /// For people.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        self.address.write(output)?;
        let Account { sessions, rate } = &self.account;
        writeln!(output, "an account")?;
        writeln!(output, "  has {sessions} sessions at one time; one more gets `resource-constraint`")?;
        rate.write(output)?;
        writeln!(output, "a session")?;
        self.session.write(output)?;
        writeln!(output, "the gatekeeper, to one client")?;
        self.gatekeeper.write(output)?;
        self.traffic.iter().try_for_each(|outcome| outcome.write(output))
    }
}

impl Address {
    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { connections, connections_per_second, connection_burst, .. } = self;
        let (failures, failure_burst) =
            (self.failed_authentications_per_minute, self.failed_authentication_burst);
        match &self.counted_with {
            Some(network) => writeln!(output, "the address, counted as {network}")?,
            None => writeln!(output, "an address: one of IPv4, or a network of 64 bits of IPv6")?,
        }
        writeln!(output, "  has {connections} connections at one time")?;
        writeln!(
            output,
            "  opens {connections_per_second} a second, {connection_burst} at once after a pause"
        )?;
        writeln!(
            output,
            "  fails to authenticate {failures} times a minute, {failure_burst} times at once after a pause"
        )?;
        writeln!(
            output,
            "  is turned away before TLS when it is over one of these, or by a stream error once it names the host, where \
             another host allows more"
        )
    }
}

impl Session {
    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let largest = self.largest_stanza;
        writeln!(output, "  sends stanzas of {largest} bytes; a larger one gets `policy-violation`")?;
        match &self.rate {
            Some(rate) => rate.write(output),
            None => writeln!(output, "  sends as fast as it can"),
        }
    }
}

impl Allowed {
    fn new(rate: Rate) -> Self {
        Self {
            stanzas_per_second: rate.stanzas_per_second.get(),
            stanza_burst: rate.stanza_burst.get(),
            kib_per_second: rate.kib_per_second.get(),
            kib_burst: rate.kib_burst.get(),
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { stanzas_per_second, stanza_burst, kib_per_second, kib_burst } = self;
        writeln!(
            output,
            "  sends {stanzas_per_second} stanzas and {kib_per_second} KiB a second, {stanza_burst} stanzas and \
             {kib_burst} KiB at once after a pause; is slowed down over that"
        )
    }
}

impl Outcome {
    fn new(rehearsal: &Rehearsal, client: &Client, stanzas: u32) -> Self {
        let per_second = client.per_second.map(NonZeroU32::get);
        let sent = rehearsal.send(Traffic { stanzas, size: client.size, per_second, sessions: 1 });
        let wait = sent.unwrap_or_default();
        Self {
            stanzas,
            size: client.size,
            per_second,
            refused: sent.err().map(|refusal| refusal.name()),
            waits_milliseconds: wait.time.as_millis(),
            waits_for: wait.by.map(RateLimit::name),
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { stanzas, size, waits_milliseconds, .. } = self;
        let pace = self.per_second.map_or("at once".to_owned(), |rate| format!("at {rate} a second"));
        write!(output, "{stanzas} stanzas of {size} bytes {pace}: ")?;
        match (self.refused, self.waits_for) {
            (Some(refused), _) => writeln!(output, "refused ({refused})"),
            (None, Some(limit)) => writeln!(output, "one waits for {waits_milliseconds} ms ({limit})"),
            (None, None) => writeln!(output, "none waits"),
        }
    }
}

/// An address of IPv4 by itself, one of IPv6 by its network.
fn counted_with(address: IpAddr) -> String {
    let network = limit::network(address);
    match network.to_ipv4_mapped() {
        Some(address) => address.to_string(),
        None => format!("{network}/64"),
    }
}
