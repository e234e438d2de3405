//! The proxies that are compared: how each is configured and started. All get the same certificates, the same number of
//! threads, a free port on loopback and the same gatekeeper.

mod process;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

pub use process::Process;

use crate::tls::{Certificates, DOMAIN};

const NGINX: &str = include_str!("../../configurations/nginx.conf");
const HAPROXY: &str = include_str!("../../configurations/haproxy.cfg");
const VESTIBULE: &str = include_str!("../../configurations/vestibule.yaml");
const VESTIBULE_LIMITS: &str = include_str!("../../configurations/limits.yaml");

/// The shipped policies, which the measured Vestibule uses too.
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");

/// One column of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Nginx,
    HaProxy,
    /// With or without resumption towards the gatekeeper.
    Pump {
        resume: bool,
    },
    /// A binary of Vestibule.
    Vestibule(PathBuf),
}

/// Where a proxy stands while it runs.
pub struct Place<'a> {
    pub certificates: &'a Certificates,
    pub gatekeeper: SocketAddr,
    /// An existing directory for its configuration and its log.
    pub directory: &'a Path,
    pub threads: usize,
}

impl Proxy {
    pub fn nginx() -> Self {
        Self { name: "nginx".to_owned(), kind: Kind::Nginx }
    }

    pub fn haproxy() -> Self {
        Self { name: "haproxy".to_owned(), kind: Kind::HaProxy }
    }

    pub fn pump() -> Self {
        Self { name: "pump".to_owned(), kind: Kind::Pump { resume: false } }
    }

    /// The pump that uses the gatekeeper's tickets, as the other proxies do.
    pub fn resuming_pump() -> Self {
        Self { name: "pump-resuming".to_owned(), kind: Kind::Pump { resume: true } }
    }

    /// Starts the proxy on a free port of loopback. It may not listen yet when this returns.
    pub fn start(&self, place: &Place<'_>) -> Result<(Process, SocketAddr)> {
        let listen = free_address()?;
        let command = match &self.kind {
            Kind::Nginx => nginx(place, listen)?,
            Kind::HaProxy => haproxy(place, listen)?,
            Kind::Pump { resume } => pump(place, listen, *resume)?,
            Kind::Vestibule(binary) => vestibule(binary, place, listen)?,
        };
        let log = place.directory.join(format!("{}.log", self.name));
        Ok((Process::start(command, &log).with_context(|| format!("cannot start {}", self.name))?, listen))
    }
}

/// `NAME=PATH`: a binary of Vestibule under a name of its own.
impl FromStr for Proxy {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), kind: Kind::Vestibule(path.into()) })
            }
            _ => bail!("NAME=PATH is wanted"),
        }
    }
}

fn nginx(place: &Place<'_>, listen: SocketAddr) -> Result<Command> {
    let configuration = write_configuration(place, "nginx.conf", NGINX, listen)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(place.directory).arg("-e").arg("stderr").arg("-c").arg(configuration);
    Ok(command)
}

fn haproxy(place: &Place<'_>, listen: SocketAddr) -> Result<Command> {
    let configuration = write_configuration(place, "haproxy.cfg", HAPROXY, listen)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(configuration);
    Ok(command)
}

fn pump(place: &Place<'_>, listen: SocketAddr, resume: bool) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("pump").arg("--listen").arg(listen.to_string());
    command.arg("--gatekeeper").arg(place.gatekeeper.to_string());
    command.arg("--certificates").arg(place.certificates.directory());
    command.arg("--threads").arg(place.threads.to_string());
    if resume {
        command.arg("--resume");
    }
    Ok(command)
}

fn vestibule(binary: &Path, place: &Place<'_>, listen: SocketAddr) -> Result<Command> {
    write_configuration(place, "limits.yaml", VESTIBULE_LIMITS, listen)?;
    let configuration = write_configuration(place, "vestibule.yaml", VESTIBULE, listen)?;
    let mut command = Command::new(binary);
    command.arg("run").arg("--config").arg(configuration);
    Ok(command)
}

/// Fills in a template's `@NAMES@` and writes it to the proxy's directory.
fn write_configuration(place: &Place<'_>, name: &str, template: &str, listen: SocketAddr) -> Result<PathBuf> {
    let values = [
        ("@LISTEN@", listen.to_string()),
        ("@GATEKEEPER@", place.gatekeeper.to_string()),
        ("@THREADS@", place.threads.to_string()),
        ("@DOMAIN@", DOMAIN.to_owned()),
        ("@DIRECTORY@", place.directory.display().to_string()),
        ("@POLICIES@", POLICIES.to_owned()),
        ("@ROOTS@", place.certificates.roots().display().to_string()),
        ("@CHAIN@", place.certificates.chain().display().to_string()),
        ("@KEY@", place.certificates.key().display().to_string()),
        ("@CHAIN_AND_KEY@", place.certificates.chain_and_key().display().to_string()),
    ];
    let text = values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value));
    let path = place.directory.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A port that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_filled_in_completely() {
        let directory = tempfile::tempdir().unwrap();
        let certificates = Certificates::in_directory(directory.path());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 5223));
        let place = Place {
            certificates: &certificates,
            gatekeeper: listen,
            directory: directory.path(),
            threads: 2,
        };
        for template in [NGINX, HAPROXY, VESTIBULE, VESTIBULE_LIMITS] {
            let path = write_configuration(&place, "configuration", template, listen).unwrap();
            assert!(!fs::read_to_string(path).unwrap().contains('@'));
        }
    }

    #[test]
    fn a_vestibule_needs_a_name_and_a_path() {
        let proxy: Proxy = "one=target/release/vestibule".parse().unwrap();
        assert_eq!(proxy.name, "one");
        for text in ["one", "=target", "one="] {
            assert!(text.parse::<Proxy>().is_err(), "{text}");
        }
    }
}
