//! Every mistake is answered with its line, its key, and what would be right.

use std::path::Path;

use super::{PEOPLE, advice, env, parse, parse_with, problems, sentence, service, surface};
use crate::config::Config;

#[test]
fn a_mistake_shows_its_line_with_a_caret() {
    let text = "[server]\n\tlisten = \"localhost\" # not an IP address\nlisen = \"[::]:80\"\n";
    assert_eq!(
        parse_with(text, &[]).expect_err("refused").to_string(),
        "rmm.toml:2:11: server.listen: must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"\n\
         \x20   2 | \tlisten = \"localhost\" # not an IP address\n\
         \x20     | \t         ^^^^^^^^^^^\n\
         rmm.toml:3:1: server.lisen: unknown key; did you mean `listen`?\n\
         \x20   3 | lisen = \"[::]:80\"\n\
         \x20     | ^^^^^\n\
         2 errors in the configuration"
    );
}

#[test]
fn a_hint_follows_where_the_reason_is_not_obvious() {
    let errors = parse_with(&surface("directory = \"/srv\"\nmigrate_up = \"up\""), &[]).expect_err("refused");
    assert_eq!(
        errors.to_string(),
        "rmm.toml:10:14: services[0].surfaces[0].migrate_up: needs `migrate_down` beside it\n\
         \x20  10 | migrate_up = \"up\"\n\
         \x20     |              ^^^^\n\
         \x20     = hint: every release rehearses its rollback on stage, and a rollback takes the database back first\n\
         1 error in the configuration"
    );
}

#[test]
fn whom_local_commands_run_as_is_one_user() {
    assert_eq!(
        problems("[local]\nhome = \"/srv\"\n"),
        ["1:1: local.user: is missing: the user of this machine that steps of the driver \"local\" run as"]
    );
    let sentence = "2:8: local.user: must be the name of a user: letters, digits, '-', '_' and '.'";
    for name in ["", "-u", "a:b", "a b", "../x"] {
        assert_eq!(problems(&format!("[local]\nuser = \"{name}\"\n")), [sentence], "{name}");
    }
    let config = parse("[local]\nuser = \"rmm-steps\"\nhome = \"steps\"\n");
    assert!(config.local.as_ref().is_some_and(|local| local.home.as_deref() == Some(Path::new("/etc/rmm/steps"))));
    assert!(config.effective().contains("[local]\nuser = \"rmm-steps\"\nhome = \"/etc/rmm/steps\"\n"));
}

#[test]
fn output_is_kept_for_days_or_for_ever() {
    let sentence = "2:8: logs.keep: must be \"forever\" or at least one day, such as \"180d\" or \"12 weeks\"";
    for text in ["", "0d", "23h", "-5d", "6 months", "always"] {
        assert_eq!(problems(&format!("[logs]\nkeep = \"{text}\"\n")), [sentence], "{text}");
    }
    for (text, hours, shown) in [("2 weeks", 336, "14d"), ("25h", 25, "25h"), ("90d", 2160, "90d"), ("1d", 24, "1d")] {
        let config = parse(&format!("[logs]\nkeep = \"{text}\"\n"));
        assert_eq!(config.logs.keep, Some(std::time::Duration::from_hours(hours)));
        assert!(config.effective().contains(&format!("[logs]\nkeep = \"{shown}\"\n")), "{}", config.effective());
    }
    assert_eq!(parse("[logs]\nkeep = \"forever\"\n").logs.keep, None);
    assert_eq!(parse("").logs.keep, Some(std::time::Duration::from_hours(180 * 24)));
}

#[test]
fn text_that_is_not_toml_ends_at_the_first_problem() {
    assert_eq!(problems("[server\nlisten = \n"), ["1:8: not TOML: unclosed table, expected `]`"]);
    assert_eq!(problems("a = 1\na = 2\n"), ["2:1: not TOML: duplicate key"]);
    assert_eq!(
        problems("[server]\nlisten = localhost"),
        ["2:10: not TOML: string values must be quoted, expected literal string"]
    );
}

