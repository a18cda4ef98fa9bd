//! What commands start under one name for a whole machine: what must collide is refused, whichever way it is written.

use super::parse;
use super::places::{host, on_one_host, service, told};
use crate::domain::env::Env;
use crate::domain::plan::look_first;

/// What is told of a command in folders of stage and production on one machine, which have the same last part.
fn found(deploy: &str, more: &str) -> Vec<String> {
    let surface = format!("recipe = \"commands\"\nhealth.command = \"true\"\n{more}\ndeploy = '''\n{deploy}'''");
    let folders = ["directory = \"/srv/stage/shop\"", "directory = \"/srv/production/shop\""];
    on_one_host(&service("shop", &surface, folders[0], folders[1]))
}

#[track_caller]
fn is_refused(deploy: &str, more: &str, words: &str) {
    let told = found(deploy, more);
    let refused = told.len() == 1 && !told[0].starts_with("warning") && told[0].contains(words);
    assert!(refused, "{deploy} {more}: {told:?}");
}

#[track_caller]
fn is_warned_about(deploy: &str, more: &str, words: &str) {
    let told = found(deploy, more);
    assert!(told.len() == 1 && told[0].starts_with("warning") && told[0].contains(words), "{deploy} {more}: {told:?}");
}

#[test]
fn compose_is_found_in_whatever_way_it_is_called_and_named_after_the_folder_that_it_takes() {
    for (deploy, name) in [
        ("docker compose up -d", "shop"),
        ("docker-compose up -d", "shop"),
        ("podman compose up -d", "shop"),
        ("/usr/bin/docker compose --profile x up -d", "shop"),
        ("docker compose -f deploy/dc.yml up -d", "deploy"),
        ("docker compose --file=deploy/dc.yml -f deploy/more/dc.yml up -d", "deploy"),
        ("docker compose -f /opt/Our.Shop/dc.yml up -d", "ourshop"),
        ("docker compose --project-directory deploy/_X -f dc.yml up -d", "x"),
        ("docker compose -f - up -d <deploy/dc.yml", "shop"),
        ("cd deploy && docker compose up -d", "deploy"),
        ("cd deploy\ndocker compose up -d", "deploy"),
        ("pushd deploy >/dev/null && docker compose up -d && popd", "deploy"),
        ("(cd deploy; docker compose up -d)", "deploy"),
        ("(cd deploy; make) && docker compose up -d", "shop"),
        ("sh -c 'cd deploy && exec docker compose up -d'", "deploy"),
        ("bash -euc \"cd deploy; docker compose up -d\"", "deploy"),
        ("eval 'docker compose -f deploy/dc.yml up -d'", "deploy"),
        ("COMPOSE_FILE=deploy/dc.yml docker compose up -d", "deploy"),
        ("export COMPOSE_FILE=deploy/dc.yml; docker compose up -d", "deploy"),
        ("env COMPOSE_FILE=deploy/dc.yml timeout 60 docker compose up -d", "deploy"),
        ("X=deploy; docker compose -f \"$X/dc.yml\" up -d", "deploy"),
        ("if true; then sudo -u docker docker compose up -d; fi", "shop"),
        ("COMPOSE_PROJECT_NAME=other; docker compose up -d", "shop"),
        ("readonly COMPOSE_PROJECT_NAME=other; docker compose up -d", "shop"),
        ("set -a; set +a; COMPOSE_PROJECT_NAME=other; docker compose up -d", "shop"),
        ("export COMPOSE_PROJECT_NAME=x; env -u COMPOSE_PROJECT_NAME docker compose up -d", "shop"),
        ("if [ -d deploy ]; then cd deploy; docker compose up -d; fi", "deploy"),
        ("cd deploy || exit 1; docker compose up -d", "deploy"),
        ("NONE=; docker compose $NONE up -d", "shop"),
        ("chrt -o 0 docker compose up -d --build", "shop"),
        ("doppler run -- docker compose -f deploy/dc.yml up -d", "deploy"),
        ("retry 3 unbuffer docker-compose up -d", "shop"),
        ("sg docker -c 'docker compose up -d'", "shop"),
        ("sops exec-env secrets.yml 'cd deploy && docker compose up -d'", "deploy"),
    ] {
        is_refused(deploy, "", &format!("both are in one called \"{name}\" on box"));
    }
    is_refused(
        "docker compose up -d",
        "env.COMPOSE_FILE = \"deploy/dc.yml:dc.yml\"",
        "both are in one called \"deploy\"",
    );
    for hook in ["before_deploy", "after_deploy"] {
        let more = format!("{hook} = \"cd deploy && docker compose up -d\"");
        is_refused("true", &more, "both are in one called \"deploy\"");
    }
    let migrations = "migrate_up = \"docker compose run --rm db up\"\nmigrate_down = \"true\"";
    is_refused("true", migrations, "both are in one called \"shop\"");
}

