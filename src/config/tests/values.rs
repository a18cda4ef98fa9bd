//! Text that is right becomes the types of the domain, with every default.

use std::time::Duration;

use super::{PEOPLE, parse, problems, service, surface};
use crate::domain::env::Env;
use crate::domain::person::Role;
use crate::domain::service::{Driver, EnvValue, Health, Probe, Surface, Target, Via};
use crate::wording::Language;

fn http(url: &str) -> Probe {
    Probe::Http { url: url.into(), via: Via::Host, status: None, body: None, ca: None }
}

#[test]
fn an_empty_file_is_a_server_with_defaults_and_a_warning() {
    let config = parse("");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.server.data_dir.to_str(), Some("/etc/rmm/data"));
    assert_eq!(config.server.language, Language::En);
    assert_eq!(config.server.time_zone.iana_name(), Some("UTC"));
    assert!(config.people.is_empty() && config.services.is_empty() && config.secrets.is_empty());
    assert_eq!(config.warnings[0].to_string(), "rmm.toml: services: there is none yet: RMM has nothing to release");
}

#[test]
fn a_former_name_is_that_of_one_service_and_of_none_that_is_there() {
    let text = |was: [&str; 2]| {
        let [shop, blog] = [("shop", was[0]), ("blog", was[1])].map(|(name, was)| {
            format!(
                "[[services]]\nname = \"{name}\"\nwas = \"{was}\"\napprovals.minimum = 0\n\
                 environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n"
            )
        });
        format!("{shop}{blog}{PEOPLE}")
    };
    let config = parse(&text(["store", "news"]));
    assert_eq!(config.services[0].name_on_hosts().as_str(), "store");
    assert_eq!(
        super::problems(&text(["blog", "news"])),
        ["3:7: services[0].was: blog is a service of this file; a former name must not be the name of another service"]
    );
    assert_eq!(
        super::problems(&text(["store", "store"])),
        ["9:7: services[1].was: two services cannot both have been store"]
    );
}

#[test]
fn the_server_says_where_it_listens_and_how_people_reach_it() {
    let config = parse(
        "[server]\nlisten = \"[::]:80\"\npublic_url = \"https://rmm.example.com/\"\ndata_dir = \"/var/lib/rmm\"\n\
         language = \"ru\"\ntime_zone = \"utc\"\n",
    );
    assert_eq!(config.server.listen.to_string(), "[::]:80");
    assert_eq!(config.server.public_url.as_deref(), Some("https://rmm.example.com"));
    assert_eq!(config.server.data_dir.to_str(), Some("/var/lib/rmm"));
    assert_eq!(config.server.language, Language::Ru);
    assert_eq!(config.server.time_zone.iana_name(), Some("UTC"));
}