#[test]
fn a_caret_counts_characters_and_survives_windows_line_ends() {
    let errors = parse_with("people = [{ name = \"анна\", rol = 1 }]\r\n", &[]).expect_err("refused");
    assert!(errors.to_string().contains("\n    1 | people = [{ name = \"анна\", rol = 1 }]\n"), "{errors}");
    assert_eq!(errors.0[1].position.map(|position| (position.line, position.column)), Some((1, 28)));
}

#[test]
fn unknown_keys_are_answered_with_the_nearest_or_with_all() {
    assert_eq!(problems("[servr]\n"), ["1:2: servr: unknown key; did you mean `server`?"]);
    assert_eq!(
        problems("[server]\nfoo = 1\n"),
        ["2:1: server.foo: unknown key; allowed here: `listen`, `public_url`, `trusted_proxies`, `data_dir`, \
          `language`, `time_zone`, `edit_services`"]
    );
    assert_eq!(
        problems(&service("supercede = true")),
        ["4:1: services[0].supercede: unknown key; did you mean `supersede`?"]
    );
    assert_eq!(
        problems(&service("").replace("required", "requird")),
        [
            "5:1: services[0].approvals.required: lists no people; list some, or add `minimum = 0` to release without \
             any approval",
            "6:1: services[0].approvals.requird: unknown key; did you mean `required`?"
        ]
    );
    assert_eq!(
        problems(&surface("directory = \"/srv\"\nhealth = { url = \"http://x/\", atempts = 2 }\n\"odd key\" = 1")),
        [
            "10:31: services[0].surfaces[0].health.atempts: unknown key; did you mean `attempts`?",
            "11:1: services[0].surfaces[0].\"odd key\": unknown key; allowed here: `name`, `recipe`, `hosts`, \
             `order`, `directory`, `checkout`, `dirty`, `project`, `keep`, `min_free`, `before_deploy`, `deploy`, `after_deploy`, `migrate_up`, \
             `migrate_down`, `health`, `env`, `logs`, `step_timeout`",
        ]
    );
}

#[test]
fn what_comes_later_is_not_called_unknown() {
    let text = format!(
        "[[people]]\nname = \"cid\"\n\
         groups = [\"qa\"]\n{}",
        service("[services.environments.preview]\n")
    );
    assert_eq!(
        problems(&text),
        [
            "3:1: people[0].groups: this version does not have it yet: sign-offs by groups of people",
            "7:24: services[0].environments.preview: this version does not have it yet: an environment of its own \
             for every candidate",
        ]
    );
}

