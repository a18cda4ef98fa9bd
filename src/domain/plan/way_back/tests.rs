//! Whatever is shared and however far a run had come: code and migrations meet in an order that each can bear.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::domain::env::Env;
use crate::domain::ids::{Attempt, Commit, HostName, ReleaseId, Revision, ServiceName, SurfaceName};
use crate::domain::plan::Planner;
use crate::domain::position::{Position, Positions};
use crate::domain::release::Release;
use crate::domain::run::{Action, Ask, RunKind, Script, Step, StepKind, Taken};
use crate::domain::service::{Approvals, Dirty, Driver, Environment, Order, Recipe, Service, Surface, Target};
use crate::domain::status::Status;

const OLDER: ReleaseId = ReleaseId(1);
const NEWER: ReleaseId = ReleaseId(2);

fn surface(number: usize, folder: &str, hosts: &[&str], checkout: bool, migrates: bool) -> Surface {
    Surface {
        name: SurfaceName::parse("surface", format!("s{number}")).unwrap(),
        recipe: Recipe::Commands,
        hosts: hosts.iter().map(|host| place(host)).collect(),
        order: if number.is_multiple_of(2) { Order::Rolling } else { Order::Parallel },
        directory: Some(folder.into()),
        checkout,
        dirty: Dirty::Keep,
        project: None,
        keep: 0,
        min_free: None,
        before_deploy: None,
        deploy: "start".into(),
        after_deploy: None,
        migrate_up: migrates.then(|| "up".into()),
        migrate_down: migrates.then(|| "down".into()),
        health: None,
        logs: None,
        env: BTreeMap::new(),
        step_timeout: Duration::from_secs(60),
    }
}

fn place(host: &str) -> Target {
    Target { host: HostName::parse("host", host).unwrap(), address: host.into() }
}

fn service(surfaces: Vec<Surface>) -> Service {
    let environment =
        Environment { driver: Driver::Ssh, surfaces: BTreeMap::new(), run_timeout: Duration::from_secs(60) };
    Service {
        retired: false,
        put_aside: false,
        was: None,
        known_as: None,
        maybe_was: None,
        name: ServiceName::parse("service", "shop").unwrap(),
        repository_ca: None,
        candidates: crate::domain::service::Candidates::Call,
        oidc: None,
        protection_rule: None,
        repository: Some("team/shop".into()),
        approvals: Approvals { required: Vec::new(), minimum: 0, forbid_self: false, auto_promote: true },
        supersede: false,
        surfaces,
        environments: Env::LASTING.map(|env| (env, environment.clone())).into(),
    }
}

fn release(id: ReleaseId) -> Release {
    let now = jiff::Timestamp::UNIX_EPOCH;
    Release {
        id,
        service: ServiceName::parse("service", "shop").unwrap(),
        tag: None,
        commit: Some(Commit::parse("commit", format!("{:040}", id.0)).unwrap()),
        commit_check: None,
        status: Status::Deployed,
        status_since: now,
        reason: None,
        attempt: Attempt(1),
        revision: Revision(1),
        said_by: None,
        proven_initiators: Vec::new(),
        initiated_by: String::new(),
        owner: String::new(),
        ci_run: None,
        tagged_at: None,
        notes: String::new(),
        artifacts: Vec::new(),
        rollback_to_tag: None,
        rehearsal: None,
        promoted: false,
        held: false,
        bypasses: Vec::new(),
        created_at: now,
        started_at: now,
        completed_at: None,
    }
}

fn back(service: &Service, positions: &Positions) -> Vec<Step> {
    let planner = Planner { service, environment: Env::Production, kind: RunKind::Rollback, run: None, without: &[] };
    planner.back(&release(NEWER), &release(OLDER), positions).unwrap()
}

/// Where everything is at the newer version.
fn everything(service: &Service) -> Positions {
    let hosts = |surface: &Surface| surface.hosts.iter().map(|place| (place.host.clone(), true)).collect();
    let position = |surface: &Surface| Position { newer_schema: true, hosts: hosts(surface) };
    service.surfaces.iter().map(|surface| (surface.name.clone(), position(surface))).collect()
}

