//! `vestibule check --connect`: tries every upstream, at every address of every endpoint, and tells what it found.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use vestibule::config::{self, Config, Host};
use vestibule::policy::Moment;
use vestibule::stanza::Mechanisms;
use vestibule::upstream::{ProbedAddress, ProbedEndpoint, Resolver, probe};

use super::output::write_line;

/// A gatekeeper's certificate that ends within this time is told.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The type of channel binding that a proxy can serve (RFC 5929, 4): it is about the certificate, not the connection.
const SERVER_END_POINT: &str = "tls-server-end-point";

/// Why nobody is served where EXTERNAL is offered to the holder of our certificate.
const EXTERNAL: &str = "it offers EXTERNAL, and Vestibule shows it a client certificate: every session will be ended, \
     because every client could log in as the proxy. The gatekeeper should not offer EXTERNAL for this certificate";

/// Prints a line for each endpoint and each address. False if a host's gatekeeper cannot be reached at all.
pub fn execute(config: &Config, output: &mut impl Write) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let all = runtime.block_on(async {
        let resolver = Resolver::new(&config.name_servers)?;
        let mut all = true;
        for host in &config.hosts {
            all &= try_host(host, &resolver, output).await?;
        }
        anyhow::Ok(all)
    })?;
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    Ok(all)
}

async fn try_host(host: &Host, resolver: &Resolver, output: &mut impl Write) -> io::Result<bool> {
    let upstream = &host.upstream;
    write_line(output, format_args!("{} by upstream {}: {}", host.name, upstream.name, upstream.endpoints))?;
    let probed = match probe(upstream, resolver, &host.name).await {
        Ok(probed) => probed,
        Err(error) => {
            write_line(output, format_args!("  {}: {error}", upstream.endpoints))?;
            Vec::new()
        }
    };
    let mut reached = false;
    for endpoint in &probed {
        reached |= tell_endpoint(endpoint, host, output)?;
    }
    if !reached {
        write_line(output, format_args!("  failed: no address of {} serves {}", upstream.name, host.name))?;
    }
    Ok(reached)
}

fn tell_endpoint(probed: &ProbedEndpoint, host: &Host, output: &mut impl Write) -> io::Result<bool> {
    let addresses = match &probed.addresses {
        Ok(addresses) => addresses,
        Err(error) => {
            write_line(output, format_args!("  {}: {error}", probed.endpoint))?;
            return Ok(false);
        }
    };
    let mut served = false;
    for address in addresses {
        served |= tell_address(probed, address, host, output)?;
    }
    Ok(served)
}

fn tell_address(
    probed: &ProbedEndpoint,
    address: &ProbedAddress,
    host: &Host,
    output: &mut impl Write,
) -> io::Result<bool> {
    let place = format!("  {} at {}", probed.endpoint, address.address);
    let reached = match &address.reached {
        Ok(reached) => reached,
        Err(error) => {
            write_line(output, format_args!("{place}: {error}"))?;
            return Ok(false);
        }
    };
    let end = reached.tls.certificate.as_ref().and_then(config::certificate_end);
    let until = end.map_or_else(String::new, |end| format!(", certificate until {}", Moment::new(end)));
    write_line(output, format_args!("{place}: {}{until}", reached.tls.version))?;
    let offer = match &reached.offer {
        Ok(offer) => offer,
        Err(error) => {
            write_line(output, format_args!("    failed: {error}"))?;
            return Ok(false);
        }
    };
    write_line(output, format_args!("    SASL: {}; SASL2: {}", names(&offer.sasl), names(&offer.sasl2)))?;
    for warning in warnings(offer, end) {
        write_line(output, format_args!("    warning: {warning}"))?;
    }
    let serves = !(host.upstream.tls.has_certificate() && offer.offer_external());
    if !serves {
        write_line(output, format_args!("    failed: {EXTERNAL}"))?;
    }
    Ok(serves)
}

/// What works, but will not for everybody or for long.
fn warnings(offer: &Mechanisms, end: Option<SystemTime>) -> Vec<&'static str> {
    let binds = offer.sasl.iter().chain(&offer.sasl2).any(|name| name.ends_with("-PLUS"));
    let can_fit = offer.channel_bindings.iter().any(|name| name == SERVER_END_POINT);
    let ends_soon = end.is_some_and(|end| end < SystemTime::now() + SOON);
    let all = [
        (
            binds && !can_fit,
            "it offers channel binding (-PLUS), but not by tls-server-end-point (XEP-0440): clients that insist on \
             channel binding cannot log in through a proxy. The gatekeeper should offer that type with the hash of \
             your certificate (Prosody: tls_server_end_point_hash), or no -PLUS mechanisms",
        ),
        (
            binds && can_fit,
            "it offers channel binding by tls-server-end-point: clients that use it can log in only if the \
             gatekeeper takes the hash of your certificate (Prosody: tls_server_end_point_hash)",
        ),
        (ends_soon, "its certificate ends within 14 days"),
    ];
    all.into_iter().filter_map(|(holds, warning)| holds.then_some(warning)).collect()
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