#[test]
fn workflows_are_started_for_production_only() {
    let found = |environment: &str, keys: &str| {
        let text =
            service("").replace(&format!("{environment}.driver = \"ci\""), &format!("{environment} = {{ {keys} }}"));
        problems(&text).join("\n")
    };
    let on_stage = found("stage", "driver = \"ci\", workflow = \"on-tag.yaml\", rollback_workflow = \"back.yaml\"");
    assert_eq!(
        on_stage.matches("is for production: what goes to stage is the workflow that the pushed tag starts").count(),
        2
    );
    let alone = found("production", "driver = \"ci\", rollback_workflow = \"back.yaml\"");
    assert!(alone.contains("rollback_workflow: is nothing without `workflow`"), "{alone}");
    for wrong in ["../deploy.yaml", "deploy", ".yaml", "a b.yml", "dir/deploy.yml", "läuft.yaml"] {
        let named = found("production", &format!("driver = \"ci\", workflow = \"{wrong}\""));
        assert!(named.contains("must be the name of a file in `.github/workflows`"), "{wrong}: {named}");
    }
    let deploys = "driver = \"ci\", workflow = \"deploy.yaml\"";
    let unreached = found("production", deploys);
    assert!(unreached.contains("workflow: is started by way of `[github]`, which is missing"), "{unreached}");
    let ours = found("production", "driver = \"local\", workflow = \"deploy.yaml\"");
    assert!(ours.contains("belongs to the driver \"ci\": RMM's own runs start no workflow"), "{ours}");
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    assert_eq!(problems("[server]\nlisten = 8080\n"), ["2:10: server.listen: expected a string, found an integer"]);
    assert_eq!(problems("server = true\n"), ["1:10: server: expected a table, found a boolean"]);
    assert_eq!(
        problems("[services]\nname = \"api\"\n"),
        ["1:1: services: expected a list of tables (each begins with `[[services]]`), found a table"]
    );
    assert_eq!(problems("people = [1]\n"), ["1:11: people[0]: expected a table, found an integer"]);
    assert_eq!(
        problems("[[people]]\nname = \"ann\"\ntelegram_id = \"1\"\n"),
        ["3:15: people[0].telegram_id: expected a whole number, found a string"]
    );
    assert_eq!(
        problems(&service("supersede = \"yes\"")),
        ["4:13: services[0].supersede: expected true or false, found a string"]
    );
    assert_eq!(
        problems(&service("surfaces = 1.5")),
        [
            "4:12: services[0].surfaces: expected a list of tables (each begins with `[[services.surfaces]]`), found a float"
        ]
    );
    assert_eq!(
        problems(&service("").replace("[\"ann\"]", "[\"ann\", 7]")),
        ["6:20: services[0].approvals.required[1]: expected a string, found an integer"]
    );
    assert_eq!(
        problems(&service("").replace("[\"ann\"]", "\"ann\"")),
        ["6:12: services[0].approvals.required: expected a list of strings, found a string"]
    );
    assert_eq!(
        problems(&surface(
            "directory = 1\ndeploy = []\nstep_timeout = 30\nhealth = { url = 1979-05-27 }\nenv.PORT = 80"
        )),
        [
            "9:13: services[0].surfaces[0].directory: expected a string, found an integer",
            "10:10: services[0].surfaces[0].deploy: expected a string, found an array",
            "11:16: services[0].surfaces[0].step_timeout: expected a duration such as \"15s\" or \"1h 30m\", found an \
             integer",
            "12:18: services[0].surfaces[0].health.url: expected a string, found a datetime",
            "13:12: services[0].surfaces[0].env.PORT: expected a string (write it in quotes), found an integer",
        ]
    );
    assert_eq!(
        problems(&service("").replace("stage.driver = \"ci\"", "stage = { driver = \"ci\", surfaces = { app = 1 } }")),
        ["8:45: services[0].environments.stage.surfaces.app: expected a table, found an integer"]
    );
}

#[test]
fn the_server_is_checked() {
    let rule = "must be an http:// or https:// address of at most 2000 plain ASCII characters";
    assert_eq!(problems("server.public_url = \"rmm.example.com\""), [format!("1:21: server.public_url: {rule}")]);
    assert_eq!(
        problems("server.public_url = \"https://a.example?b\""),
        ["1:21: server.public_url: must end before any `?` or `#`"]
    );
    assert_eq!(problems("server.data_dir = \" \""), ["1:19: server.data_dir: must not be empty"]);
    assert_eq!(problems("server.language = \"de\""), ["1:19: server.language: must be \"en\" or \"ru\""]);
    let zone = &problems("server.time_zone = \"Europe/Mosow\"")[0];
    assert!(zone.starts_with("1:20: server.time_zone: there is no time zone `Europe/Mosow` on this machine"), "{zone}");
}

#[test]
fn services_and_surfaces_have_names_of_their_own() {
    let text = format!("{}\n[[services]]\nname = \"api\"\n[[services]]\nname = \"a b\"\n[[services]]\n", service(""));
    let found = problems(&text);
    let names: Vec<_> = found.iter().filter(|problem| problem.contains(".name")).collect();
    assert_eq!(
        names,
        [
            "18:8: services[1].name: must be unique; services[0].name has the same value",
            "20:8: services[2].name: must be 1 to 64 of the characters a-z, A-Z, 0-9, '-', '_' and '.', and begin with \
             a letter or digit",
            "21:1: services[3].name: is missing: CI and people call the service by it",
        ]
    );
    assert_eq!(
        problems(&service("surfaces = [{ name = \"a\" }, { name = \"a\" }, {}]")),
        [
            "4:38: services[0].surfaces[1].name: must be unique; services[0].surfaces[0].name has the same value",
            "4:45: services[0].surfaces[2].name: is missing: releases and overrides refer to the surface by it",
        ]
    );
    assert_eq!(problems(&service("surfaces = []")), ["4:12: services[0].surfaces: must name at least one surface"]);
}