fn script(step: &Step) -> &Script {
    match &step.action {
        Action::Command { script, .. } => script,
        Action::Health { ask: Ask::Command(script), .. } => script,
        Action::Health { ask: Ask::Http { .. } | Ask::Tcp { .. }, .. } => panic!("a command was expected"),
    }
}

fn told(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {} #{}", step.surface, step.kind.as_str(), step.about.0)).collect()
}

#[test]
fn surfaces_in_one_folder_take_all_migrations_back_before_the_code() {
    let shop = service(vec![surface(0, "/srv/shop", &["a"], true, true), surface(1, "/srv/shop", &["a"], true, true)]);
    assert_eq!(
        told(&back(&shop, &everything(&shop))),
        [
            "s1 migrate_down #2",
            "s0 migrate_down #2",
            "s1 checkout #1",
            "s1 deploy #1",
            "s0 checkout #1",
            "s0 deploy #1"
        ]
    );
}

#[test]
fn surfaces_in_folders_of_their_own_go_back_one_after_the_other() {
    let shop = service(vec![surface(0, "/srv/a", &["a"], true, true), surface(1, "/srv/b", &["a"], true, true)]);
    assert_eq!(
        told(&back(&shop, &everything(&shop))),
        [
            "s1 migrate_down #2",
            "s1 checkout #1",
            "s1 deploy #1",
            "s0 migrate_down #2",
            "s0 checkout #1",
            "s0 deploy #1"
        ]
    );
}

#[test]
fn one_that_runs_in_the_checkout_of_another_starts_the_older_code() {
    let shop =
        service(vec![surface(0, "/srv/shop", &["a"], true, false), surface(1, "/srv/shop", &["a"], false, true)]);
    assert_eq!(
        told(&back(&shop, &everything(&shop))),
        ["s1 migrate_down #2", "s0 checkout #1", "s1 deploy #1", "s0 checkout #1", "s0 deploy #1"]
    );
}

const HOSTS: &[&[&str]] = &[&["a"], &["b"], &["a", "b"], &["b", "a"]];

prop_compose! {
    fn surfaces()(drawn in prop::collection::vec((0..2_usize, 0..HOSTS.len(), any::<bool>(), any::<bool>()), 1..5))
        -> Vec<Surface> {
        let folders = ["/srv/one", "/srv/two"];
        let one = |(number, &(folder, hosts, checkout, migrates)): (usize, &(usize, usize, bool, bool))| {
            surface(number, folders[folder], HOSTS[hosts], checkout, migrates)
        };
        drawn.iter().enumerate().map(one).collect()
    }
}

