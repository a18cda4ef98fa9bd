//! `[github]`, and what can be said wrongly about it.

use std::process::Command;
use std::sync::LazyLock;

use secrecy::ExposeSecret;

use super::{first_line, parse_with, service};
use crate::config::{Config, ConfigErrors, Github, GithubLogin};
use crate::domain::mark::MarkKind;
use crate::domain::plan::clone_url;

const TOKEN: &str = "github_pat_hunter22";

static PEM: LazyLock<String> = LazyLock::new(|| key("2048"));
static SHORT_PEM: LazyLock<String> = LazyLock::new(|| key("1024"));

/// An RSA key of so many bits, in PKCS#1, as GitHub gives it.
fn key(bits: &str) -> String {
    let output = Command::new("openssl").args(["genrsa", "-traditional", bits]).output().expect("openssl is installed");
    String::from_utf8(output.stdout).expect("text")
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    let authority = rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap().cert.pem();
    let variables = [
        ("TOKEN", TOKEN),
        ("PEM", PEM.as_str()),
        ("HOOK", "s3cret_-s3cret_-"),
        ("WEAK", "fifteen-letters"),
        ("SPACED", "two words"),
        ("SHORT_PEM", SHORT_PEM.as_str()),
        ("CA", authority.as_str()),
    ];
    parse_with(text, &variables)
}

/// `[github]` with the given keys, which begin in line 2, and a service.
fn github(keys: &str) -> String {
    format!("[github]\n{keys}\n{}", service(""))
}

fn valid(keys: &str) -> (Github, Vec<String>) {
    let config = read(&github(keys)).unwrap_or_else(|errors| panic!("{errors}"));
    let warnings = config.warnings.iter().map(|warning| first_line(&warning.to_string())).collect();
    (config.github.expect("GitHub"), warnings)
}

fn refused(keys: &str) -> Vec<String> {
    let errors = read(&github(keys)).expect_err("must be refused");
    errors.0.iter().map(|problem| first_line(&problem.to_string())).collect()
}

#[test]
fn a_token_is_all_that_is_needed() {
    let (github, warnings) = valid("token = \"env:TOKEN\"");
    let expected = Github {
        api_url: "https://api.github.com".into(),
        login: GithubLogin::Token("env:TOKEN".into()),
        webhook_secret: None,
        oidc_audience: None,
        read_deliveries: true,
        ca: None,
        marks: MarkKind::ALL.into(),
    };
    assert_eq!((github, warnings), (expected, Vec::new()));
    assert_eq!(read(&service("")).expect("valid").github, None);
}

#[test]
fn an_app_has_a_number_and_a_key() {
    let (github, _) = valid("app_id = 7\nprivate_key = \"env:PEM\"");
    assert_eq!(github.login, GithubLogin::App { id: 7, private_key: "env:PEM".into() });
}

#[test]
fn each_thing_that_rmm_leaves_there_has_a_switch() {
    let (github, _) = valid("token = \"env:TOKEN\"\ndeployments = false\ncommit_status = true");
    assert_eq!(github.marks, [MarkKind::Status, MarkKind::Comment].into());
    let (github, _) = valid("token = \"env:TOKEN\"\ncommit_status = false\npull_request_comment = false");
    assert_eq!(github.marks, [MarkKind::Deployment].into());
    let refused = refused("webhook_secret = \"env:HOOK\"\ndeployments = true\ncommit_status = 1");
    assert_eq!(
        refused,
        [
            "3:15: github.deployments: needs a login at GitHub: `token`, or `app_id` and `private_key`",
            "4:17: github.commit_status: expected true or false, found an integer",
        ]
    );
}

#[test]
fn the_rest_is_taken_as_it_is_written() {
    let keys = "token = \"env:TOKEN\"\napi_url = \"https://git.example.com/api/v3/\"\nwebhook_secret = \"env:HOOK\"\n\
                ca = \"env:CA\"\n[server]\npublic_url = \"https://rmm.example.com\"";
    let (github, warnings) = valid(keys);
    assert_eq!(github.api_url, "https://git.example.com/api/v3");
    assert_eq!(github.webhook_secret.as_deref(), Some("env:HOOK"));
    assert_eq!(github.ca.as_deref(), Some("env:CA"));
    assert_eq!(github.oidc_audience.as_deref(), Some("https://rmm.example.com"));
    assert!(warnings.is_empty(), "{warnings:?}");
    let (github, _) = valid("token = \"env:TOKEN\"\noidc_audience = \"rmm\"\napi_url = \"http://127.0.0.1:81\"");
    assert_eq!((github.oidc_audience.as_deref(), github.api_url.as_str()), (Some("rmm"), "http://127.0.0.1:81"));
}

