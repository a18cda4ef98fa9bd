//! Environment variables override the keys of `[server]`, and nothing else.

use super::{advice, env, first_line, parse_with};
use crate::config::{Config, env_vars};

#[test]
fn the_environment_wins_over_the_file() {
    let config = parse_with(
        "[server]\nlisten = \"127.0.0.1:1\"\nlanguage = \"ru\"\n",
        &[("RMM__SERVER__LISTEN", "0.0.0.0:80"), ("RMM__SERVER__DATA_DIR", "/var/lib/rmm"), ("RMM_URL", "ignored")],
    )
    .expect("valid");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.server.data_dir.to_str(), Some("/var/lib/rmm"));
    assert_eq!(config.server.language.as_str(), "ru");
}

#[test]
fn overrides_work_without_a_section() {
    let config = parse_with("", &[("RMM__SERVER__PUBLIC_URL", "https://rmm.example.com")]).expect("valid");
    assert_eq!(config.server.public_url.as_deref(), Some("https://rmm.example.com"));
}

#[test]
fn a_wrong_override_is_named_and_the_file_is_still_checked() {
    let errors = parse_with(
        "[server]\nlisten = 7\n",
        &[("RMM__SERVER__LANGUAGE", "de"), ("RMM__SERVER__LISTN", "x"), ("RMM__SERVICES__0__NAME", "x")],
    )
    .expect_err("refused");
    let lines: Vec<_> = errors.0.iter().map(|problem| first_line(&problem.to_string())).collect();
    assert_eq!(
        lines,
        [
            "environment: RMM__SERVER__LISTN: unknown override; did you mean `RMM__SERVER__LISTEN`?",
            "environment: RMM__SERVICES__0__NAME: unknown override; allowed here: `RMM__SERVER__LISTEN`, \
             `RMM__SERVER__PUBLIC_URL`, `RMM__SERVER__TRUSTED_PROXIES`, `RMM__SERVER__DATA_DIR`, `RMM__SERVER__LANGUAGE`, \
             `RMM__SERVER__TIME_ZONE`, `RMM__SERVER__EDIT_SERVICES`",
            "environment: RMM__SERVER__LANGUAGE: must be \"en\" or \"ru\"",
            "2:10: server.listen: expected a string, found an integer",
        ]
    );
    assert_eq!(
        advice(&errors.0[0]).as_deref(),
        Some("environment variables override the keys of [server] and nothing else")
    );
}

#[test]
fn a_file_is_loaded_with_paths_from_its_own_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rmm.toml");
    std::fs::write(&path, "[server]\ndata_dir = \"state\"\n").expect("write");
    let config = Config::load(&path, &env(&[])).expect("valid");
    assert_eq!(config.server.data_dir, folder.path().join("state"));
}

#[test]
#[cfg(unix)]
fn variables_that_are_not_text_are_known_by_their_names_alone() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(vec![0xFF]);
    let vars = env_vars([("A".into(), "1".into()), ("B".into(), odd)]);
    assert_eq!(vars.iter().collect::<Vec<_>>(), env(&[("A", "1")]).iter().collect::<Vec<_>>());
    assert_eq!(["A", "B", "C"].map(|name| vars.is_not_text(name)), [false, true, false]);
}