proptest! {
    /// A migration goes back with the newer code, and what is started is the older one, wherever a rollback
    /// brings code to the folder.
    #[test]
    fn code_and_migrations_meet(surfaces in surfaces(), drawn in prop::collection::vec(any::<(bool, bool, bool, bool)>(), 4)) {
        let shop = service(surfaces);
        let mut positions = Positions::new();
        for (surface, (touched, schema, first, second)) in shop.surfaces.iter().zip(drawn) {
            if touched {
                let hosts = surface.hosts.iter().zip([first, second]);
                let hosts = hosts.map(|(place, newer)| (place.host.clone(), newer)).collect();
                positions.insert(surface.name.clone(), Position { newer_schema: schema, hosts });
            }
        }
        // What certainly is checked out: where that is not in doubt.
        let (mut code, mut brought) = (BTreeMap::new(), BTreeSet::new());
        for surface in shop.surfaces.iter().filter(|surface| surface.checkout) {
            for (host, newer) in positions.get(&surface.name).iter().flat_map(|position| &position.hosts) {
                let spot = (host.clone(), surface.directory.clone());
                let known = code.entry(spot.clone()).or_insert(Some(NEWER));
                if !newer { *known = None; }
                brought.insert(spot);
            }
        }
        let mut left: BTreeSet<_> = positions
            .iter()
            .filter(|(_, position)| position.newer_schema)
            .map(|(name, _)| name.clone())
            .filter(|name| shop.surfaces.iter().any(|s| s.name == *name && s.migrate_down.is_some()))
            .collect();
        for step in back(&shop, &positions) {
            let surface = shop.surfaces.iter().find(|surface| surface.name == step.surface).unwrap();
            let spot = (step.host.clone(), surface.directory.clone());
            let now = code.get(&spot).copied().flatten();
            match step.kind {
                StepKind::Checkout => { code.insert(spot, Some(step.about)); }
                StepKind::MigrateDown => {
                    left.remove(&step.surface);
                    prop_assert!(!brought.contains(&spot) || now == Some(NEWER), "{} with {now:?}", step.surface);
                }
                StepKind::Deploy => {
                    prop_assert!(!brought.contains(&spot) || now == Some(OLDER), "{} starts {now:?}", step.surface);
                    prop_assert!(!left.contains(&step.surface), "{} starts with the newer schema", step.surface);
                }
                StepKind::Fetch | StepKind::VerifyTag | StepKind::BeforeDeploy | StepKind::MigrateUp
                | StepKind::Health | StepKind::AfterDeploy => {}
            }
        }
        prop_assert!(left.is_empty(), "{left:?} never went back");
    }
}

#[test]
fn compose_is_told_its_project_and_what_goes_with_the_way_back() {
    let web = Surface {
        recipe: Recipe::Compose,
        deploy: Recipe::Compose.deploy().unwrap().into(),
        keep: 2,
        ..surface(0, "/srv/shop", &["a"], true, false)
    };
    let other =
        Surface { deploy: "docker compose -f web.yml up -d".into(), directory: Some("/srv/web".into()), ..web.clone() };
    let name = |surface: &Surface, name: &str| Surface {
        name: SurfaceName::parse("surface", name).unwrap(),
        ..surface.clone()
    };
    let shop = service(vec![name(&web, "web"), name(&other, "other")]);
    let planner = |kind| Planner { service: &shop, environment: Env::Stage, kind, run: None, without: &[] };
    let told = |steps: Vec<Step>| -> Vec<String> {
        let told = |step: &Step| {
            let script = script(step);
            let project = script.project.as_ref().map(|project| {
                format!(" as {}{}", project.name, if project.remove_orphans { " without orphans" } else { "" })
            });
            format!("{}{}", script.command.replace('\n', "; "), project.unwrap_or_default())
        };
        let kinds = [StepKind::Deploy, StepKind::AfterDeploy];
        steps.iter().filter(|step| kinds.contains(&step.kind)).map(told).collect()
    };
    assert_eq!(
        told(planner(RunKind::Deploy).forward(&release(NEWER), None).unwrap()),
        [
            "rmm_compose_retire; docker compose up -d --build as shop-web-stage",
            "rmm_compose_keep 2 000000000000 as shop-web-stage",
            "rmm_compose_before other 000000000000; docker compose -f web.yml up -d as shop-other-stage",
            "rmm_compose_keep 2 000000000000 as shop-other-stage",
        ]
    );
    assert_eq!(
        told(planner(RunKind::Rollback).back(&release(NEWER), &release(OLDER), &everything(&shop)).unwrap()),
        [
            "rmm_tell_image_room; rmm_compose_back other 000000000000; docker compose -f web.yml up -d as shop-other-stage without orphans",
            "rmm_compose_keep 2 000000000000 as shop-other-stage",
            "rmm_tell_image_room; rmm_compose_retire; docker compose up -d --build $(rmm_remove_orphans) as shop-web-stage",
            "rmm_compose_keep 2 000000000000 as shop-web-stage",
        ]
    );
}

