//! `[telemetry]`: where spans and lines of the log go, and the standard variables of OpenTelemetry (`OTEL_…`), which win over
//! the file as all variables do. Without an address nothing is exported.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::EnvVars;
use super::file::Section;
use super::report::{Located, Origin, Report, Spot};
use super::secret::{Keyring, is_reference};
use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::telemetry::{Sampling, Settings};

/// What a path of an address of OTLP over HTTP ends in.
const TRACES: &str = "/v1/traces";
const LOGS: &str = "/v1/logs";

/// What is exported, and how that is written.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// What it comes to.
    pub settings: Settings,
    /// Below this are the addresses for spans and for lines, unless variables say otherwise.
    pub endpoint: Option<String>,
    /// Where the values of headers come from, by their names.
    pub headers: BTreeMap<String, String>,
    /// Reference to authorities that are trusted for the collector beside the public ones.
    pub ca: Option<String>,
}

pub(super) fn read(root: &Section<'_>, report: &Report<'_>, env: &EnvVars, keyring: &Keyring<'_>) -> Telemetry {
    let variables = Variables { report, env };
    let section = root.section("telemetry");
    let section = section.as_ref();
    let written = section.and_then(|section| section.text("endpoint"));
    let endpoint = variables.text("OTEL_EXPORTER_OTLP_ENDPOINT").or(written);
    let endpoint = endpoint.and_then(|text| address(report, &text));
    let (mut settings, mut headers) = (Settings::default(), BTreeMap::new());
    if let Some(section) = section {
        for (name, text) in section.free("headers") {
            if is_header(&name, section, &text)
                && let Some(value) = keyring.look_up(&text)
            {
                settings.headers.insert(name.clone(), value);
                headers.insert(name, text.value);
            }
        }
        settings.resource = section.free("resource").into_iter().map(|(name, text)| (name, text.value)).collect();
        if let Some(name) = section.text("service_name").filter(|name| !name.value.is_empty()) {
            settings.service = name.value;
        }
    }
    for (name, value) in variables.pairs("OTEL_RESOURCE_ATTRIBUTES") {
        settings.resource.insert(name, value);
    }
    let named = variables.text("OTEL_SERVICE_NAME").map(|text| text.value);
    settings.service = named.or(settings.resource.remove("service.name")).unwrap_or(settings.service);
    settings.sampling = variables.sampling().unwrap_or_else(|| Sampling::Parent(share(section)));
    settings.timeout = variables.timeout().unwrap_or(settings.timeout);
    for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS"] {
        // The exporter reads them itself; here they become known as secrets.
        variables
            .pairs(name)
            .into_iter()
            .for_each(|(header, value)| keyring.keep(&format!("env:{name} ({header})"), value));
    }
    let below = |path: &str| endpoint.as_ref().map(|base| format!("{}{path}", base.trim_end_matches('/')));
    let whole = |name| variables.text(name).and_then(|text| address(report, &text));
    let with_logs =
        variables.exporter("OTEL_LOGS_EXPORTER").or_else(|| Some(section?.flag("logs")?.value)).unwrap_or_default();
    if !variables.is_true("OTEL_SDK_DISABLED") {
        let traced = variables.exporter("OTEL_TRACES_EXPORTER").unwrap_or(true);
        settings.traces = whole("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| below(TRACES)).filter(|_| traced);
        settings.logs = whole("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT").or_else(|| below(LOGS)).filter(|_| with_logs);
    }
    let secured = [&settings.traces, &settings.logs].into_iter().flatten().find(|url| url.starts_with("https://"));
    let written = section.and_then(|section| section.text("ca"));
    let written =
        written.filter(|ca| keyring.trust_at(ca, "endpoint", secured.or(endpoint.as_ref()).map(String::as_str)));
    let ca = variables
        .text("OTEL_EXPORTER_OTLP_CERTIFICATE")
        .map(|path| Located { value: format!("file:{}", path.value), ..path });
    let ca = ca.filter(|ca| keyring.trust(ca, None)).or(written).map(|ca| ca.value);
    if settings.traces.is_some() || settings.logs.is_some() {
        variables.warn_of_other_protocols();
    }
    Telemetry { settings, endpoint, headers, ca }
}

