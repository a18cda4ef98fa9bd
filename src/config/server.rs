//! `[server]`: RMM itself, and the environment variables that override its keys.

use crate::wording::Language;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::EnvVars;
use super::error::unknown;
use super::file::{Section, choose};
use super::keys::SERVER;
use super::report::{Located, Origin, Report, Spot};
use crate::domain::fault::config::{ConfigFault, ConfigHint, Unknown};
use crate::domain::rule::Rule;
use crate::domain::text::meant;

/// What every override begins with. The client's own `RMM_URL` and `RMM_TOKEN` do not.
const OVERRIDE: &str = "RMM__";

/// RMM itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// How people and CI reach it from outside; no slash at the end.
    pub public_url: Option<String>,
    /// Who may say for whom a request is: proxies in front of RMM.
    pub trusted_proxies: Vec<IpNet>,
    /// Database, logs and keys; absolute.
    pub data_dir: PathBuf,
    /// For people who have not chosen one.
    pub language: Language,
    /// Of the times that people see.
    pub time_zone: TimeZone,
    /// Admins may define services in the dashboard.
    pub edit_services: bool,
}

/// The environment variable that overrides a key of `[server]`.
fn override_name(key: &str) -> String {
    format!("{OVERRIDE}SERVER__{}", key.to_uppercase())
}

pub(super) fn read(section: Option<&Section<'_>>, report: &Report<'_>, base: &Path, env: &EnvVars) -> Server {
    refuse_unknown_overrides(report, env);
    // The file is checked even where it is overridden: the override may be gone tomorrow.
    let text = |key: &'static str| -> Option<Located<String>> {
        let written = section.and_then(|section| section.text(key));
        let name = override_name(key);
        match env.get(&name) {
            Some(value) => {
                Some(Located { value: value.clone(), place: Origin { path: name, spot: Spot::Environment } })
            }
            None => written,
        }
    };
    let proxies = section.and_then(|section| section.texts("trusted_proxies")).unwrap_or_default();
    let name = override_name("trusted_proxies");
    let proxies = match env.get(&name) {
        Some(value) => {
            let place = Origin { path: name, spot: Spot::Environment };
            let one = |text: &str| Located { value: text.trim().to_owned(), place: place.clone() };
            value.split(',').filter(|text| !text.trim().is_empty()).map(one).collect()
        }
        None => proxies,
    };
    Server {
        listen: text("listen")
            .and_then(|text| listen(report, &text))
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        public_url: text("public_url").and_then(|text| public_url(report, &text)),
        trusted_proxies: proxies.iter().filter_map(|text| proxy(report, text)).collect(),
        data_dir: base.join(text("data_dir").and_then(|text| data_dir(report, text)).unwrap_or_else(|| "data".into())),
        language: text("language")
            .and_then(|text| choose(report, &text, &[("en", Language::En), ("ru", Language::Ru)]))
            .map_or(Language::En, |language| language.value),
        time_zone: text("time_zone").and_then(|text| time_zone(report, &text)).unwrap_or(TimeZone::UTC),
        edit_services: edit_services(section, report, env),
    }
}

fn edit_services(section: Option<&Section<'_>>, report: &Report<'_>, env: &EnvVars) -> bool {
    let written = section.and_then(|section| section.flag("edit_services")).map(|flag| flag.value);
    let name = override_name("edit_services");
    let overridden = env.get(&name).and_then(|value| {
        let place = Origin { path: name.clone(), spot: Spot::Environment };
        choose(report, &Located { value: value.clone(), place }, &[("true", true), ("false", false)])
    });
    overridden.map(|flag| flag.value).or(written).unwrap_or(true)
}

fn refuse_unknown_overrides(report: &Report<'_>, env: &EnvVars) {
    let known: Vec<String> = SERVER.iter().map(|key| override_name(key.name)).collect();
    let given = env.range(OVERRIDE.to_owned()..).map(|(name, _)| name).take_while(|name| name.starts_with(OVERRIDE));
    for name in given.filter(|name| !known.contains(name)) {
        let place = Origin { path: name.clone(), spot: Spot::Environment };
        let fault = unknown(Unknown::Override, name, known.iter().map(String::as_str));
        report.error_hint(&place, fault, ConfigHint::OnlyServer);
    }
}

fn listen(report: &Report<'_>, text: &Located<String>) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        report.error(&text.place, ConfigFault::ListenAddress);
    }
    address
}

fn public_url(report: &Report<'_>, text: &Located<String>) -> Option<String> {
    if !report.is_web_address(text, &text.value, ConfigHint::LoginOfServer) {
        return None;
    }
    if text.value.contains(['?', '#']) {
        report.error(&text.place, ConfigFault::BeforeQuery);
        return None;
    }
    Some(text.value.trim_end_matches('/').to_owned())
}

/// An address, or a network of them.
fn proxy(report: &Report<'_>, text: &Located<String>) -> Option<IpNet> {
    let address = |text: &str| text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    let Some(network) = address(&text.value).or_else(|| text.value.parse().ok()) else {
        report.error_hint(&text.place, ConfigFault::ProxyAddress, ConfigHint::NoNamesOfProxies);
        return None;
    };
    if network.prefix_len() == 0 {
        report.error(&text.place, ConfigFault::EveryProxy);
        return None;
    }
    if network.trunc() != network {
        report.error(&text.place, ConfigFault::NetworkMeant { network: network.trunc().to_string() });
        return None;
    }
    Some(network)
}

fn data_dir(report: &Report<'_>, text: Located<String>) -> Option<String> {
    if text.value.trim().is_empty() {
        report.error(&text.place, Rule::NotEmpty);
        return None;
    }
    Some(text.value)
}

/// UTC needs no database of time zones; all others come from the machine.
fn time_zone(report: &Report<'_>, text: &Located<String>) -> Option<TimeZone> {
    if text.value.eq_ignore_ascii_case("UTC") {
        return Some(TimeZone::UTC);
    }
    if let Ok(zone) = TimeZone::get(&text.value) {
        return Some(zone);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let near = meant(&text.value, names.iter().map(String::as_str)).map(str::to_owned);
    let fault = ConfigFault::NoTimeZone { name: text.value.clone(), near, others: !names.is_empty() };
    if names.is_empty() {
        report.error_hint(&text.place, fault, ConfigHint::NoTimeZones);
    } else {
        report.error(&text.place, fault);
    }
    None
}
