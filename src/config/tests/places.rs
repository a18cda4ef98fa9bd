//! Two things in one place: what must collide is refused, with both named and the way out.

use std::path::Path;

use super::super::Config;
use super::{parse, parse_with, sentence};
use crate::domain::env::Env;
use crate::domain::plan::project;
use crate::domain::service::Probe;

/// A service that RMM runs itself on one host, with the keys of its surface in each environment.
pub(super) fn service(name: &str, surface: &str, stage: &str, production: &str) -> String {
    format!(
        "[[services]]\nname = \"{name}\"\nrepository = \"team/{name}\"\napprovals.minimum = 0\n\
         [[services.surfaces]]\nname = \"web\"\n{surface}\n\
         [services.environments.stage]\ndriver = \"ssh\"\nhosts = [\"box\"]\nsurfaces.web = {{ {stage} }}\n\
         [services.environments.production]\ndriver = \"ssh\"\nhosts = [\"box\"]\nsurfaces.web = {{ {production} }}\n"
    )
}

pub(super) fn host(name: &str, address: &str) -> String {
    format!("[[hosts]]\nname = \"{name}\"\naddress = \"{address}\"\nuser = \"deploy\"\npassword = \"env:PASSWORD\"\n")
}

const ENV: &[(&str, &str)] = &[("PASSWORD", "correct horse")];

/// `key: sentence` of every error, or of every warning where there is no error.
pub(super) fn told(text: &str) -> Vec<String> {
    match parse_with(text, ENV) {
        Ok(config) => config.warnings.iter().map(|told| format!("warning: {}: {}", told.key, sentence(told))).collect(),
        Err(errors) => errors
            .0
            .iter()
            .map(|told| {
                assert!(told.position.is_some(), "{told}");
                format!("{}: {}", told.key, sentence(told))
            })
            .collect(),
    }
}

pub(super) fn on_one_host(services: &str) -> Vec<String> {
    told(&format!("{}{services}", host("box", "192.0.2.7")))
}

#[test]
fn folders_of_their_own_are_all_right_also_with_the_same_last_part() {
    let shop = service("shop", "", "directory = \"/srv/stage/shop\"", "directory = \"/srv/production/shop\"");
    assert_eq!(on_one_host(&shop), [""; 0]);
}

#[test]
fn one_folder_for_two_environments_or_services_is_refused() {
    let one = on_one_host(&service("shop", "directory = \"/srv/shop\"", "", "env.X = \"1\""));
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(one[0].contains("surface web of shop in production and surface web of shop in stage have the same folder"));
    assert!(one[0].contains("on box, /srv/shop"), "{one:?}");

    let shop = service("shop", "", "directory = \"/srv/stage\"", "directory = \"/srv/live\"");
    let blog = service("blog", "", "directory = \"/srv/blog/../stage/.\"", "directory = \"/srv/blog\"");
    let two = on_one_host(&format!("{shop}{blog}"));
    assert_eq!(two.len(), 1, "{two:?}");
    assert!(two[0].contains("surface web of blog in stage and surface web of shop in stage"), "{two:?}");
    assert!(two[0].starts_with("services[1].environments.stage.surfaces.web.directory"), "{two:?}");
}

#[test]
fn two_names_of_one_machine_are_one_machine_and_two_machines_are_two() {
    let shop = service("shop", "directory = \"/srv/shop\"", "", "hosts = [\"other\"]");
    let with = |address: &str| told(&format!("{}{}{shop}", host("box", "192.0.2.7:22"), host("other", address)));
    assert_eq!(with("192.0.2.7").len(), 1);
    assert_eq!(with("192.0.2.8"), [""; 0]);
}

#[test]
fn what_is_checked_out_in_another_checkout_is_warned_about() {
    let told = on_one_host(&service("shop", "", "directory = \"/srv/shop/stage\"", "directory = \"/srv/shop\""));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("warning:") && told[0].contains("inside the checkout of"), "{told:?}");
}