#[test]
fn both_environments_must_be_there() {
    assert_eq!(
        problems(&service("").replace("stage.driver = \"ci\"\n", "")),
        ["1:1: services[0].environments.stage: is missing: a service needs `[services.environments.stage]` with a \
          `driver`"]
    );
    assert_eq!(
        problems("[[services]]\nname = \"api\"\napprovals.minimum = 0\n"),
        [
            "1:1: services[0].environments.stage: is missing: a service needs `[services.environments.stage]` with a \
             `driver`",
            "1:1: services[0].environments.production: is missing: a service needs \
             `[services.environments.production]` with a `driver`",
        ]
    );
    let stage = |keys: &str| service("").replace("stage.driver = \"ci\"", &format!("stage = {{ {keys} }}"));
    assert_eq!(
        problems(&stage("")),
        ["8:9: services[0].environments.stage.driver: is missing: \"ssh\" where RMM runs the commands on hosts, \
             \"local\" where it does on its own machine, \"ci\" where a CI system does and reports"]
    );
    assert_eq!(
        problems(&stage("driver = \"lokal\"")),
        ["8:20: services[0].environments.stage.driver: must be \"ssh\", \"local\" or \"ci\"; did you mean `local`?"]
    );
    assert_eq!(
        problems(
            &stage("driver = \"local\", report_timeout = \"5m\"")
                .replace("name = \"api\"", "name = \"api\"\nsurfaces = [{ name = \"app\", directory = \"/srv\" }]")
        ),
        [
            "9:46: services[0].environments.stage.report_timeout: belongs to the driver \"ci\": there are no reports about runs of \
          RMM's own"
        ]
    );
    assert_eq!(
        problems("[[services]]\nname = \"api\"\napprovals.minimum = 0\nenvironments = 3\n"),
        ["4:16: services[0].environments: expected a table, found an integer"]
    );
}

#[test]
fn what_rmm_runs_itself_must_be_told() {
    assert_eq!(
        problems(&service("").replace("stage.driver = \"ci\"", "stage.driver = \"local\"")),
        ["1:1: services[0].surfaces: is missing: RMM itself runs this service, and must be told what to run"]
    );
    assert_eq!(
        problems(&surface("")),
        [
            "7:1: services[0].surfaces[0].directory: is missing: the recipe \"compose\" runs in the folder of the checkout"
        ]
    );
    assert_eq!(
        problems(&surface("recipe = \"commands\"\ncheckout = true")),
        [
            "7:1: services[0].surfaces[0].deploy: is missing: the recipe \"commands\" has no command of its own to \
             start the code",
            "7:1: services[0].surfaces[0].directory: is missing: `checkout = true` needs a folder to check the code \
             out in",
        ]
    );
    let without = |keys: &str| surface(keys).replace("repository = \"team/api\"\n", "");
    assert_eq!(
        problems(&without("directory = \"/srv\"")),
        ["6:1: services[0].surfaces[0]: checks out code, and the service has no `repository`"]
    );
    assert_eq!(
        problems(&without("directory = \"/srv\"\ncheckout = true")),
        ["9:12: services[0].surfaces[0].checkout: checks out code, and the service has no `repository`"]
    );
    assert!(parse_with(&without("directory = \"/srv\"\ncheckout = false"), &[]).is_ok());
    assert_eq!(
        problems(&surface("recipe = \"composer\"\ndirectory = \"/srv\"")),
        ["9:10: services[0].surfaces[0].recipe: must be \"compose\" or \"commands\"; did you mean `compose`?"]
    );
}

#[test]
fn migrations_go_both_ways() {
    let down = parse_with(&surface("directory = \"/srv\"\nmigrate_down = \"down\""), &[]).expect_err("refused");
    assert_eq!(
        super::first_line(&down.0[0].to_string()),
        "10:16: services[0].surfaces[0].migrate_down: needs `migrate_up` beside it"
    );
    let hint = "what a rollback takes back, the next deploy must bring forward again";
    assert_eq!(advice(&down.0[0]).as_deref(), Some(hint));
}

