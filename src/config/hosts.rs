//! `[[hosts]]`: the servers that services run on, and how RMM logs in there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::host::{Address, Fingerprint, Host, Limits, Login};
use crate::domain::ids::HostName;
use crate::domain::service::Target;
use crate::domain::text::is_same_name;
use crate::domain::web_address::host_and_port;

use super::error::not_among;
use super::file::{SHORTEST_LIMIT, Section};
use super::jump;
use super::people::{Names, Unique};
use super::report::{Located, Origin, Report};
use super::secret::Keyring;

/// Keys of every type, the old and the new one of each.
const MOST_KEYS: usize = 10;

/// Where SSH listens unless said otherwise.
const SSH_PORT: u16 = 22;

/// The hosts, and what lists of hosts may refer to.
pub(super) struct Hosts {
    pub list: Vec<Host>,
    /// Every name that is written, also of hosts whose other keys are wrong.
    names: BTreeMap<String, Written>,
    used: RefCell<BTreeSet<String>>,
}

struct Written {
    place: Origin,
    /// Empty where the address is wrong.
    address: String,
}

impl Hosts {
    /// The hosts of a list; reports names that are unknown or there twice, and a list without any.
    pub fn resolve(&self, section: &Section<'_>, key: &str) -> Option<Located<Vec<Target>>> {
        if !section.has(key) {
            return None;
        }
        let (report, place) = (section.report, section.at(key));
        let listed = section.texts(key);
        if listed.as_ref().is_some_and(Vec::is_empty) {
            report.error(&place, ConfigFault::AnyHost);
        }
        let mut taken = Unique::default();
        let mut targets = Vec::new();
        for text in listed.unwrap_or_default() {
            taken.claim(report, text.value.clone(), &text.place);
            if let Some(written) = self.names.get(&text.value) {
                self.used.borrow_mut().insert(text.value.clone());
                let host = HostName::parse(key, text.value).ok();
                targets.extend(host.map(|host| Target { host, address: written.address.clone() }));
            } else if text.value == HostName::local().as_str() {
                report.error_hint(&text.place, ConfigFault::LocalNotAmong, ConfigHint::LocalDriver);
            } else {
                report.error(&text.place, not_among("hosts", &text.value, self.names.keys().map(String::as_str)));
            }
        }
        Some(Located { value: targets, place })
    }

    /// The machine behind a host: two entries with one address are the same one, and RMM's own has a name, too.
    pub fn machine(&self, host: &HostName) -> String {
        let Some(entry) = self.list.iter().find(|entry| entry.name == *host) else { return host.to_string() };
        // One address has several spellings.
        let host = entry.address.host.trim_end_matches('.').to_ascii_lowercase();
        let ip = host.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        let loops = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        let here = loops && entry.address.port == SSH_PORT;
        let address = Address { host: ip.map_or(host, |ip| ip.to_string()), port: entry.address.port };
        // Behind a jump host an address is what that one makes of it.
        match entry.jump.last() {
            Some(jump) if here => self.machine(jump),
            Some(jump) => format!("{address} behind {}", self.machine(jump)),
            None if here => HostName::local().to_string(),
            None => address.to_string(),
        }
    }

    /// What a machine is called here, and its addresses.
    pub fn names_of(&self, machine: &str) -> impl Iterator<Item = &str> {
        let here = self.list.iter().filter(move |entry| self.machine(&entry.name) == machine);
        // Behind a jump host an address is what that one makes of it.
        here.flat_map(|entry| [entry.name.as_str(), if entry.jump.is_empty() { &entry.address.host } else { "" }])
    }

    /// Tells about hosts that no list has named.
    pub fn warn_unused(&self, report: &Report<'_>) {
        let used = self.used.borrow();
        for (name, written) in self.names.iter().filter(|(name, _)| !used.contains(*name)) {
            report.warn(&written.place, ConfigFault::NoHostUses { host: name.clone() });
        }
    }
}

pub(super) fn read(root: &Section<'_>, keyring: &Keyring<'_>) -> Hosts {
    let mut hosts = Hosts { list: Vec::new(), names: BTreeMap::new(), used: RefCell::default() };
    let mut taken = Names::default();
    let mut jumps = BTreeMap::new();
    for section in root.list("hosts").unwrap_or_default() {
        let name = name(&section, &mut taken);
        let address = address(&section);
        let user = user(&section);
        let login = login(&section, keyring);
        let host_keys = host_keys(&section);
        let jump = section.one_or_more("jump").map(|list| Located { value: list, place: section.at("jump") });
        let limits = section.section("limits").map_or_else(Limits::default, |section| limits(&section));
        let Some(Located { value: name, place }) = name else { continue };
        let host = address.as_ref().map_or_else(String::new, |address| address.host.clone());
        hosts.names.entry(name.to_string()).or_insert(Written { place, address: host });
        if let Some(jump) = jump {
            jumps.entry(name.to_string()).or_insert(jump);
        }
        if let (Some(address), Some(user), Some(login)) = (address, user, login) {
            hosts.list.push(Host { name, address, user, login, host_keys, jump: Vec::new(), limits });
        }
    }
    let known = hosts.names.keys().map(String::as_str).collect();
    let mut ways = jump::ways(root.report, &known, &jumps);
    for host in &mut hosts.list {
        host.jump = ways.remove(host.name.as_str()).unwrap_or_default();
        // Whatever is on the way to a host is of use, as long as that host is.
        let on_the_way = host.jump.iter().map(ToString::to_string);
        hosts.used.borrow_mut().extend(on_the_way);
    }
    hosts
}

