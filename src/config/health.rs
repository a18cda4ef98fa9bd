//! `health`: what is asked to tell that a surface is well, by whom, and how often.

use std::time::Duration;

use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::plan::Quoting;
use crate::domain::service::{Health, Probe, Via};
use crate::domain::text::readable;

use super::command::{checked, command};
use super::file::{SHORTEST_LIMIT, Section};
use super::hosts::parse_address;
use super::report::{Located, Origin, Report};
use super::secret::Keyring;
use super::template;

/// Characters of a text that an answer must contain.
const LONGEST_BODY: usize = 1_000;

const VIA: &[(&str, Via)] = &[("host", Via::Host), ("rmm", Via::Rmm)];

/// What is written about a health check.
#[derive(Clone)]
pub(super) struct HealthDraft {
    place: Origin,
    url: Option<Located<String>>,
    tcp: Option<Located<String>>,
    command: Option<Located<String>>,
    via: Option<Located<Via>>,
    status: Option<Located<u16>>,
    body: Option<Located<String>>,
    ca: Option<Located<String>>,
    wait: Option<Duration>,
    attempts: Option<u32>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
}

impl HealthDraft {
    /// Reads what is written, and checks each value for itself.
    pub fn read(section: &Section<'_>, keyring: &Keyring<'_>) -> Self {
        let value = |found: Option<Located<Duration>>| found.map(|duration| duration.value);
        let status = section.number("status", 100..=599);
        Self {
            place: section.place.clone(),
            url: url(section),
            tcp: tcp(section),
            command: command(section, "command"),
            via: section.choice("via", VIA),
            status: status.and_then(|s| Some(Located { value: u16::try_from(s.value).ok()?, place: s.place })),
            body: body(section),
            ca: section.text("ca").filter(|reference| keyring.trust(reference, None)),
            wait: value(section.duration("wait", Duration::ZERO)),
            attempts: section.number("attempts", 1..=1000).and_then(|count| u32::try_from(count.value).ok()),
            interval: value(section.duration("interval", Duration::ZERO)),
            timeout: value(section.duration("timeout", SHORTEST_LIMIT)),
        }
    }

    /// This draft where it says something, `base` elsewhere. A probe of one's own replaces one of another kind, with
    /// the keys that only the other kind has.
    pub fn over(self, base: Self) -> Self {
        let own = self.url.is_some() || self.tcp.is_some() || self.command.is_some();
        let keeps_answer = !own || self.url.is_some();
        let keeps_via = !own || self.command.is_none();
        let (url, tcp, command) =
            if own { (self.url, self.tcp, self.command) } else { (base.url, base.tcp, base.command) };
        Self {
            place: self.place,
            url,
            tcp,
            command,
            via: self.via.or(base.via.filter(|_| keeps_via)),
            status: self.status.or(base.status.filter(|_| keeps_answer)),
            body: self.body.or(base.body.filter(|_| keeps_answer)),
            ca: self.ca.or(base.ca.filter(|_| keeps_answer)),
            wait: self.wait.or(base.wait),
            attempts: self.attempts.or(base.attempts),
            interval: self.interval.or(base.interval),
            timeout: self.timeout.or(base.timeout),
        }
    }