fn address(report: &Report<'_>, text: &Located<String>) -> Option<String> {
    report.is_web_address(text, &text.value, ConfigHint::LoginOfCollector).then(|| text.value.clone())
}

/// Whether this may be sent along, and does not hold its secret itself.
fn is_header(name: &str, section: &Section<'_>, text: &Located<String>) -> bool {
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_reference(&text.value) {
        if let Spot::Text(span) = &text.place.spot {
            section.report.hide(span);
        }
        let hint = ConfigHint::Header { name: name.to_owned() };
        section.report.error_unseen(&text.place, ConfigFault::HeaderWritten, hint);
        return false;
    }
    if !fits {
        section.report.error(&text.place, ConfigFault::HeaderName);
    }
    fits
}

/// The share of traces that is kept.
fn share(section: Option<&Section<'_>>) -> f64 {
    section.and_then(|section| section.share("sample")).map_or(1.0, |share| share.value)
}

/// The standard variables.
struct Variables<'a> {
    report: &'a Report<'a>,
    env: &'a EnvVars,
}

impl Variables<'_> {
    /// One that is set and not empty, which the standard takes for unset.
    fn text(&self, name: &str) -> Option<Located<String>> {
        let value = self.env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())?;
        Some(Located { value: value.to_owned(), place: Self::place(name) })
    }

    fn place(name: &str) -> Origin {
        Origin { path: name.to_owned(), spot: Spot::Environment }
    }

    fn is_true(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.value.eq_ignore_ascii_case("true"))
    }

    /// `name=value,name=value`, with `%20` for what would be in the way.
    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let text = self.text(name).map(|text| text.value).unwrap_or_default();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?.into_owned();
            Some((name.trim().to_owned(), value)).filter(|(name, _)| !name.is_empty())
        };
        text.split(',').filter_map(pair).collect()
    }

    /// Whether something is exported by OTLP, where a variable says so.
    fn exporter(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        match text.value.as_str() {
            "otlp" => Some(true),
            "none" => Some(false),
            other => {
                self.report.warn(&text.place, ConfigFault::Exporter { given: other.to_owned() });
                None
            }
        }
    }

    fn sampling(&self) -> Option<Sampling> {
        let text = self.text("OTEL_TRACES_SAMPLER")?;
        let share = || {
            let given = self.text("OTEL_TRACES_SAMPLER_ARG")?;
            let share = given.value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            if share.is_none() {
                self.report.warn(&given.place, ConfigFault::SampleShare);
            }
            share
        };
        match text.value.as_str() {
            "always_on" => Some(Sampling::Share(1.0)),
            "always_off" => Some(Sampling::Share(0.0)),
            "traceidratio" => Some(Sampling::Share(share().unwrap_or(1.0))),
            "parentbased_always_on" => Some(Sampling::Parent(1.0)),
            "parentbased_always_off" => Some(Sampling::Parent(0.0)),
            "parentbased_traceidratio" => Some(Sampling::Parent(share().unwrap_or(1.0))),
            other => {
                self.report.warn(&text.place, ConfigFault::Sampler { given: other.to_owned() });
                None
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let text = self.text("OTEL_EXPORTER_OTLP_TIMEOUT")?;
        let limit = text.value.parse().ok().map(Duration::from_millis).filter(|limit| !limit.is_zero());
        if limit.is_none() {
            self.report.warn(&text.place, ConfigFault::Milliseconds);
        }
        limit
    }

    fn warn_of_other_protocols(&self) {
        let names =
            ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"];
        for text in names.into_iter().filter_map(|name| self.text(name)).filter(|text| text.value != "http/protobuf") {
            self.report.warn(&text.place, ConfigFault::Protocol { given: text.value });
        }
    }
}