#[test]
fn a_health_check_asks_one_thing_with_sensible_numbers() {
    let health = |keys: &str| problems(&surface(&format!("directory = \"/srv\"\nhealth = {{ {keys} }}")));
    assert_eq!(
        problems(&surface("recipe = \"commands\"\nhealth = { attempts = 3 }\ndeploy = \"make\"")),
        ["10:10: services[0].surfaces[0].health: needs `url`, `tcp` or `command`: what is asked"]
    );
    assert_eq!(
        health("url = \"http://x/\", command = \"true\""),
        ["10:41: services[0].surfaces[0].health.command: stands beside `url`; a health check asks one of them"]
    );
    assert_eq!(
        health("url = \"localhost:80\""),
        [
            "10:18: services[0].surfaces[0].health.url: must be an http:// or https:// address of at most 2000 plain ASCII \
          characters"
        ]
    );
    for bad in ["http://", "http://h:99999/", "https://h:0/", "http:///health"] {
        let told = health(&format!("url = \"{bad}\""));
        assert!(told.len() == 1 && told[0].contains("must have a host behind its //, and perhaps a port"), "{told:?}");
    }
    for open in ["http://{{ host.address }}:80{{ environment }}/", "http://127.0.0.1:{{ surface.name }}"] {
        parse(&surface(&format!("directory = \"/srv\"\nhealth.url = \"{open}\"")));
    }

    assert_eq!(
        health("command = \"true\", attempts = 0"),
        ["10:41: services[0].surfaces[0].health.attempts: must be from 1 to 1000"]
    );
    assert_eq!(
        health("command = \"true\", wait = \"15\""),
        [
            "10:37: services[0].surfaces[0].health.wait: `15` is not a duration; write it as \"15s\", \"2m\", \"1h 30m\" or \
          \"500ms\""
        ]
    );
    assert_eq!(
        health("command = \"true\", interval = \"-1s\""),
        ["10:41: services[0].surfaces[0].health.interval: must not be negative"]
    );
    assert_eq!(
        health("command = \"true\", timeout = \"0s\""),
        ["10:40: services[0].surfaces[0].health.timeout: must be longer than nothing"]
    );
    assert_eq!(
        health("command = \"true\", wait = \"721h\""),
        ["10:37: services[0].surfaces[0].health.wait: must be at most 30 days (720h)"]
    );
}

#[test]
fn templates_are_read_when_the_file_is() {
    let deploy = |command: &str| problems(&surface(&format!("directory = \"/srv\"\ndeploy = '{command}'")));
    assert_eq!(
        deploy("run {{ release.tga }} {{ taget.tag }} {{ x }}"),
        [
            "10:18: services[0].surfaces[0].deploy: unknown variable `release.tga`; did you mean `release.tag`?",
            "10:36: services[0].surfaces[0].deploy: unknown variable `taget.tag`; did you mean `target.tag`?",
            "10:52: services[0].surfaces[0].deploy: unknown variable `x`; allowed here: `release.tag`, \
             `release.commit`, `release.number`, `target.tag`, `target.commit`, `target.number`, `surface.name`, \
             `surface.artifact`, `surface.digest`, `host.name`, `host.address`, `service`, `environment`, `run.id`, \
             `run.kind`",
        ]
    );
    assert_eq!(
        deploy("run {{ release.tag"),
        [
            "10:10: services[0].surfaces[0].deploy: not a template: unexpected end of input, expected end of variable block"
        ]
    );
    assert_eq!(
        deploy("run {{ release.tag | upcase }}"),
        ["10:10: services[0].surfaces[0].deploy: not a template that works here: filter upcase is unknown"]
    );
    assert_eq!(
        deploy("{% if environment == \"production\" %}run {{ release.tag | upcase }}{% endif %}"),
        ["10:10: services[0].surfaces[0].deploy: not a template that works here: filter upcase is unknown"]
    );
    for never in ["{{ release.tag + 1 }}", "{{ release.tag[0].x }}", "{{ 1 / 0 }}", "{{ [][1] }}"] {
        let found = deploy(&format!("run {never}"));
        assert!(found[0].contains("not a template that works here"), "{never}: {found:?}");
    }
    for sometimes in ["{{ release.tag | int }}", "{{ target.number + 1 }}"] {
        parse(&surface(&format!("directory = \"/srv\"\ndeploy = 'run {sometimes}'")));
    }
    assert_eq!(
        deploy("run {{ release }}")[0].split(';').next(),
        Some("10:18: services[0].surfaces[0].deploy: unknown variable `release`")
    );
    assert_eq!(deploy(" "), ["10:10: services[0].surfaces[0].deploy: must not be empty; leave the key out instead"]);
    assert_eq!(
        deploy("run\u{202E}"),
        [
            "10:10: services[0].surfaces[0].deploy: must not contain control, invisible or direction-changing characters \
          (found U+202E)"
        ]
    );
    let fine = "{% if run.kind == \"rollback\" %}back{% else %}{{ surface.digest | default(release.tag) }}{% endif %}";
    parse(&surface(&format!("directory = \"/srv\"\ndeploy = '{fine}'")));
}