    /// Reports what does not go together. Where containers can tell, nothing else need be asked.
    pub fn check(&self, report: &Report<'_>, containers: bool) {
        let probes = [("url", &self.url), ("tcp", &self.tcp), ("command", &self.command)];
        let mut probes = probes.iter().filter_map(|(key, probe)| Some((*key, probe.as_ref()?)));
        match (probes.next(), probes.next()) {
            (None, _) if containers => {}
            (None, _) => report.error(&self.place, ConfigFault::NoProbe),
            (Some(_), None) => {}
            (Some((first, _)), Some((_, second))) => {
                report.error(&second.place, ConfigFault::ProbeBeside { first: first.to_owned() });
            }
        }
        if self.url.is_none() {
            let answers = [self.status.as_ref().map(|s| &s.place), self.body.as_ref().map(|b| &b.place)];
            for place in answers.into_iter().flatten() {
                report.error(place, ConfigFault::AnswerWithoutUrl);
            }
        }
        if let Some(ca) = self.ca.as_ref().filter(|_| !self.is_https()) {
            report.error(&ca.place, ConfigFault::NotHttps { key: "url".to_owned() });
        }
        let Some(via) = &self.via else { return };
        if self.url.is_none() && self.tcp.is_none() && self.command.is_some() {
            report.error(&via.place, ConfigFault::ViaOfCommand);
        }
        if via.value == Via::Host && self.is_https() {
            report.error_hint(&via.place, ConfigFault::HttpsOnHost, ConfigHint::ViaRmm);
        }
    }

    /// Where it is written what is asked.
    pub fn asked_at(&self) -> Option<&Origin> {
        let probes = [&self.url, &self.tcp, &self.command];
        probes.into_iter().flatten().map(|probe| &probe.place).next()
    }

    /// RMM brings no list of authorities to a host, so that it cannot ask for HTTPS from there.
    fn is_https(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.value.starts_with("https:"))
    }

    /// A check that asks nothing of its own: when and how often, where this says so.
    pub fn tuned(&self, default: Health) -> Health {
        Health {
            wait: self.wait.unwrap_or(default.wait),
            attempts: self.attempts.unwrap_or(default.attempts),
            interval: self.interval.unwrap_or(default.interval),
            timeout: self.timeout.unwrap_or(default.timeout),
            ..default
        }
    }

    /// Fills in the defaults; none where it asks nothing.
    pub fn complete(&self) -> Option<Health> {
        let text = |located: &Option<Located<String>>| located.as_ref().map(|text| text.value.clone());
        let default = if self.is_https() { Via::Rmm } else { Via::Host };
        let via = self.via.as_ref().map_or(default, |via| via.value);
        let status = self.status.as_ref().map(|status| status.value);
        let url =
            text(&self.url).map(|url| Probe::Http { url, via, status, body: text(&self.body), ca: text(&self.ca) });
        let tcp = text(&self.tcp).map(|address| Probe::Tcp { address, via });
        let probe = url.or(tcp).or_else(|| text(&self.command).map(Probe::Command))?;
        Some(Health {
            probe,
            wait: self.wait.unwrap_or(Duration::from_secs(15)),
            attempts: self.attempts.unwrap_or(5),
            interval: self.interval.unwrap_or(Duration::from_secs(20)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(5)),
        })
    }
}

fn url(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "url", |text| {
        let Some(rendered) = template::check(section.report, text, Quoting::Url) else { return };
        // What a template makes of a host or a port hangs on the release.
        let (scheme, rest) = text.value.split_once("://").unwrap_or_default();
        let open = rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('{'));
        let known = if open { format!("{scheme}://known.later/") } else { rendered };
        section.report.is_web_address(text, &known, ConfigHint::LoginOfHealth);
    })
}

fn tcp(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "tcp", |text| {
        if let Some(rendered) = template::check(section.report, text, Quoting::Url)
            && parse_address(&rendered, None).is_none()
            // What a template makes of it hangs on the release, but a value never brings such characters.
            && (!text.value.contains('{') || rendered.contains(|c: char| !c.is_ascii_alphanumeric() && !"-._~%:[]".contains(c)))
        {
            section.report.error(&text.place, ConfigFault::TcpAddress);
        }
    })
}

/// Plain text, not a template.
fn body(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "body", |text| {
        if text.value.is_empty() {
            section.report.error(&text.place, ConfigFault::EmptyKey);
        } else if let Err(invalid) = readable("body", &text.value, LONGEST_BODY) {
            section.report.error(&text.place, invalid.rule);
        }
    })
}