#[test]
fn one_name_that_is_written_for_two_places_is_refused() {
    for deploy in [
        "docker compose -p Same up -d",
        "docker compose -psame up -d",
        "docker compose --project-name=same up -d",
        "COMPOSE_PROJECT_NAME=same docker compose up -d",
        "export COMPOSE_PROJECT_NAME=same && docker compose up -d",
        "docker compose -p {{ service }} up -d; true same",
    ] {
        let name = if deploy.contains("service") { "shop" } else { "same" };
        is_refused(deploy, "", &format!("have the same compose project on box, \"{name}\""));
    }
    for deploy in [
        "docker stack deploy -c stack.yml --prune shop",
        "docker stack deploy --prune shop -c stack.yml",
        "docker stack up shop --compose-file=stack.yml --detach=false -c more.yml",
        "docker stack --orchestrator swarm deploy -cstack.yml shop",
    ] {
        is_refused(deploy, "", "deploy the same stack on box, \"shop\"");
    }
    for deploy in ["set -a; COMPOSE_PROJECT_NAME=same", "set -euo pipefail -o allexport\nCOMPOSE_PROJECT_NAME=same"] {
        is_refused(&format!("{deploy}; docker compose up -d"), "", "have the same compose project on box, \"same\"");
    }
    let with_options = "OPTIONS='-f a/b.yml -p same'; docker compose $OPTIONS up -d";
    is_refused(with_options, "", "have the same compose project on box, \"same\"");
    for deploy in [
        "docker run -d --name shop -p 80:80 nginx",
        "podman run -dit --rm --name=shop x",
        "docker container create --name shop x",
    ] {
        is_refused(deploy, "", "start a container with the same name on box, \"shop\"");
    }
    // `sudo` gives nothing on of what RMM has put into the environment.
    let folders = ["/srv/stage/shop\", project = \"shop-stage", "/srv/production/shop\", project = \"shop-live"];
    let surface = |deploy: &str| format!("recipe = \"commands\"\nhealth.command = \"true\"\ndeploy = \"{deploy}\"");
    let with = |deploy: &str| {
        let folders = folders.map(|folder| format!("directory = \"{folder}\""));
        on_one_host(&service("shop", &surface(deploy), &folders[0], &folders[1]))
    };
    let told = with("sudo docker compose up -d");
    assert!(told.len() == 1 && told[0].contains("both are in one called \"shop\""), "{told:?}");
    for deploy in ["docker compose up -d", "sudo -E docker compose up -d", "cd x; docker compose -f y/z.yml up"] {
        assert_eq!(with(deploy), [""; 0], "{deploy}");
    }
}