#[test]
fn overrides_name_surfaces_that_exist() {
    let text = surface("directory = \"/srv\"")
        + "[services.environments.stage.surfaces.ap]\ndirectory = \"/srv/stage\"\n\
           [services.environments.production.surfaces.app]\nname = \"x\"\ndeploi = \"x\"\nmigrate_up = \"x\"\n";
    assert_eq!(
        problems(&text),
        [
            "10:39: services[0].environments.stage.surfaces.ap: unknown surface; did you mean `app`?",
            "13:1: services[0].environments.production.surfaces.app.name: unknown key; allowed here: `recipe`, \
             `hosts`, `order`, `directory`, `checkout`, `dirty`, `project`, `keep`, `min_free`, `before_deploy`, `deploy`, `after_deploy`, `migrate_up`, \
             `migrate_down`, `health`, `env`, `logs`, `step_timeout`",
            "14:1: services[0].environments.production.surfaces.app.deploi: unknown key; did you mean `deploy`?",
            "15:14: services[0].environments.production.surfaces.app.migrate_up: needs `migrate_down` beside it",
        ]
    );
}

#[test]
fn paths_and_repositories_are_checked() {
    assert_eq!(problems(&surface("directory = \"\"")), ["9:13: services[0].surfaces[0].directory: must not be empty"]);
    let repository = |value: &str| problems(&service("").replace("team/api", value));
    let rule = "3:14: services[0].repository: must be \"owner/name\" on GitHub, an address of git such as \
                \"https://host/app.git\" or \"git@host:app.git\", or a path that begins with \"/\", \"./\" or \"../\"";
    for bad in
        ["api", "--upload-pack=x/y", "ext::sh -c id", "a/b/c", "https://-oProxyCommand=x/", "ssh://-x/y", "a@-b:c"]
    {
        assert_eq!(repository(bad), [rule], "{bad}");
    }
    let rule = "3:14: services[0].repository: must have a host behind its //, and perhaps a port from 1 to 65535";
    for bad in ["https:///app.git", "ssh://git@host:99999/app.git", "git://:9418/app.git"] {
        assert_eq!(repository(bad), [rule], "{bad}");
    }
    assert_eq!(repository(""), ["3:14: services[0].repository: must not be empty"]);
}