#[test]
fn a_place_is_looked_at_before_anything_is_touched_and_on_the_way_back_nothing_stands_in_the_way() {
    let web = Surface { recipe: Recipe::Compose, ..surface(0, "/srv/shop", &["a"], true, true) };
    let (fetched, brought) = (web.clone(), Surface { checkout: false, min_free: Some(7), ..web });
    for (surface, looks_in, free) in [(fetched, StepKind::Fetch, "auto"), (brought, StepKind::BeforeDeploy, "7")] {
        let shop = service(vec![surface]);
        let planner =
            Planner { service: &shop, environment: Env::Stage, kind: RunKind::Deploy, run: None, without: &[] };
        let steps = planner.forward(&release(NEWER), None).unwrap();
        let changes = steps.iter().position(|step| step.kind.changes()).unwrap();
        let look = steps
            .iter()
            .position(|step| script(step).command.contains("rmm_compose_place /srv/shop shop-s0-stage"))
            .unwrap();
        assert_eq!((steps[look].kind, look < changes), (looks_in, true), "{steps:#?}");
        assert!(script(&steps[look]).command.starts_with(&format!("rmm_room {free} /srv/shop docker\n")));
        let back = planner.back(&release(NEWER), &release(OLDER), &everything(&shop)).unwrap();
        assert!(back.iter().all(|step| !script(step).command.contains("rmm_room")));
    }
    let outside = Surface {
        recipe: Recipe::Compose,
        deploy: "docker compose -f ../infra/compose.yml up -d".into(),
        ..surface(0, "/srv/shop", &["a"], true, false)
    };
    let shop = service(vec![outside]);
    let planner = Planner { service: &shop, environment: Env::Stage, kind: RunKind::Deploy, run: None, without: &[] };
    let steps = planner.forward(&release(NEWER), None).unwrap();
    let looks = |call: &str| steps.iter().any(|step| script(step).command.contains(call));
    assert!(looks("rmm_room auto /srv/shop docker\n") && !looks("rmm_compose_place"), "{steps:#?}");
}

#[test]
fn what_may_take_containers_is_watched_and_only_production_goes_back_over_everything() {
    let watched = |deploy: &str, environment, back| {
        let mut one = surface(0, "/srv/shop", &["a"], false, false);
        (one.deploy, one.directory) = (deploy.into(), None);
        let shop = service(vec![one]);
        let planner = Planner { service: &shop, environment, kind: RunKind::Deploy, run: None, without: &[] };
        let steps = match back {
            true => planner.back(&release(NEWER), &release(OLDER), &everything(&shop)),
            false => planner.forward(&release(NEWER), None),
        };
        let steps = steps.unwrap();
        let looks = steps.iter().filter(|step| step.kind == StepKind::BeforeDeploy);
        let looks: Vec<_> = looks.map(|step| script(step).command.clone()).collect();
        let deploy = steps.iter().find(|step| step.kind == StepKind::Deploy).unwrap();
        (looks, script(deploy).containers.clone().map(|containers| (containers.taken, containers.names)))
    };
    let named = "docker rm -f sole; docker run -d --name sole x";
    let sole = || vec!["sole".to_owned()];
    let place = |env: &str| vec![format!("rmm_containers_place shop {env} sole")];
    for (environment, way_back) in [(Env::Stage, Taken::StopsUnlessBefore), (Env::Production, Taken::IsSaid)] {
        let there = watched(named, environment, false);
        assert_eq!(there, (place(&environment.to_string()), Some((Taken::Stops, sole()))));
        assert_eq!(watched(named, environment, true), (Vec::new(), Some((way_back, sole()))));
    }
    for unnamed in [
        "./deploy.sh",
        "docker stop a",
        "docker compose up -d",
        "podman run --name $X x",
        "docker --context far run --name sole x",
    ] {
        assert_eq!(watched(unnamed, Env::Stage, false), (Vec::new(), Some((Taken::Stops, Vec::new()))), "{unnamed}");
    }
    assert_eq!(watched("systemctl restart shop", Env::Stage, false), (Vec::new(), None));
}