/// The text of a key that must be there.
fn needed(section: &Section<'_>, key: &str, why: Needed) -> Option<Located<String>> {
    if !section.has(key) {
        section.missing(key, why);
    }
    section.text(key)
}

fn name(section: &Section<'_>, taken: &mut Names) -> Option<Located<HostName>> {
    let text = needed(section, "name", Needed::NameOfHost)?;
    let report = section.report;
    taken.claim(report, &text);
    match HostName::parse("name", text.value) {
        Ok(name) if name.is_local() => {
            report.error_hint(&text.place, ConfigFault::LocalIsRmm, ConfigHint::LocalThere);
            None
        }
        Ok(value) => {
            if is_same_name(value.as_str(), HostName::local().as_str()) {
                let fault = ConfigFault::LikeLocal { name: value.to_string() };
                report.collision(&text.place, fault, ConfigHint::OtherHost);
            }
            Some(Located { value, place: text.place })
        }
        Err(invalid) => {
            report.error(&text.place, invalid.rule);
            None
        }
    }
}

fn address(section: &Section<'_>) -> Option<Address> {
    let text = needed(section, "address", Needed::HostAddress)?;
    let report = section.report;
    if text.value.contains('@') {
        report.error_hint(&text.place, ConfigFault::NamesUser, ConfigHint::UserIsKey);
        return None;
    }
    if text.value.parse::<Ipv6Addr>().is_ok() {
        let hint = ConfigHint::Write { text: format!("\"[{}]:{SSH_PORT}\"", text.value) };
        report.error_hint(&text.place, ConfigFault::NoBrackets, hint);
        return None;
    }
    let address = parse_address(&text.value, Some(SSH_PORT));
    if address.is_none() {
        report.error(&text.place, ConfigFault::HostAddress);
    }
    address
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; without `default`, the port must be there.
pub(super) fn parse_address(text: &str, default: Option<u16>) -> Option<Address> {
    let (host, port) = host_and_port(text)?;
    let port = port.or(default)?;
    Some(Address { host: host.to_owned(), port })
}

fn user(section: &Section<'_>) -> Option<String> {
    let text = needed(section, "user", Needed::HostUser)?;
    user_name(section.report, text)
}

/// A name of a user, which the system may know.
pub(super) fn user_name(report: &Report<'_>, text: Located<String>) -> Option<String> {
    let fits = (1..=64).contains(&text.value.len())
        && text.value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\' | b'/' | b':'))
        && !text.value.starts_with('-');
    if !fits {
        report.error(&text.place, ConfigFault::UserName);
    }
    fits.then_some(text.value)
}

fn login(section: &Section<'_>, keyring: &Keyring<'_>) -> Option<Login> {
    let report = section.report;
    let known = |key: &str| section.reference(key).filter(|reference| keyring.look_up(reference).is_some());
    let (password, key, passphrase) = (known("password"), private_key(section, keyring), known("passphrase"));
    match (section.has("password"), section.has("key")) {
        (false, false) => section.missing("key", Needed::HostLogin),
        (true, true) => {
            report.error(&section.at("password"), ConfigFault::BothLogins);
        }
        (true, false) | (false, true) => {}
    }
    if section.has("passphrase") && !section.has("key") {
        report.error(&section.at("passphrase"), ConfigFault::PassphraseAlone);
    }
    match (password, key) {
        (_, Some(key)) => Some(Login::Key { key, passphrase: passphrase.map(|reference| reference.value) }),
        (Some(password), None) => Some(Login::Password(password.value)),
        (None, None) => None,
    }
}

fn private_key(section: &Section<'_>, keyring: &Keyring<'_>) -> Option<String> {
    let reference = section.reference("key")?;
    let key = keyring.look_up(&reference)?;
    let public = ["ssh-", "ecdsa-", "sk-", "-----BEGIN PUBLIC KEY", "---- BEGIN SSH2 PUBLIC KEY"];
    if public.iter().any(|start| key.expose_secret().trim_start().starts_with(start)) {
        section.report.error_hint(&reference.place, ConfigFault::PublicKey, ConfigHint::PrivateKey);
        return None;
    }
    Some(reference.value)
}

fn host_keys(section: &Section<'_>) -> Vec<Fingerprint> {
    let mut keys = Vec::new();
    for text in section.one_or_more("host_key").unwrap_or_default() {
        match Fingerprint::parse(text.value) {
            Ok(key) if keys.contains(&key) => section.report.error(&text.place, ConfigFault::Twice),
            Ok(_) if keys.len() == MOST_KEYS => {
                section.report.error(&text.place, ConfigFault::TooManyKeys { most: MOST_KEYS });
                break;
            }
            Ok(key) => keys.push(key),
            Err(rule) => section.report.error_hint(&text.place, rule, ConfigHint::HostKey),
        }
    }
    keys
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let limit =
        |key: &str, default: Duration| section.duration(key, SHORTEST_LIMIT).map_or(default, |duration| duration.value);
    Limits {
        connect: limit("connect", default.connect),
        auth: limit("auth", default.auth),
        open: limit("open", default.open),
        keepalive: limit("keepalive", default.keepalive),
        idle: limit("idle", default.idle),
    }
}