#[test]
fn all_its_secrets_are_known_and_hidden() {
    let keys = "app_id = 7\nprivate_key = \"env:PEM\"\nwebhook_secret = \"env:HOOK\"";
    let config = read(&github(keys)).expect("valid");
    let known: Vec<_> = config.secrets.values().map(|value| value.expose_secret().to_owned()).collect();
    assert!(known.contains(&*PEM) && known.contains(&"s3cret_-s3cret_-".to_owned()), "{}", known.len());
    let shown = config.effective();
    assert!(shown.contains("private_key = \"•••\" # env:PEM\nwebhook_secret = \"•••\" # env:HOOK\n"), "{shown}");
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn it_is_a_token_or_an_app() {
    assert_eq!(
        refused("api_url = \"https://api.github.com\""),
        [
            "1:1: github.token: is missing: a token of GitHub, or an App in its place: `app_id` and `private_key`; write \
             where it is: \"env:RMM_GITHUB_TOKEN\""
        ]
    );
    assert_eq!(
        refused("token = \"env:TOKEN\"\napp_id = 7\nprivate_key = \"env:PEM\""),
        ["3:10: github.app_id: cannot stand beside `token`"]
    );
    assert_eq!(
        refused("app_id = 7"),
        ["1:1: github.private_key: is missing: the App's key; GitHub shows it once, as a file to download"]
    );
    assert_eq!(
        refused("private_key = \"env:PEM\""),
        ["1:1: github.app_id: is missing: the number of the App, on the page of its settings"]
    );
}

#[test]
fn what_cannot_be_right_is_named_with_its_line() {
    for (keys, problem) in [
        ("token = \"env:SPACED\"", "2:9: github.token: does not hold a token of GitHub"),
        (
            "app_id = 7\nprivate_key = \"env:TOKEN\"",
            "3:15: github.private_key: does not hold a private key in PEM format",
        ),
        (
            "app_id = 7\nprivate_key = \"env:SHORT_PEM\"",
            "3:15: github.private_key: does not hold an RSA key of at least 2048 bits without a passphrase",
        ),
        (
            "token = \"env:TOKEN\"\nwebhook_secret = \"env:WEAK\"",
            "3:18: github.webhook_secret: must hold at least 16 characters: GitHub signs with it, and a short one can be \
             guessed",
        ),
        (
            "token = \"env:TOKEN\"\napi_url = \"https://github.com\"",
            "3:11: github.api_url: is GitHub's page; its API is \"https://api.github.com\"",
        ),
        (
            "token = \"env:TOKEN\"\napi_url = \"http://git.example.com/api/v3\"",
            "3:11: github.api_url: must begin with https://: the token goes there",
        ),
        (
            "token = \"env:TOKEN\"\napi_url = \"http://127.0.0.1:81\"\nca = \"env:CA\"",
            "4:6: github.ca: belongs to an `api_url` with https://: only there is a certificate to look at",
        ),
        (
            "token = \"env:TOKEN\"\noidc_audience = \"\"",
            "3:17: github.oidc_audience: must not be empty: an identity without a receiver is worth nothing",
        ),
    ] {
        assert_eq!(refused(keys), [problem]);
    }
}

#[test]
fn an_enterprise_server_without_its_path_is_probably_not_meant() {
    for (written, usual) in [
        ("https://git.example.com", "https://git.example.com/api/v3"),
        ("https://git.example.com/", "https://git.example.com/api/v3"),
        ("https://git.example.com:8443/api", "https://git.example.com:8443/api/v3"),
        ("https://api.example.com", "https://api.example.com/api/v3"),
        ("https://git.example.com/api/v3/repos", "https://git.example.com/api/v3"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://api.acme.ghe.com/api/v3", "https://api.acme.ghe.com"),
        ("https://api.github.com/v3", "https://api.github.com"),
    ] {
        let (_, warnings) = valid(&format!("token = \"env:TOKEN\"\napi_url = \"{written}\""));
        assert_eq!(warnings, [format!("3:11: github.api_url: this GitHub has its API at {usual}")], "{written}");
    }
    for fits in ["https://api.acme.ghe.com", "https://git.example.com/api/v3/", "https://API.github.com"] {
        let (_, warnings) = valid(&format!("token = \"env:TOKEN\"\napi_url = \"{fits}\""));
        assert!(warnings.is_empty(), "{fits}: {warnings:?}");
    }
}

#[test]
fn a_protection_rule_is_the_apps_and_one_services() {
    let app = "[github]\napp_id = 7\nprivate_key = \"env:PEM\"\n";
    let with = |rule: &str| service("").replace("production.driver = \"ci\"", &format!("production = {{ {rule} }}"));
    let rule = "driver = \"ci\", protection_rule = \"live\"";
    let config = read(&format!("{app}{}", with(rule))).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.services[0].protection_rule.as_deref(), Some("live"));
    assert!(config.effective().contains("protection_rule = \"live\"\n"), "{}", config.effective());
    let two = with(rule).replacen(
        "[[people]]",
        &format!(
            "{}\n[[people]]",
            with(rule)
                .split("[[people]]")
                .next()
                .unwrap()
                .replace("\"api\"", "\"web\"")
                .replace("team/api", "Team/api")
        ),
        1,
    );
    let token = "[github]\ntoken = \"env:TOKEN\"\n";
    for (text, problem) in [
        (format!("{token}{}", with(rule)), "needs a GitHub App: only the App of a rule may answer it"),
        (with(rule), "needs a GitHub App"),
        (format!("{app}{}", with("driver = \"ci\", protection_rule = \" \"")), "must be the name of an environment"),
        (
            format!("{app}{}", with(rule)).replace("team/api", "https://git.example.com/a/b.git"),
            "needs the service's `repository` at GitHub",
        ),
        (format!("{app}{two}"), "is the rule of the service api already"),
    ] {
        let errors = read(&text).expect_err(problem).to_string();
        assert!(errors.contains(problem), "{problem}: {errors}");
    }
    let on_stage = format!("{app}{}", service("").replace("stage.driver = \"ci\"", &format!("stage = {{ {rule} }}")));
    let errors = read(&on_stage).expect_err("stage has none").to_string();
    assert!(errors.contains("is for production"), "{errors}");
}

#[test]
fn a_name_alone_is_cloned_from_the_github_of_the_file() {
    let at = |keys: &str| {
        let config =
            read(&github(&format!("token = \"env:TOKEN\"\n{keys}"))).unwrap_or_else(|errors| panic!("{errors}"));
        clone_url(config.services[0].repository.as_deref().expect("a repository"))
    };
    assert_eq!(at(""), "https://github.com/team/api.git");
    assert_eq!(at("api_url = \"https://git.example.com/api/v3\""), "https://git.example.com/team/api.git");
    assert_eq!(at("api_url = \"https://api.acme.ghe.com\""), "https://acme.ghe.com/team/api.git");
}

#[test]
fn one_workflow_for_deploy_and_rollback_is_warned_of() {
    let warned = |back: &str| {
        let production =
            format!("production = {{ driver = \"ci\", workflow = \"go.yaml\", rollback_workflow = \"{back}\" }}");
        let text = github("token = \"env:TOKEN\"").replace("production.driver = \"ci\"", &production);
        let config = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
        config.warnings.iter().map(ToString::to_string).filter(|text| text.contains("same file")).count()
    };
    assert_eq!((warned("go.yaml"), warned("back.yaml")), (1, 0));
}

#[test]
fn a_workflow_without_a_rollback_workflow_is_warned_of() {
    let warned = |keys: &str| {
        let production = format!("production = {{ driver = \"ci\"{keys} }}");
        let text = github("token = \"env:TOKEN\"").replace("production.driver = \"ci\"", &production);
        let config = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
        config.warnings.iter().map(ToString::to_string).filter(|text| text.contains("no `rollback_workflow`")).count()
    };
    let both = ", workflow = \"go.yaml\", rollback_workflow = \"back.yaml\"";
    assert_eq!((warned(", workflow = \"go.yaml\""), warned(both), warned("")), (1, 0, 0));
}

#[test]
fn a_workflow_that_rmm_cannot_start_is_warned_of() {
    let warned = |keys: &str| {
        let production = "production = { driver = \"ci\", workflow = \"go.yaml\" }";
        let text = github(keys).replace("production.driver = \"ci\"", production);
        let config = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
        config.warnings.iter().map(ToString::to_string).filter(|text| text.contains("neither `token` nor")).count()
    };
    assert_eq!((warned("webhook_secret = \"env:HOOK\""), warned("token = \"env:TOKEN\"")), (1, 0));
}

#[test]
fn a_report_timeout_that_is_shorter_than_the_pauses_is_warned_of() {
    let warned = |limit: &str| {
        let production = format!("production = {{ driver = \"ci\", report_timeout = \"{limit}\" }}");
        let text = github("token = \"env:TOKEN\"").replace("production.driver = \"ci\"", &production);
        let config = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
        config.warnings.iter().map(ToString::to_string).filter(|text| text.contains("below 3m")).count()
    };
    assert_eq!((warned("40s"), warned("179s"), warned("3m")), (1, 1, 0));
}

#[test]
fn authorities_count_for_the_issuer_without_a_login_too() {
    let keys = "api_url = \"https://git.example.com/api/v3\"\nca = \"env:CA\"\noidc_audience = \"rmm\"";
    let config = read(&github(keys)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((config.github, config.from_github.ca.as_deref()), (None, Some("env:CA")));
}