#[test]
fn what_is_kept_apart_or_starts_nothing_is_all_right() {
    for deploy in [
        "docker compose -p shop-{{ environment }} up -d",
        "docker compose -p shop-$RMM_ENVIRONMENT up -d",
        "cd deploy/{{ environment }} && docker compose -p \"$RMM_SERVICE-${RMM_ENVIRONMENT}\" up -d",
        "docker stack deploy -c stack.yml shop-{{ environment }}",
        "docker stack deploy shop-{{ environment }} -c stack.yml --with-registry-auth",
        "docker stack up shop-{{ environment }} --resolve-image never",
        "set -a; COMPOSE_PROJECT_NAME=shop-{{ environment }}; set +a; docker compose up -d",
        ". ./.env; docker compose -p shop-$RMM_ENVIRONMENT up -d",
        "docker run -d --name shop-{{ environment }} nginx",
        "docker run --rm busybox echo --name shop",
        "docker compose -f deploy/dc.yml config && docker compose ps",
        "echo docker compose up -d # docker compose up -d",
        "cp -p compose a",
        "systemctl restart docker",
        "docker --context {{ environment }} run --name shop x",
        "npm ci && /usr/bin/rsync -a x y && python3 manage.py migrate",
    ] {
        assert_eq!(found(deploy, ""), [""; 0], "{deploy}");
    }
}

#[test]
fn what_cannot_be_known_is_said_to_be_so() {
    is_warned_about("docker compose -p \"$NAME\" up -d", "", "from ${NAME}, which RMM does not know");
    is_warned_about("cd \"$WHERE\" && docker compose up -d", "", "from ${WHERE}, which RMM does not know");
    is_warned_about("docker compose -p \"$(cat name)\" up -d", "", "from $(cat name), which RMM does not know");
    for script in [
        "./deploy.sh",
        "make deploy",
        "sudo ./deploy.sh now",
        "npm run deploy",
        "${DEPLOY} now",
        "sh deploy.sh",
        ". ./deploy.sh",
    ] {
        is_warned_about(script, "", &format!("RMM does not read what `{script}` starts"));
    }
    // Containers that it names itself have one name wherever its folder is.
    let surface = "recipe = \"commands\"\nhealth.command = \"true\"\ndeploy = \"./deploy.sh\"";
    let apart = on_one_host(&service("shop", surface, "directory = \"/srv/stage\"", "directory = \"/srv/production\""));
    assert!(apart.len() == 1 && apart[0].starts_with("warning") && apart[0].contains("docker run --name"), "{apart:?}");
    assert_eq!(found("./deploy.sh {{ environment }}", ""), [""; 0]);
    for any in [
        ". ./.env",
        "set -a && . ./.env && set +a",
        "export $(cat .env)",
        "eval \"$(cat .env)\"",
        "read COMPOSE_PROJECT_NAME <name; export COMPOSE_PROJECT_NAME",
        "cd a || cd b",
        "if [ -d deploy ]; then cd deploy; fi",
    ] {
        is_warned_about(&format!("{any}; docker compose up -d"), "", "which RMM does not know");
    }
    is_warned_about("env $(cat .env) docker compose up -d", "", "which RMM does not know");
    is_warned_about("docker compose $OPTIONS up -d", "", "from ${OPTIONS}, which RMM does not know");
    is_warned_about("su - deploy -c 'docker compose up -d'", "", "which RMM does not know");
    for either in [
        "P=a; [ -e x ] && P=b",
        "[ -e x ] && P=a || P=b",
        "P=a; if [ -e x ]; then P=b; fi",
        "if [ -e x ]; then P=a; else P=b; fi",
        "P=a; for P in b c; do true; done",
        "P=a; . ./.env",
    ] {
        is_warned_about(&format!("{either}; docker compose -p \"$P\" up -d"), "", "from ${P}, which RMM does not know");
    }
    // The compose file of one repository may name one project for all its folders.
    is_warned_about("cd {{ environment }} && docker compose up -d", "", "as long as neither the compose file");
}

