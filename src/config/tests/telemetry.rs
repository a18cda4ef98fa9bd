//! Where spans go: by the file, by OpenTelemetry's variables, and what is said of mistakes.

use secrecy::ExposeSecret;

use super::{parse, parse_with, problems};
use crate::telemetry::Sampling;

const FILE: &str = "[telemetry]\nendpoint = \"http://127.0.0.1:4318/\"\nsample = 0.25\nlogs = true\n\
                    headers.authorization = \"env:COLLECTOR\"\nresource.place = \"attic\"\nresource.\"service.name\" = \"shop-rmm\"\n";
const KEY: (&str, &str) = ("COLLECTOR", "Bearer not-really-a-key");

#[test]
fn without_an_address_nothing_is_exported() {
    let telemetry = parse("").telemetry;
    assert_eq!((telemetry.settings.traces, telemetry.settings.logs), (None, None));
    assert!(!parse("").effective().contains("telemetry"));
    let configured = parse("[telemetry]\nsample = 0\nlogs = true\n").telemetry.settings;
    assert_eq!((configured.traces, configured.logs), (None, None));
}

#[test]
fn the_file_says_where_to_and_what_is_shown_hides_the_key() {
    let config = parse_with(FILE, &[KEY]).unwrap();
    let settings = &config.telemetry.settings;
    assert_eq!(settings.traces.as_deref(), Some("http://127.0.0.1:4318/v1/traces"));
    assert_eq!(settings.logs.as_deref(), Some("http://127.0.0.1:4318/v1/logs"));
    assert_eq!((settings.sampling, settings.service.as_str()), (Sampling::Parent(0.25), "shop-rmm"));
    assert_eq!(settings.headers["authorization"].expose_secret(), "Bearer not-really-a-key");
    let shown = config.effective();
    assert!(shown.contains("headers.authorization = \"•••\" # env:COLLECTOR\n"), "{shown}");
    assert!(shown.contains("# spans go to http://127.0.0.1:4318/v1/traces\n"), "{shown}");
    assert!(!shown.contains("not-really"));
    assert!(!format!("{config:?}").contains("not-really"));
}

#[test]
fn variables_win_over_the_file() {
    let variables = [
        KEY,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://tempo.example.com/otlp/v1/traces"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ("OTEL_SERVICE_NAME", "rmm-2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "place=cellar%20door,team=a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=another-secret"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
    ];
    let config = parse_with(FILE, &variables).unwrap();
    let settings = &config.telemetry.settings;
    assert_eq!(settings.traces.as_deref(), Some("https://tempo.example.com/otlp/v1/traces"));
    assert_eq!(settings.logs.as_deref(), Some("http://collector:4318/v1/logs"));
    assert_eq!((settings.sampling, settings.service.as_str()), (Sampling::Share(0.5), "rmm-2"));
    assert_eq!((settings.resource["place"].as_str(), settings.resource["team"].as_str()), ("cellar door", "a"));
    assert_eq!(settings.timeout.as_millis(), 2500);
    assert!(config.secrets.values().any(|secret| secret.expose_secret() == "another-secret"));
    let with = |name, value| parse_with(FILE, &[KEY, (name, value)]).unwrap().telemetry.settings;
    assert_eq!(with("OTEL_SDK_DISABLED", "TRUE").traces, None);
    let quiet = with("OTEL_TRACES_EXPORTER", "none");
    assert!(quiet.traces.is_none() && quiet.logs.is_some());
    assert_eq!(with("OTEL_LOGS_EXPORTER", "none").logs, None);
    assert_eq!(with("OTEL_TRACES_SAMPLER", "parentbased_always_off").sampling, Sampling::Parent(0.0));
    assert_eq!(with("OTEL_EXPORTER_OTLP_ENDPOINT", "").traces.as_deref(), Some("http://127.0.0.1:4318/v1/traces"));
}

#[test]
fn a_collector_of_an_own_authority_is_trusted_by_file_or_by_variable() {
    let own = rcgen::generate_simple_self_signed(["collector.example.com".to_owned()]).unwrap().cert.pem();
    let file = "[telemetry]\nendpoint = \"https://collector.example.com\"\nca = \"env:CA\"\n";
    let config = parse_with(file, &[("CA", &own)]).unwrap();
    assert_eq!(config.telemetry.ca.as_deref().and_then(|ca| config.authorities.get(ca)), Some(own.as_str()));
    assert!(config.effective().contains("ca = \"env:CA\"\n"));
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &own).unwrap();
    let named = path.path().display().to_string();
    let both = [("CA", own.as_str()), ("OTEL_EXPORTER_OTLP_CERTIFICATE", named.as_str())];
    let config = parse_with(file, &both).unwrap();
    assert_eq!(config.telemetry.ca, Some(format!("file:{named}")));
    let wrong = parse_with(&file.replace("https", "http"), &[("CA", &own)]).unwrap_err().to_string();
    assert!(wrong.contains("telemetry.ca: belongs to an `endpoint` with https://"), "{wrong}");
    let wrong = parse_with(file, &[("CA", "no certificate")]).unwrap_err().to_string();
    assert!(wrong.contains("telemetry.ca: holds no certificate"), "{wrong}");
}

#[test]
fn what_rmm_cannot_do_is_said() {
    let warned = |name, value| {
        let config = parse_with(FILE, &[KEY, (name, value)]).unwrap();
        config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(warned("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").contains("RMM speaks \"http/protobuf\""));
    assert!(warned("OTEL_TRACES_SAMPLER", "jaeger_remote").contains("RMM has no sampler"));
    assert!(warned("OTEL_TRACES_EXPORTER", "zipkin").contains("not by \"zipkin\""));
    assert!(!warned("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").contains("OTEL_"));
}

#[test]
fn mistakes_are_found_and_keys_are_not_shown() {
    assert_eq!(problems("[telemetry]\nsample = 1.5\n"), ["2:10: telemetry.sample: must be from 0 to 1"]);
    assert_eq!(
        problems("[telemetry]\nsample = \"all\"\n"),
        ["2:10: telemetry.sample: expected a number from 0 to 1, found a string"]
    );
    let said = |text: &str| parse_with(text, &[]).unwrap_err().to_string();
    let wrong = said("[telemetry.headers]\nauthorization = \"Bearer not-really-a-key\"\n");
    assert!(wrong.contains("must say where the value is") && !wrong.contains("not-really"), "{wrong}");
    let wrong = said("[telemetry]\nendpoint = \"http://me:not-really@collector/\"\n");
    assert!(wrong.contains("must not carry a user or a password") && !wrong.contains("not-really"), "{wrong}");
    assert!(said("[telemetry]\nendpoint = \"collector:4317\"\n").contains("must be an http:// or https:// address"));
}