#[test]
fn a_folder_inside_of_a_checkout_is_warned_about_unless_it_is_a_part_of_it() {
    let scripts = "checkout = false\nrecipe = \"commands\"\ndeploy = \"true\"\nhealth.command = \"true\"";
    let shop = service("shop", "", "directory = \"/srv/shop\"", "directory = \"/srv/live\"");
    let inside = service("blog", scripts, "directory = \"/srv/shop/blog\"", "directory = \"/srv\"");
    let told = on_one_host(&format!("{shop}{inside}"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("surface web of blog in stage is inside the checkout of surface web of shop"), "{told:?}");
    let two = |more: &str| {
        on_one_host(&format!(
            "[[services]]\nname = \"shop\"\nrepository = \"team/shop\"\napprovals.minimum = 0\n\
             [[services.surfaces]]\nname = \"web\"\ndirectory = \"/srv/shop\"\n\
             [[services.surfaces]]\nname = \"api\"\ndirectory = \"/srv/shop/api\"\n{more}\n\
             [services.environments]\nstage = {{ driver = \"ssh\", hosts = [\"box\"] }}\nproduction.driver = \"ci\"\n"
        ))
    };
    assert!(two("")[0].contains("inside the checkout of surface web of shop in stage"), "{:?}", two(""));
    assert_eq!(two(scripts), [""; 0], "it runs in a part of what is checked out");
}

#[test]
fn no_code_is_checked_out_in_folders_of_the_machine() {
    for folder in
        ["/", "//", "/./", "/srv/..", "/home", "/etc/", "/usr", "/var", "/root", "/var/lib/docker", "/proc/self"]
    {
        let told = on_one_host(&service("shop", "", &format!("directory = \"{folder}\""), "directory = \"/srv/live\""));
        assert!(
            told.iter().any(|told| told.contains("environments.stage.surfaces.web.directory: ")
                && told.contains("belongs to the whole machine")),
            "{folder}: {told:?}"
        );
    }
    for (folder, why) in [("/home/deploy/.rmm/x", "files of RMM's own runs"), ("/home/deploy/.ssh", "a user's keys")] {
        let told = on_one_host(&service("shop", "", &format!("directory = \"{folder}\""), "directory = \"/srv/live\""));
        assert!(told.len() == 1 && told[0].contains(why), "{told:?}");
    }
    let runs =
        "recipe = \"commands\"\ncheckout = false\ndirectory = \"/\"\ndeploy = \"true\"\nhealth.command = \"true\"";
    assert_eq!(on_one_host(&service("shop", runs, "", "")), [""; 0], "a command may run anywhere");
}

#[test]
fn surfaces_that_are_released_as_one_may_share_a_folder_and_a_project() {
    let shop = service("shop", "directory = \"/srv/live\"\nproject = \"shop\"", "directory = \"/srv/stage\", project = \"shop-stage\"", "")
        .replace(
            "[services.environments.stage]",
            "[[services.surfaces]]\nname = \"api\"\ndirectory = \"/srv/live\"\nproject = \"shop\"\n[services.environments.stage]",
        )
        .replace("surfaces.web = { directory", "surfaces.api = { directory = \"/srv/stage\", project = \"shop-stage\" }\nsurfaces.web = { directory");
    assert_eq!(on_one_host(&shop), [""; 0]);
}

#[test]
fn one_compose_project_for_two_places_is_refused_however_it_is_said() {
    for said in ["project = \"shop\"", "env.COMPOSE_PROJECT_NAME = \"shop\""] {
        let told = on_one_host(&service("shop", said, "directory = \"/srv/a\"", "directory = \"/srv/b\""));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("have the same compose project on box, \"shop\""), "{told:?}");
    }
    // The name that another surface has by default.
    let shop = service("shop", "", "directory = \"/srv/a\"", "directory = \"/srv/b\"");
    let blog = service("blog", "", "directory = \"/srv/c\", project = \"shop-web-stage\"", "directory = \"/srv/d\"");
    let told = on_one_host(&format!("{shop}{blog}"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("services[1].environments.stage.surfaces.web.project"), "{told:?}");
}

#[test]
fn a_project_is_a_name_that_compose_takes() {
    let told = on_one_host(&service(
        "shop",
        "project = \"My Shop\"",
        "directory = \"/a\"",
        "directory = \"/b\", project = \"b\"",
    ));
    assert!(told[0].contains("must be a name that compose takes"), "{told:?}");
    let told = on_one_host(&service("shop", "project = \"My Shop\"", "directory = \"/a\"", "directory = \"/b\""));
    assert_eq!(told.len(), 1, "one mistake, one error: {told:?}");
    let two = "project = \"a\"\nenv.COMPOSE_PROJECT_NAME = \"b\"";
    let told = on_one_host(&service("shop", two, "directory = \"/a\"", "directory = \"/b\", project = \"b\""));
    assert!(told.iter().any(|told| told.contains("is not what `env.COMPOSE_PROJECT_NAME` says")), "{told:?}");
}

#[test]
fn one_address_that_two_are_asked_at_is_refused_and_one_port_warned_about() {
    let folders = ["directory = \"/a\"", "directory = \"/b\""];
    let url = "health.url = \"http://127.0.0.1:8000/health\"";
    let same = on_one_host(&service("shop", url, folders[0], folders[1]));
    assert_eq!(same.len(), 1, "{same:?}");
    assert!(same[0].contains("are asked at the same address on box, http://127.0.0.1:8000/health"), "{same:?}");

    let other = format!("{}, health.url = \"http://localhost:8000/live\"", folders[1]);
    let port = on_one_host(&service("shop", url, folders[0], &other));
    assert!(port.len() == 1 && port[0].starts_with("warning") && port[0].contains("port 8000"), "{port:?}");

    for fine in ["http://127.0.0.1:8001/health", "http://127.0.0.1:80{{ environment }}/health"] {
        let other = format!("{}, health.url = \"{fine}\"", folders[1]);
        assert_eq!(on_one_host(&service("shop", url, folders[0], &other)), [""; 0], "{fine}");
    }
}

#[test]
fn one_address_is_one_in_every_spelling() {
    let folders = ["directory = \"/a\"", "directory = \"/b\""];
    let asked = |one: &str, other: &str| {
        let other = format!("{}, health.{other}", folders[1]);
        on_one_host(&service("shop", &format!("health.{one}"), folders[0], &other))
    };
    let url = "url = \"http://127.0.0.1:8000/health\"";
    for same in [
        "http://localhost:8000/health",
        "http://LocalHost.:8000/health/",
        "http://0.0.0.0:8000/health",
        "http://[::]:8000/health",
        "http://[::1]:8000/health",
        "http://[::ffff:127.0.0.1]:8000/health",
        "http://127.0.0.2:8000/health",
        "http://192.0.2.7:8000/health",
        "http://BOX:8000/health",
        "http://box.:8000/health#top",
    ] {
        let told = asked(url, &format!("url = \"{same}\""));
        assert!(told.len() == 1 && told[0].contains("are asked at the same address on box"), "{same}: {told:?}");
    }
    for port in ["url = \"http://box:8000/{{ environment }}\"", "tcp = \"192.0.2.7:8000\""] {
        let told = asked(url, port);
        assert!(told.len() == 1 && told[0].contains("both asked at port 8000 of box"), "{port}: {told:?}");
    }
    // Another machine; one of RMM's own; a web server that knows them by their names.
    let by_name = ["url = \"http://box/health\"", "url = \"http://localhost/health\""];
    let rmm = "url = \"http://localhost:8000/health\", health.via = \"rmm\"";
    for (one, other) in [(url, "url = \"http://192.0.2.8:8000/health\""), (url, rmm), (by_name[0], by_name[1])] {
        assert_eq!(asked(one, other), [""; 0], "{other}");
    }
    let told = asked("url = \"https://Shop.example/health\"", "url = \"https://shop.example.:443/health\"");
    assert!(told.len() == 1 && told[0].contains("are asked at the same address"), "{told:?}");
}

#[test]
fn of_many_that_are_asked_at_one_port_each_is_told_once() {
    let services: String = (0..10)
        .map(|n| {
            let keys = |name| format!("directory = \"/{name}/{n}\", health.url = \"http://127.0.0.1:8000/{name}/{n}\"");
            service(&format!("shop{n}"), "", &keys("stage"), &keys("production"))
        })
        .collect();
    let told = on_one_host(&services);
    assert_eq!(told.len(), 19, "{told:?}");
}

#[test]
fn commands_that_call_compose_in_folders_of_one_name_are_warned_about() {
    let own = "recipe = \"commands\"\ndeploy = \"docker compose up -d\"\nhealth.command = \"true\"";
    let folders = ["directory = \"/srv/stage/shop\"", "directory = \"/srv/production/shop\""];
    let told = on_one_host(&service("shop", own, folders[0], folders[1]));
    assert!(told.len() == 1 && told[0].contains("compose names a project after its folder"), "{told:?}");
    let named = format!("{}, project = \"shop-live\"", folders[1]);
    assert_eq!(on_one_host(&service("shop", own, folders[0], &named)), [""; 0]);
}

#[test]
fn compose_surfaces_have_projects_and_a_health_check_of_their_own_and_commands_are_warned_about() {
    let config = parse(
        "[[services]]\nname = \"Shop\"\nrepository = \"team/shop\"\napprovals.minimum = 0\n\
         [[services.surfaces]]\nname = \"web\"\ndirectory = \"/srv/shop\"\nkeep = 3\nmin_free = \"2 GB\"\n\
         [[services.surfaces]]\nname = \"cron\"\nrecipe = \"commands\"\ndeploy = \"make\"\n\
         [services.environments]\nstage.driver = \"local\"\nproduction.driver = \"ci\"\n",
    );
    let shop = &config.services[0];
    let [web, cron] = &shop.surfaces_in(Env::Stage).collect::<Vec<_>>()[..] else { panic!("two") };
    let name = project::name(&shop.name, web, Env::Stage).unwrap();
    assert!(name.starts_with("shop-web-stage-") && name.len() == "shop-web-stage-".len() + 8, "{name}");
    assert_eq!(web.health.as_ref().map(|health| &health.probe), Some(&Probe::Containers));
    assert_eq!((web.keep, web.min_free), (3, Some(2_000_000_000)));
    let shown = config.effective();
    for line in
        [&format!("# compose project of web: {name}, unless "), "dirty = \"keep\"\n", "keep = 3\n", "min_free = "]
    {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
    assert_eq!((project::name(&shop.name, cron, Env::Stage), &cron.health), (None, &None));
    let told: Vec<_> = config.warnings.iter().map(|told| (told.key.as_str(), sentence(told))).collect();
    assert!(
        matches!(&told[..], [("services[0].surfaces[1].health", sentence)] if sentence.contains("nothing tells")),
        "{told:?}"
    );
}

#[test]
fn how_often_containers_are_looked_at_can_be_said() {
    let keys = "directory = \"/a\"\nhealth = { attempts = 2, wait = \"1m\" }";
    let config = parse(&super::surface(keys));
    let health = config.services[0].surfaces[0].health.clone().unwrap();
    assert_eq!((health.probe, health.attempts, health.wait.as_secs()), (Probe::Containers, 2, 60));
    let shown = parse(&config.effective());
    assert_eq!(shown.services, config.services);
    let own = keys.to_owned() + "\nrecipe = \"commands\"\ndeploy = \"make\"";
    assert!(super::problems(&super::surface(&own))[0].contains("needs `url`, `tcp` or `command`"));
}

#[test]
fn sizes_are_written_with_a_unit() {
    let keys = |size: &str| format!("directory = \"/a\"\nmin_free = \"{size}\"");
    for wrong in ["5", "five MB", "-1 MB", "1 XB", ""] {
        let told = on_one_host(&service("shop", &keys(wrong), "", "directory = \"/b\""));
        assert!(told[0].contains("is not a size"), "{wrong}: {told:?}");
    }
    for right in ["0", "0 B", "500MB", "2 GiB"] {
        assert_eq!(on_one_host(&service("shop", &keys(right), "", "directory = \"/b\"")), [""; 0], "{right}");
    }
}

#[test]
fn an_rmm_that_runs_already_goes_on_with_a_collision() {
    let text =
        format!("{}{}", host("box", "192.0.2.7"), service("shop", "directory = \"/srv/shop\"", "keep = 1", "keep = 2"));
    let env = super::env(ENV);
    let config = Config::parse(&text, "rmm.toml", Path::new("/etc/rmm"), &env).expect("it is used");
    assert_eq!(config.collisions.len(), 1);
    assert!(config.clone().without_collisions().is_err(), "a check refuses it");
    let more = text.clone() + &service("blog", "directory = \"/srv/blog\"", "keep = 1", "keep = 2");
    let more = Config::parse(&more, "rmm.toml", Path::new("/etc/rmm"), &env).unwrap();
    let refused = more.without_more_collisions(&config.collisions).map(|_| ()).unwrap_err().0;
    assert!(
        refused.len() == 1 && sentence(&refused[0]).contains("/srv/blog"),
        "what is known is no reason: {refused:?}"
    );
}

#[test]
fn commands_that_call_compose_have_projects_too() {
    let folders = |deploy: &str, recipe: &str| {
        on_one_host(&service(
            "shop",
            &format!("recipe = \"{recipe}\"\ndeploy = \"{deploy}\"\nhealth = {{ command = \"true\" }}"),
            "directory = \"/srv/stage/shop\"",
            "directory = \"/srv/production/shop\"",
        ))
    };
    let same = folders("docker compose up -d --build", "commands");
    assert!(same.len() == 1 && same[0].contains("both are in one called \"shop\""), "{same:?}");
    for deploy in ["docker compose -p same up -d", "docker compose --project-name=same up -d"] {
        let same = folders(deploy, "compose");
        assert!(same.len() == 1 && same[0].contains("the same compose project on box, \"same\""), "{same:?}");
    }
    for deploy in ["docker compose -p shop-{{ environment }} up -d", "cp -p a b"] {
        assert_eq!(folders(deploy, "commands"), [] as [&str; 0], "{deploy}");
    }
}

#[test]
fn an_address_of_a_host_is_one_in_every_spelling() {
    for (one, other) in
        [("Box.example", "box.example."), ("192.0.2.7", "[::ffff:192.0.2.7]"), ("[2001:DB8:0::1]", "[2001:db8::1]")]
    {
        let config = [
            host("box", one),
            host("same", other),
            service("shop", "directory = \"/srv/shop\"", "", "directory = \"/srv/live\""),
            service("blog", "directory = \"/srv/shop\"", "", "directory = \"/srv/blog\"")
                .replace("\"box\"", "\"same\""),
        ];
        let told = told(&config.concat());
        assert!(told.len() == 1 && told[0].contains("have the same folder on"), "{one} {other}: {told:?}");
    }
}

#[test]
fn two_services_in_a_folder_without_a_checkout_are_warned_about() {
    let scripts = |name| {
        service(
            name,
            "recipe = \"commands\"\ncheckout = false\ndeploy = \"make\"\nhealth.command = \"true\"\ndirectory = \"/srv\"",
            "",
            "",
        )
    };
    assert_eq!(on_one_host(&scripts("shop")), [""; 0], "its environments may share its scripts");
    let told = on_one_host(&(scripts("shop") + &scripts("blog")));
    assert!(
        !told.is_empty()
            && told.iter().all(|told| told.starts_with("warning") && told.contains("run in one folder on box, /srv")),
        "{told:?}"
    );
}

#[test]
fn no_release_is_checked_out_in_folders_of_rmm() {
    let at = |directory: &str, checkout: bool| {
        let service = format!(
            "[server]\ndata_dir = \"/var/lib/rmm/data\"\n[[services]]\nname = \"shop\"\nrepository = \"team/shop\"\n\
             approvals.minimum = 0\n[[services.surfaces]]\nname = \"web\"\nrecipe = \"commands\"\ndeploy = \"true\"\n\
             health.command = \"true\"\ncheckout = {checkout}\ndirectory = \"{directory}\"\n[services.environments.stage]\ndriver = \"local\"\n\
             [services.environments.production]\ndriver = \"ci\"\n"
        );
        Config::parse(&service, "rmm.toml", Path::new("/etc/rmm"), &super::env(&[])).unwrap()
    };
    for data in ["/var/lib/rmm/data", "/var/lib/rmm/data/shop", "/srv/../var/lib/rmm/data/."] {
        for checkout in [true, false] {
            let told = at(data, checkout).collisions;
            assert!(told.iter().any(|told| sentence(told).contains("RMM's data directory")), "{data}: {told:?}");
        }
    }
    for above in ["/var/lib/rmm", "/"] {
        let told = at(above, true).collisions;
        assert!(!told.is_empty(), "{above}");
    }
    let beside = at("/etc/rmm", true).collisions;
    assert!(beside.iter().any(|told| sentence(told).contains("folder of RMM's configuration")), "{beside:?}");
    // A command that runs beside RMM's files, or above them, has worked so far, and goes on.
    for runs_there in ["/etc/rmm", "/var/lib/rmm", "/"].map(|folder| at(folder, false)) {
        assert!(runs_there.collisions.is_empty() && runs_there.warnings.len() == 1, "{:?}", runs_there.warnings);
    }
    for other in ["/etc/rmm/shop", "/var/lib/rmm-shop", "/srv/shop"] {
        let config = at(other, true);
        assert!(config.collisions.is_empty() && config.warnings.is_empty(), "{other}");
    }
}
