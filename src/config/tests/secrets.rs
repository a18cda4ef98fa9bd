//! Secrets are looked up when the file is read, and shown nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::ExposeSecret;

use super::{env, first_line, parse_with, surface};
use crate::config::{Config, ConfigErrors};
use crate::domain::service::EnvValue;

fn with_env(entry: &str) -> String {
    surface(&format!("directory = \"/srv\"\nenv.DB = \"{entry}\""))
}

fn in_folder(folder: &Path, entry: &str) -> Result<Config, ConfigErrors> {
    Config::parse(&with_env(entry), "rmm.toml", folder, &env(&[]))
}

fn refusal(found: Result<Config, ConfigErrors>) -> String {
    first_line(&found.expect_err("refused").0[0].to_string())
}

#[test]
fn a_secret_of_the_environment_is_found_and_hidden() {
    let config = parse_with(&with_env("env:DB_PASSWORD"), &[("DB_PASSWORD", "hunter2")]).expect("valid");
    assert_eq!(config.services[0].surfaces[0].env["DB"], EnvValue::Secret("env:DB_PASSWORD".into()));
    let value = config.secrets.get("env:DB_PASSWORD").expect("found");
    assert_eq!(value.expose_secret(), "hunter2");
    assert_eq!(config.secrets.values().count(), 1);
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!config.effective().contains("hunter2"));
    assert!(config.effective().contains("env.DB = \"•••\" # env:DB_PASSWORD\n"), "{}", config.effective());
}

#[test]
fn a_secret_that_is_missing_names_key_line_and_variable() {
    let key = "10:10: services[0].surfaces[0].env.DB:";
    assert_eq!(
        refusal(parse_with(&with_env("env:DB_PASSWORD"), &[])),
        format!("{key} the environment variable `DB_PASSWORD` is not set")
    );
    assert_eq!(
        refusal(parse_with(&with_env("env:DB_PASSWORD"), &[("DB_PASSWORD", "")])),
        format!("{key} the environment variable `DB_PASSWORD` is empty")
    );
    assert_eq!(
        refusal(parse_with(&with_env("env:"), &[])),
        format!("{key} `env:` must be followed by the name of an environment variable")
    );
    assert_eq!(
        refusal(parse_with(&with_env("file:"), &[])),
        format!("{key} `file:` must be followed by the path of a file")
    );
    assert_eq!(
        refusal(parse_with(&with_env("file:secrets/db"), &[])),
        format!("{key} the file /etc/rmm/secrets/db does not exist")
    );
}

/// The first line of the warning about a variable of a command.
fn about_secrets(config: &Config) -> Option<String> {
    config.warnings.iter().find(|warning| warning.key.contains(".env.")).map(|warning| first_line(&warning.to_string()))
}

#[test]
fn a_secret_in_a_file_loses_its_line_break_and_must_be_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    fs::write(&path, "hunter2 \r\n").expect("write");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
    let config = in_folder(folder.path(), "file:db").expect("valid");
    assert_eq!(config.secrets.get("file:db").expect("found").expose_secret(), "hunter2 ");
    assert_eq!(about_secrets(&config), None);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    // Nobody else comes into its folder.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("chmod");
    let config = in_folder(folder.path(), "file:db").expect("valid");
    assert_eq!(about_secrets(&config), None);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("chmod");
    let config = in_folder(folder.path(), "file:db").expect("valid");
    assert_eq!(
        about_secrets(&config).expect("a warning"),
        format!(
            "10:10: services[0].surfaces[0].env.DB: the file {} can be read by every user of this machine; `chmod 600` \
             it",
            path.display()
        )
    );
}

#[test]
fn files_that_cannot_be_secrets_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |name: &str| {
        let problem = refusal(in_folder(folder.path(), &format!("file:{name}")));
        let start = format!("10:10: services[0].surfaces[0].env.DB: the file {} ", folder.path().join(name).display());
        problem.strip_prefix(&start).expect(&problem).to_owned()
    };
    fs::create_dir(folder.path().join("d")).expect("mkdir");
    fs::write(folder.path().join("empty"), "\n").expect("write");
    fs::write(folder.path().join("large"), "x".repeat(70_000)).expect("write");
    fs::write(folder.path().join("binary"), b"\xFF\xFE").expect("write");
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).expect("a link");
    assert_eq!(refused("loop"), "is a link that leads back to itself");
    assert_eq!(refused("d"), "is not a regular file");
    assert_eq!(refused("empty"), "is empty");
    assert_eq!(refused("large"), "is larger than 65536 bytes");
    assert_eq!(refused("binary"), "is not UTF-8 text");
}

#[test]
fn a_variable_that_is_no_text_is_not_called_unset() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(b"pass\xFFword".to_vec());
    let vars = crate::config::env_vars([("PIN".into(), odd)]);
    let found = Config::parse(&with_env("env:PIN"), "rmm.toml", Path::new("/"), &vars);
    let told = refusal(found);
    assert!(told.contains("the environment variable `PIN` is set, but it is not UTF-8 text"), "{told}");
}

#[test]
fn a_short_secret_is_warned_about() {
    let config = parse_with(&with_env("env:PIN"), &[("PIN", "1234")]).expect("valid");
    assert_eq!(
        about_secrets(&config).expect("a warning"),
        "10:10: services[0].surfaces[0].env.DB: the secret is shorter than 5 characters: it cannot be hidden well in \
         outputs"
    );
}

#[test]
fn variables_of_commands_have_names_that_a_shell_accepts() {
    let refused = |keys: &str| refusal(parse_with(&surface(&format!("directory = \"/srv\"\n{keys}")), &[]));
    let rule = "must have the name of an environment variable: letters, digits and '_', no digit first";
    assert_eq!(refused("env = { \"A-B\" = \"x\" }"), format!("10:17: services[0].surfaces[0].env.A-B: {rule}"));
    assert_eq!(refused("env = { 1A = \"x\" }"), format!("10:14: services[0].surfaces[0].env.1A: {rule}"));
    assert_eq!(
        refused("env.A = \"x\\u0000\""),
        "10:9: services[0].surfaces[0].env.A: must not contain the character U+0000"
    );
}