#[test]
fn a_variable_is_what_a_shell_makes_of_it_or_cannot_be_known() {
    let project = |word: &str| format!("X=live; E=; docker compose -p \"{word}\" up -d");
    for (word, name) in [
        ("${X}", "live"),
        ("${X:-other}", "live"),
        ("${X-other}", "live"),
        ("${X:=other}", "live"),
        ("${X:?not said}", "live"),
        ("${E:-other}", "other"),
        ("a${E-other}", "a"),
        ("${E:=other}$E", "otherother"),
        ("${X:+yes}", "yes"),
        ("${E+yes}", "yes"),
        ("a${E:+yes}", "a"),
    ] {
        is_refused(&project(word), "", &format!("have the same compose project on box, \"{name}\""));
    }
    for word in [
        "${X%e}",
        "${X##l}",
        "${X:1:2}",
        "${X: -2}",
        "${X/l/d}",
        "${X^^}",
        "${X@Q}",
        "${!X}",
        "${Y}",
        "${Y:-other}",
        "${Y-other}",
        "${Y:+yes}",
        "${Y:=other}",
        "${E:-$(id -un)}",
        "${E:-${Y:-other}}",
        "${E:?not said}",
    ] {
        is_warned_about(&project(word), "", "which RMM does not know");
    }
}

#[test]
fn other_machines_and_services_have_names_of_their_own() {
    let surface = "recipe = \"commands\"\nhealth.command = \"true\"\ndeploy = \"docker compose up -d\"";
    let shop = |more: &str| {
        let folders = ["directory = \"/srv/stage/shop\"".to_owned(), format!("directory = \"/srv/shop\"{more}")];
        format!(
            "{}{}{}",
            host("box", "192.0.2.7"),
            host("other", "192.0.2.8"),
            service("shop", surface, &folders[0], &folders[1])
        )
    };
    assert_eq!(told(&shop(", hosts = [\"other\"]")), [""; 0]);
    let blog = service(
        "blog",
        surface,
        "directory = \"/srv/blog/stage\"",
        "directory = \"/srv/blog/shop\", project = \"blog\"",
    );
    let two = told(&format!("{}{blog}", shop(", hosts = [\"other\"]")));
    assert_eq!(two, [""; 0]);
    let blog =
        service("blog", surface, "directory = \"/srv/blog/SHOP\"", "directory = \"/srv/blog/x\", project = \"blog\"");
    let two = told(&format!("{}{blog}", shop(", hosts = [\"other\"]")));
    assert!(
        two.len() == 1
            && two[0].contains("surface web of blog in stage and surface web of shop in stage both are in one called"),
        "{two:?}"
    );
}

#[test]
fn a_host_is_asked_whose_the_projects_are_that_commands_start_in_their_folder() {
    let looks = |deploy: &str, env: &str| {
        let config = parse(&format!(
            "[[services]]\nname = \"shop\"\nrepository = \"team/shop\"\napprovals.minimum = 0\n\
             [[services.surfaces]]\nname = \"web\"\nrecipe = \"commands\"\ndirectory = \"/srv/shop\"\nhealth.command = \"true\"\n\
             deploy = '{deploy}'\n{env}\n[services.environments]\nstage.driver = \"local\"\nproduction.driver = \"ci\"\n"
        ));
        let surface = config.services[0].surfaces_in(Env::Stage).next().unwrap();
        let calls = look_first(&config.services[0], surface, Env::Stage).unwrap();
        calls.trim_end_matches("\nrmm_containers_left shop stage").to_owned()
    };
    let first = "rmm_meet_holder /srv/shop shop stage\nrmm_room auto /srv/shop";
    for (deploy, name) in [
        ("docker compose up -d", "shop"),
        ("cd deploy && docker compose up -d", "deploy"),
        ("docker compose -p x up", "x"),
    ] {
        assert_eq!(looks(deploy, ""), format!("{first}\nrmm_compose_place /srv/shop {name} named"), "{deploy}");
    }
    for elsewhere in
        ["docker compose -f /opt/x/y.yml up", "docker --context x compose up", "docker compose -p $X up", "make"]
    {
        assert_eq!(looks(elsewhere, ""), first, "{elsewhere}");
    }
    assert_eq!(looks("docker compose up", "env.COMPOSE_FILE = \"../dc.yml\""), first);
    let named = "docker rm -f $RMM_SERVICE; docker run -d --name shop-$RMM_ENVIRONMENT x && docker run --name $X y";
    assert_eq!(looks(named, ""), format!("{first}\nrmm_containers_place shop stage shop-stage"));
}