#[test]
fn proxies_that_are_believed_are_named_by_address() {
    let config = parse("[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.2.0.0/16\", \"::1\"]\n");
    let named: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["127.0.0.1/32", "10.2.0.0/16", "::1/128"]);
    assert!(config.effective().contains(r#"trusted_proxies = ["127.0.0.1", "10.2.0.0/16", "::1"]"#));
    let problem = |text: &str| super::problems(&format!("[server]\ntrusted_proxies = [\"{text}\"]\n")).concat();
    assert!(problem("caddy").contains("must be the IP address of a proxy"), "{}", problem("caddy"));
    assert!(problem("0.0.0.0/0").contains("would let all callers say"));
    assert!(problem("10.2.0.1/16").contains("means the network \"10.2.0.0/16\""));
}

#[test]
fn people_are_members_unless_said_otherwise() {
    let config = parse(
        "[[people]]\nname = \"ann\"\ntelegram_id = 100_000_001\ngithub = \"Ann-1\"\nrole = \"admin\"\n\
         [[people]]\nname = \"bob\"\n",
    );
    let [ann, bob] = &config.people[..] else { panic!("two people") };
    assert_eq!((ann.role, ann.telegram_id, ann.github.as_deref()), (Role::Admin, Some(100_000_001), Some("Ann-1")));
    assert_eq!((bob.role, bob.telegram_id, bob.github.as_deref()), (Role::Member, None, None));
}

#[test]
fn a_service_in_the_hands_of_a_ci_needs_no_surface_of_its_own() {
    let config = parse(&service(""));
    let api = &config.services[0];
    assert_eq!(api.repository.as_deref(), Some("team/api"));
    assert!(!api.supersede && api.approvals.auto_promote && !api.approvals.forbid_self);
    assert_eq!((api.approvals.required.len(), api.approvals.minimum), (1, 1));
    assert_eq!(api.surfaces.len(), 1);
    assert_eq!((api.surfaces[0].name.as_str(), api.surfaces[0].deploy.as_str()), ("app", ""));
    assert!(!api.surfaces[0].checkout);
    let ci = Driver::Ci { workflow: None, rollback_workflow: None, report_timeout: Duration::from_hours(1) };
    assert_eq!((&api.stage().driver, &api.production().driver), (&ci, &ci));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn two_of_three_may_be_enough() {
    let config = parse(&format!(
        "[[services]]\nname = \"api\"\napprovals = {{ required = [\"ann\", \"bob\"], minimum = 1, forbid_self = true, \
         auto_promote = false }}\nsupersede = true\nenvironments.stage.driver = \"ci\"\n\
         environments.production = {{ driver = \"ci\", report_timeout = \"90m\" }}\n{PEOPLE}"
    ));
    let api = &config.services[0];
    assert_eq!((api.approvals.required.len(), api.approvals.minimum), (2, 1));
    assert!(api.approvals.forbid_self && !api.approvals.auto_promote && api.supersede);
    let Driver::Ci { report_timeout, .. } = &api.production().driver else { panic!("ci") };
    assert_eq!(*report_timeout, Duration::from_mins(90));
}

#[test]
fn compose_is_a_set_of_defaults() {
    let config = parse(&surface("directory = \"./checkout/./api\""));
    let app = &config.services[0].surfaces[0];
    assert_eq!(app.deploy, "docker compose up -d --build");
    assert_eq!(app.directory.as_deref(), Some("/etc/rmm/checkout/api"));
    assert!(app.checkout);
    assert_eq!(app.step_timeout, Duration::from_mins(30));
    assert_eq!(config.services[0].stage().driver, Driver::Local);
    assert_eq!(config.services[0].approvals.minimum, 0);
}

#[test]
fn own_commands_are_checked_out_where_there_is_a_folder_and_a_repository() {
    let with = parse(&surface("recipe = \"commands\"\ndirectory = \"/srv/api\"\ndeploy = \"make\""));
    assert!(with.services[0].surfaces[0].checkout);
    let without = parse(&surface("recipe = \"commands\"\ndeploy = \"make\""));
    assert!(!without.services[0].surfaces[0].checkout);
    let refused =
        parse(&surface("recipe = \"commands\"\ndirectory = \"/srv/api\"\ncheckout = false\ndeploy = \"make\""));
    assert!(!refused.services[0].surfaces[0].checkout);
}

#[test]
fn a_health_check_has_the_defaults_of_the_concept() {
    let config = parse(&surface("directory = \"/srv\"\nhealth.url = \"http://127.0.0.1:8000/{{ service }}\""));
    let expected = Health {
        probe: http("http://127.0.0.1:8000/{{ service }}"),
        wait: Duration::from_secs(15),
        attempts: 5,
        interval: Duration::from_secs(20),
        timeout: Duration::from_secs(5),
    };
    assert_eq!(config.services[0].surfaces[0].health, Some(expected));
}

#[test]
fn durations_are_written_as_people_say_them() {
    let config = parse(&surface(
        "directory = \"/srv\"\nstep_timeout = \"1h 30m\"\n\
         health = { command = \"true\", wait = \"0s\", attempts = 1, interval = \"2m\", timeout = \"500ms\" }",
    ));
    let app = &config.services[0].surfaces[0];
    let health = app.health.as_ref().expect("health");
    assert_eq!(app.step_timeout, Duration::from_mins(90));
    assert_eq!(health.probe, Probe::Command("true".into()));
    assert_eq!((health.wait, health.attempts), (Duration::ZERO, 1));
    assert_eq!((health.interval, health.timeout), (Duration::from_mins(2), Duration::from_millis(500)));
}

#[test]
fn an_environment_overrides_any_key_of_a_surface_and_inherits_the_rest() {
    let config = parse(&format!(
        "{}[services.environments.stage.surfaces.app]\ndirectory = \"/srv/stage\"\nhealth.url = \"http://stage/\"\n\
         env.COLOR = \"blue\"\n",
        surface(
            "directory = \"/srv/live\"\nmigrate_up = \"up\"\nmigrate_down = \"down {{ target.tag }}\"\n\
             health = { command = \"check\", attempts = 9 }\nenv = { COLOR = \"green\", MODE = \"fast\" }"
        )
        .replace("\"ci\"", "\"local\"")
    ));
    let api = &config.services[0];
    let live = api.surfaces_in(Env::Production).next().expect("a surface");
    let stage = api.surfaces_in(Env::Stage).next().expect("a surface");
    assert_eq!(live, &Surface { hosts: vec![Target::local()], ..api.surfaces[0].clone() });
    assert_eq!(live.directory.as_deref(), Some("/srv/live"));
    assert_eq!(stage.directory.as_deref(), Some("/srv/stage"));
    assert_eq!(stage.migrate_down.as_deref(), Some("down {{ target.tag }}"));
    let health = stage.health.as_ref().expect("health");
    assert_eq!((&health.probe, health.attempts), (&http("http://stage/"), 9));
    assert_eq!(stage.env["COLOR"], EnvValue::Plain("blue".into()));
    assert_eq!(stage.env["MODE"], EnvValue::Plain("fast".into()));
}

#[test]
fn what_a_surface_lacks_may_come_from_both_environments() {
    let config = parse(&format!(
        "{}[services.environments.stage.surfaces.app]\ndeploy = \"make stage\"\n\
         [services.environments.production.surfaces.app]\ndeploy = \"make live\"\n",
        surface("recipe = \"commands\"")
    ));
    let deploys: Vec<_> = [Env::Stage, Env::Production]
        .into_iter()
        .flat_map(|kind| config.services[0].surfaces_in(kind).map(|surface| surface.deploy.as_str()))
        .collect();
    assert_eq!(deploys, ["make stage", "make live"]);
}

#[test]
fn surfaces_keep_the_order_of_the_file() {
    let config = parse(&service(
        "[[services.surfaces]]\nname = \"web\"\n[[services.surfaces]]\nname = \"api\"\n[[services.surfaces]]\nname = \"bot\"",
    ));
    let names: Vec<_> = config.services[0].surfaces.iter().map(|surface| surface.name.as_str()).collect();
    assert_eq!(names, ["web", "api", "bot"]);
}

#[test]
fn a_repository_is_on_github_at_an_address_or_in_a_folder() {
    for (written, meant) in [
        ("YourOrg/name-authorization", "YourOrg/name-authorization"),
        ("https://git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("ssh://git@host:2222/a/b", "ssh://git@host:2222/a/b"),
        ("file:///srv/git/a", "file:///srv/git/a"),
        ("/srv/git/a", "/srv/git/a"),
        ("./repositories/a", "/etc/rmm/repositories/a"),
        ("../a", "/etc/rmm/../a"),
    ] {
        let config = parse(&service("").replace("team/api", written));
        assert_eq!(config.services[0].repository.as_deref(), Some(meant));
    }
}

#[test]
fn tags_become_releases_where_a_service_says_so() {
    use crate::domain::service::Candidates;

    let read = |keys: &str| parse(&service(keys)).services.remove(0).candidates;
    assert_eq!(read(""), Candidates::Call);
    assert_eq!(read("candidates = \"call\""), Candidates::Call);
    let Candidates::Tags(any) = read("candidates = \"tags\"") else { panic!() };
    let Candidates::Tags(some) = read("candidates = \"tags\"\ntags = \"shop/v*\"") else { panic!() };
    assert!(any.fits("anything") && some.fits("shop/v1") && !some.fits("v1"));
    let effective = parse(&service("candidates = \"tags\"\ntags = \"v?.*\"")).effective();
    assert!(effective.contains("candidates = \"tags\"\ntags = \"v?.*\"\n"), "{effective}");
    for (keys, said) in [
        ("tags = \"v*\"", "4:8: services[0].tags: belongs to `candidates = \"tags\"`"),
        ("candidates = \"tag\"", "did you mean `tags`?"),
        ("candidates = \"tags\"\ntags = \"v[0-9]\"", "5:8: services[0].tags: must be 1 to 256"),
    ] {
        let problems = problems(&service(keys));
        assert!(problems.iter().any(|problem| problem.contains(said)), "{keys}: {problems:?}");
    }
    let without = service("candidates = \"tags\"").replace("repository = \"team/api\"\n", "");
    assert!(problems(&without)[0].contains("repository: is missing: with `candidates"), "{:?}", problems(&without));
}
