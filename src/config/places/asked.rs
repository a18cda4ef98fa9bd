//! What health checks ask, and what it says of who listens on a machine.

use std::net::IpAddr;

use super::{Occupied, way_out};
use crate::config::hosts::{Hosts, parse_address};
use crate::config::report::Report;
use crate::domain::fault::config::ConfigFault;
use crate::domain::ids::HostName;
use crate::domain::service::{Probe, Recipe, Via};

/// Ports that a web server in front of many services has; that they are asked says nothing about who listens.
const SHARED_PORTS: [u16; 2] = [80, 443];

/// What a health check asks.
struct Asked<'a> {
    /// The port, if it is one of the machine itself.
    port: Option<u16>,
    /// What is asked, in one spelling.
    question: Option<String>,
    /// The same as it is written.
    written: &'a str,
}

impl Occupied {
    /// What its health check asks over the network, as seen from one of its machines. An address with templates in it may
    /// be another one for each.
    fn asked(&self, hosts: &Hosts, machine: &str) -> Option<Asked<'_>> {
        let probe = &self.surface.health.as_ref()?.probe;
        let (scheme, rest, default, written, via) = match probe {
            Probe::Http { url, via, .. } => {
                let (scheme, rest) = url.split_once("://")?;
                let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
                (scheme.to_ascii_lowercase(), rest, Some(default), url, *via)
            }
            Probe::Tcp { address, via } => ("tcp".to_owned(), address.as_str(), None, address, *via),
            Probe::Command(_) | Probe::Containers => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let address = parse_address(authority, default)?;
        let host = address.host.trim_end_matches('.').to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        let loops = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
        // RMM's own machine is not the one that it asks about.
        let here = loops && (via == Via::Host || machine == HostName::local().as_str());
        let named = hosts.names_of(machine).any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(&host));
        // A web server in front of many services tells them apart by their names.
        let own = here || (named && (ip.is_some() || !SHARED_PORTS.contains(&address.port)));
        let host = match ip {
            _ if own => "here".to_owned(),
            _ if loops => "localhost".to_owned(),
            Some(ip) => ip.to_string(),
            None => host,
        };
        let path = path.split('#').next().unwrap_or_default().trim_end_matches('/');
        let question = format!("{scheme}://{host}:{}{path}", address.port);
        Some(Asked { port: own.then_some(address.port), question: (!path.contains("{{")).then_some(question), written })
    }
}

/// Whether there was something to tell.
pub(super) fn ports(report: &Report<'_>, hosts: &Hosts, machine: &str, earlier: &Occupied, later: &Occupied) -> bool {
    let (Some(there), Some(here)) = (earlier.asked(hosts, machine), later.asked(hosts, machine)) else { return false };
    let Some(machine) = later.meets(earlier, hosts) else { return false };
    let place = later.points.health.as_ref().unwrap_or(&later.points.whole);
    let compose = [earlier, later].iter().all(|place| place.surface.recipe == Recipe::Compose);
    let (one, other) = (later.tenant(), earlier.tenant());
    if here.question.is_some() && there.question == here.question {
        let mut addresses = vec![here.written.to_owned(), there.written.to_owned()];
        addresses.dedup();
        let fault = ConfigFault::SameAddress { one, other, machine, addresses, mistaken: compose };
        if compose {
            report.collision(place, fault, way_out("health", later));
        } else {
            report.warn(place, fault);
        }
        return true;
    }
    let Some(port) = there.port.filter(|port| Some(*port) == here.port && !SHARED_PORTS.contains(port)) else {
        return false;
    };
    // Commands of one's own may have a web server in front of both.
    report.warn(place, ConfigFault::SamePort { one, other, machine, port, shared: !compose });
    true
}