#[test]
fn a_host_asks_compose_what_the_files_name_with_all_that_the_command_gives_it() {
    let asks = |deploy: &str, more: &str| {
        let config = parse(&format!(
            "[[services]]\nname = \"shop\"\napprovals.minimum = 0\n\
             [[services.surfaces]]\nname = \"web\"\nrecipe = \"commands\"\ndirectory = \"/srv/shop\"\nhealth.command = \"true\"\n\
             deploy = '''{deploy}'''\n{more}\n[services.environments]\nstage.driver = \"local\"\nproduction.driver = \"ci\"\n"
        ));
        let surface = config.services[0].surfaces_in(Env::Stage).next().unwrap();
        let calls = look_first(&config.services[0], surface, Env::Stage).unwrap_or_default();
        let asked = calls.lines().filter(|line| line.starts_with("rmm_compose_ask"));
        asked.map(|line| shlex::split(line).unwrap()[2..].join(" ")).collect::<Vec<_>>()
    };
    for (deploy, asked) in [
        ("docker compose pull && docker compose up -d", "name cd /srv/shop && rmm_ask docker compose"),
        ("docker compose -p x up", "containers cd /srv/shop && rmm_ask docker compose -p x"),
        (
            "export A='b c'; cd d && docker compose --ansi never --profile p up",
            "name cd /srv/shop/d && rmm_ask env 'A=b c' docker compose --profile p",
        ),
        (
            "A=b sudo C=d docker-compose --file=x.yml up",
            "name cd /srv/shop && rmm_ask env -i PATH=\"$PATH\" HOME=\"$HOME\" 'C=d' docker-compose --file x.yml",
        ),
        ("A=$(id) docker compose up", "name cd /srv/shop && rmm_ask docker compose"),
    ] {
        assert_eq!(asks(deploy, "env.B = \"c\""), [asked], "{deploy}");
    }
    for unknown in ["docker compose -f - up <x", "docker compose -f $X up", "docker compose -f /opt/x.yml up", "make"] {
        assert_eq!(asks(unknown, ""), [""; 0], "{unknown}");
    }
}

#[test]
fn the_recipe_compose_looks_wherever_its_files_are_in_the_folder() {
    let looks = |deploy: &str, env: &str| {
        let config = parse(&format!(
            "[[services]]\nname = \"shop\"\nrepository = \"team/shop\"\napprovals.minimum = 0\n\
             [[services.surfaces]]\nname = \"web\"\nrecipe = \"compose\"\ndirectory = \"/srv/shop\"\n{deploy}\n{env}\n\
             [services.environments]\nstage.driver = \"local\"\nproduction.driver = \"ci\"\n"
        ));
        let surface = config.services[0].surfaces_in(Env::Stage).next().unwrap();
        look_first(&config.services[0], surface, Env::Stage).unwrap().contains("rmm_compose_place /srv/shop")
    };
    for inside in ["-f deploy/dc.yml", "--project-directory deploy -f deploy/dc.yml", "--file=deploy/dc.yml"] {
        assert!(looks(&format!("deploy = 'docker compose {inside} up -d'"), ""), "{inside}");
    }
    assert!(looks("", "env.COMPOSE_FILE = \"deploy/dc.yml:dc.yml\""));
    for outside in ["-f /opt/dc.yml", "-f ../dc.yml", "--project-directory /opt", "-f \"$X\""] {
        assert!(!looks(&format!("deploy = 'docker compose {outside} up -d'"), ""), "{outside}");
    }
    assert!(!looks("", "env.COMPOSE_FILE = \"dc.yml:../dc.yml\""));
}
