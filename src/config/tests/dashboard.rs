//! Services of the dashboard, read behind the file.

use std::fs;
use std::path::Path;

use super::{PEOPLE, env};
use secrecy::ExposeSecret;

use crate::config::{Block, Composed, Config, ConfigErrors};
use crate::domain::ids::ServiceName;

const FILE_SERVICE: &str = r#"
[[services]]
name = "blog"
approvals = { required = ["ann"] }
environments = { stage = { driver = "ci" }, production = { driver = "ci" } }"#;

fn name(text: &str) -> ServiceName {
    ServiceName::parse("name", text).unwrap()
}

fn block(service: &str, more: &str) -> Block {
    let text = format!(
        "[[services]]\nname = \"{service}\"\napprovals = {{ required = [\"ann\"] }}\n{more}\n\
         environments = {{ stage = {{ driver = \"ci\" }}, production = {{ driver = \"ci\" }} }}\n"
    );
    Block { service: name(service), text }
}

fn file(text: &str, folder: &Path) -> Config {
    let variables = env(&[("OWN", "secret-of-rmm"), ("ALIAS", "secret-of-rmm"), ("OTHER", "secret-of-shop")]);
    Config::parse(&format!("{PEOPLE}{text}"), "rmm.toml", folder, &variables)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_service_of_the_dashboard_runs_in_no_folder_of_rmm() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("data"), folder.path().join("elsewhere")).unwrap();
    let at = |directory: &str| {
        let text = format!(
            "[[services]]\nname = \"shop\"\napprovals = {{ required = [\"ann\"] }}\n[[services.surfaces]]\nname = \"web\"\n\
             recipe = \"commands\"\ncheckout = false\ndeploy = \"true\"\ndirectory = \"{directory}\"\n\
             [services.environments.stage]\ndriver = \"local\"\n[services.environments.production]\ndriver = \"ci\"\n"
        );
        composed(&file("", folder.path()), &[Block { service: name("shop"), text }], &[])
    };
    for own in [".", "data", "data/runs", "elsewhere", "elsewhere/runs"] {
        let refused = at(own).unwrap_err().to_string();
        assert!(refused.contains("could change what RMM does") && refused.contains("line 9"), "{own}: {refused}");
    }
    at("shop").unwrap();
}

fn composed(file: &Config, blocks: &[Block], waiting: &[&str]) -> Result<Composed, ConfigErrors> {
    let variables = env(&[("OWN", "secret-of-rmm"), ("ALIAS", "secret-of-rmm"), ("OTHER", "secret-of-shop")]);
    let accept = |config: Config| config.with_all_secrets()?.without_collisions();
    file.compose(blocks, &variables, accept, |service| waiting.contains(&service.as_str()))
}

fn refusal(found: Result<Composed, ConfigErrors>) -> String {
    let errors = found.map(|composed| composed.config.effective()).expect_err("refused");
    errors.0.iter().map(|problem| problem.to_string().lines().next().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
}

fn here() -> &'static Path {
    Path::new("/etc/rmm")
}

#[test]
fn services_of_the_dashboard_stand_behind_those_of_the_file() {
    let file = file(FILE_SERVICE, here());
    let read = composed(&file, &[block("shop", "supersede = true")], &[]).unwrap().config;
    let names: Vec<_> = read.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["blog", "shop"]);
    assert!(read.services[1].supersede && read.dashboard.contains_key(&name("shop")));
    // What they come to is a configuration of its own, which a service that goes is read from later.
    let again = Config::parse(&read.source.0, "rmm.toml", here(), &env(&[])).unwrap();
    assert_eq!(again.services, read.services);
    assert_eq!(read.file.1, file.source.0);
}

#[test]
fn what_is_wrong_is_told_with_the_service_its_line_and_its_key() {
    let file = file(FILE_SERVICE, here());
    let wrong = block("shop", "suprsede = true\nrepository = \"-evil\"");
    assert_eq!(
        refusal(composed(&file, &[block("app", ""), wrong], &[])),
        "the service shop as defined in the dashboard, line 4: services.suprsede: unknown key; did you mean `supersede`?\n\
         the service shop as defined in the dashboard, line 5: services.repository: must be \"owner/name\" on GitHub, an \
         address of git such as \"https://host/app.git\" or \"git@host:app.git\", or a path that begins with \"/\", \"./\" or \
         \"../\""
    );
    let twin = Block { service: name("shop"), text: block("shop", "was = \"blog\"").text };
    assert!(refusal(composed(&file, &[twin], &[])).contains("line 4: services.was: blog is a service of this file"));
}