#[test]
fn a_password_in_an_address_is_refused_and_not_printed() {
    let errors = parse_with(&service("").replace("team/api", "https://bot:hunter2@host/a.git"), &[]).expect_err("no");
    assert_eq!(
        errors.to_string(),
        "rmm.toml:3:14: services[0].repository: must not carry a password: plans and logs show it\n\
         \x20     = hint: use SSH (`git@host:owner/name.git`), or a credential helper of git\n\
         1 error in the configuration"
    );
    for url in ["http://bot:hunter2@127.0.0.1/health", "http://bot:hunter2@{{ host.address }}/", "https://hunter2@a.b"]
    {
        let text = surface(&format!("health = {{ url = \"{url}\", via = \"rmm\" }}"));
        let said = parse_with(&text, &[]).expect_err("refused").to_string();
        assert!(said.contains("health.url: must not carry a user or a password"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let text = format!("[server]\npublic_url = \"https://a:hunter2@b\"\n{}", service(""));
    let said = parse_with(&text, &[]).expect_err("refused").to_string();
    assert!(said.contains("server.public_url: must not carry") && !said.contains("hunter2"), "{said}");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = format!("[server]\nlisten = 1\n{PEOPLE}role = \"boss\"\n{}", "[[services]]\nname = 3\n");
    let lines: Vec<_> = problems(&text).iter().map(|problem| problem.split(':').next().map(str::to_owned)).collect();
    let lines: Vec<_> = lines.iter().flatten().map(String::as_str).collect();
    assert_eq!(lines, ["2", "9", "10", "10", "10", "11"]);
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rmm.toml");
    let shown = path.display();
    let load = |path: &Path| Config::load(path, &env(&[])).map(|_| ()).expect_err("refused").to_string();
    assert_eq!(load(&path), format!("{shown}: does not exist; `rmm init` writes one\n1 error in the configuration"));
    std::fs::write(&path, b"[server]\nlisten = \"\xFF\"\n").expect("write");
    assert_eq!(load(&path), format!("{shown}: is not UTF-8 text (line 2)\n1 error in the configuration"));
    assert!(load(folder.path()).contains(": cannot be read: "));
}

#[test]
fn a_trace_is_shown_at_an_address_of_the_web_that_names_it() {
    let said = |trace: &str| problems(&format!("[links]\ntrace = \"{trace}\"\n"));
    assert_eq!(said("https://traces.example.com/"), ["2:9: links.trace: must have {trace_id} in it"]);
    assert!(said("javascript:{trace_id}")[0].contains("must be an http:// or https:// address"));
    let config = parse("[links]\ntrace = \"https://traces.example.com/{trace_id}\"\n");
    assert_eq!(config.links.of_trace("4bf9").as_deref(), Some("https://traces.example.com/4bf9"));
}

#[test]
fn a_log_is_shown_where_its_trace_or_its_time_is_named() {
    let said = |logs: &str| problems(&format!("[links]\nlogs = \"{logs}\"\n"));
    let rule = "2:8: links.logs: must have {trace_id}, or {from} and {to}, in it";
    assert_eq!(said("https://logs.example.com/?from={from}"), [rule]);
    let at = jiff::Timestamp::from_second(3600).expect("a time");
    let links = |logs: &str| parse(&format!("[links]\nlogs = \"{logs}\"\n")).links;
    let by_trace = links("https://logs.example.com/{trace_id}");
    assert_eq!(by_trace.of_logs(Some("4bf9"), at).as_deref(), Some("https://logs.example.com/4bf9"));
    assert_eq!(by_trace.of_logs(None, at), None);
    let by_time = links("https://logs.example.com/?q={trace_id}&f={from}&t={to}");
    assert_eq!(by_time.of_logs(None, at).as_deref(), Some("https://logs.example.com/?q=&f=2700000&t=3900000"));
}

#[test]
fn an_endpoint_of_a_model_is_named_with_its_model_and_its_key_is_elsewhere() {
    let said = |keys: &str| problems(&format!("[ai]\n{keys}\n"));
    let missing = said("");
    assert!(missing[0].starts_with("1:1: ai.url: is missing") && missing[1].starts_with("1:1: ai.model: is missing"));
    assert!(said("url = \"ftp://x\"\nmodel = \"m\"")[0].contains("must be an http:// or https:// address"));
    let problem = said("url = \"https://x/v1\"\nmodel = \"m\"\nkey = \"a-very-secret-key\"");
    assert!(problem[0].contains("must say where the secret is"), "{problem:?}");
    assert_eq!(
        said("url = \"https://x\"\nmodel = \"m\"\nmax_output = 9\n"),
        ["4:14: ai.max_output: must be from 100 to 2000"]
    );
    let config = parse("[ai]\nurl = \"https://x/v1/\"\nmodel = \"m\"\n");
    let warned = |problem: &super::super::Problem| sentence(problem).contains("alerts need `alerts_chat`");
    assert!(config.warnings.iter().any(warned), "{:?}", config.warnings);
    let ai = config.ai.expect("an endpoint");
    assert_eq!((ai.url.as_str(), ai.base()), ("https://x/v1/chat/completions", "https://x/v1"));
    assert_eq!((ai.max_input, ai.max_output, ai.key), (8_000, 800, None));
}