#[test]
fn a_definition_is_one_table_of_one_service_and_nothing_else() {
    let file = file(FILE_SERVICE, here());
    let plain = block("shop", "").text;
    for (text, why) in [
        (String::new(), "must be exactly one `[[services]]` table"),
        (format!("{plain}{plain}"), "must be exactly one `[[services]]` table"),
        ("services = [{ name = \"shop\" }]".to_owned(), "must be exactly one `[[services]]` table"),
        ("[services]\nname = \"shop\"".to_owned(), "must be exactly one `[[services]]` table"),
        (format!("{plain}[server]\nlisten = \"0.0.0.0:80\""), "line 6: server: does not belong here"),
        (format!("{plain}[[people]]\nname = \"eve\"\nrole = \"admin\""), "line 6: people: does not belong here"),
        (format!("role = \"admin\"\n{plain}"), "line 1: role: does not belong here"),
        (plain.replace("shop", "blog"), "line 2: services.name: must be shop"),
        (format!("{plain}name = "), "line 6: not TOML"),
        (format!("{plain}# {}", "x".repeat(70_000)), "must not be longer than 65536 bytes"),
    ] {
        let said = refusal(composed(&file, &[Block { service: name("shop"), text: text.clone() }], &[]));
        assert!(said.contains(why), "{text}: {said}");
    }
    let inline = Config::parse(&format!("services = []\n{PEOPLE}"), "rmm.toml", here(), &env(&[])).unwrap();
    assert!(refusal(composed(&inline, &[block("shop", "")], &[])).contains("services: is written as `services = […]`"));
    assert!(composed(&inline, &[], &[]).is_ok());
}

#[test]
fn the_file_wins_and_what_does_not_hold_may_wait() {
    let file = file(FILE_SERVICE, here());
    let blocks = [block("blog", ""), block("shop", "nonsense = 1"), block("wiki", "")];
    assert!(refusal(composed(&file, &blocks, &[])).contains("the service shop"));
    assert!(refusal(composed(&file, &blocks, &["wiki"])).contains("the service shop"));
    let read = composed(&file, &blocks, &["shop", "wiki"]).unwrap();
    assert_eq!(read.in_file, [name("blog")]);
    assert_eq!(read.aside.keys().collect::<Vec<_>>(), [&name("shop")]);
    assert_eq!(read.config.services.len(), 2);
}

#[test]
fn definitions_of_the_dashboard_do_not_reach_what_is_rmms_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for inside in ["data", "conf/data"] {
        fs::create_dir_all(at(inside)).unwrap();
        fs::write(at(inside).join("audit.key"), "the-key-of-the-record").unwrap();
    }
    fs::write(at("secret"), "somebody-elses").unwrap();
    fs::write(at("conf/own"), "secret-of-rmm\n").unwrap();
    fs::write(at("conf/shop"), "password-of-shop").unwrap();
    std::os::unix::fs::symlink(at("secret"), at("conf/link")).unwrap();
    let text = format!(
        "[[hosts]]\nname = \"web\"\naddress = \"192.0.2.1\"\nuser = \"u\"\npassword = \"env:OWN\"{FILE_SERVICE}"
    );
    let file = file(&text, &at("conf"));
    let with = |reference: &str| {
        let more = format!("surfaces = [{{ name = \"app\", env = {{ X = \"{reference}\" }} }}]");
        composed(&file, &[block("shop", &more)], &[])
    };
    for allowed in ["file:shop", "env:OTHER"] {
        assert!(with(allowed).is_ok(), "{allowed}: {}", refusal(with(allowed)));
    }
    for refused in [
        "file:/etc/passwd",
        "file:../secret",
        "file:../nothing",
        "file:link",
        "file:data/audit.key",
        &format!("file:{}", at("data/audit.key").display()),
    ] {
        assert!(refusal(with(refused)).contains("is out of reach"), "{refused}");
    }
    // In other words, and as a part of more.
    fs::write(at("conf/unit"), "LANG=C\nTOKEN=secret-of-rmm\n").unwrap();
    fs::write(at("conf/lines"), " secret-\n of-rmm\n\n").unwrap();
    for own in ["env:OWN", "env:ALIAS", "file:own", "file:unit", "file:lines"] {
        assert!(refusal(with(own)).contains("is a secret that RMM itself uses"), "{own}");
    }
    std::os::unix::fs::symlink("shop", at("conf/inner")).unwrap();
    assert!(refusal(with("file:inner")).contains("is reached by a link"));
    // What is put in its place between a look and the next is not reached either.
    let (key, is_over) = (at("conf/data/audit.key"), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                for target in [at("conf/shop"), key.clone()] {
                    let _ = fs::remove_file(at("conf/next"));
                    std::os::unix::fs::symlink(target, at("conf/next")).unwrap();
                    fs::rename(at("conf/next"), at("conf/flips")).unwrap();
                    let _ = fs::copy(at("conf/shop"), at("conf/next"))
                        .and_then(|_| fs::rename(at("conf/next"), at("conf/flips")));
                }
            }
        });
        for _ in 0..300 {
            if let Ok(composed) = with("file:flips") {
                let value = composed.config.secrets.get("file:flips").map(|value| value.expose_secret().to_owned());
                assert_ne!(value.as_deref(), Some("the-key-of-the-record"));
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
