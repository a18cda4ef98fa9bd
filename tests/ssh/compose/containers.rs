//! Whose a container is: by a note on the host, or by its folder; and no step takes one of another service or environment.

use super::projects::{refused_in, with_command, with_tools};
use super::site::{Site, Stage};
use crate::host::Host;

/// A version whose script starts a container of this name, whatever has it.
fn starts(name: &str) -> String {
    format!(
        "#!/bin/sh\nname={name}\ndocker build -q -t shop . && docker rm -f $name\n\
         docker run -d --name $name shop /bin/busybox sleep 1000000\n"
    )
}

fn with_script(config: String) -> String {
    let config = with_command(config, "exec ./deploy.sh");
    ["8001", "8002"].iter().fold(config, |config, port| {
        config.replace(&format!("health.url = \"http://127.0.0.1:{port}/cgi-bin/health\""), "health.command = \"true\"")
    })
}

/// What a check of the host says about the places there.
async fn places(site: &Site) -> String {
    let check = format!("/api/v1/hosts/{}/check", site.hosts[0].name());
    let found = site.world.operator().post(&check, &serde_json::json!({})).await.ok();
    let places = found["findings"].as_array().unwrap().iter().filter(|finding| finding["name"] == "place");
    places.map(|finding| format!("{} {}\n", finding["state"], finding["detail"])).collect()
}

#[tokio::test]
async fn a_candidate_on_stage_that_takes_the_container_of_production_fails_and_production_is_told_of() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::OnHosts(1), with_script).await;
    let apart = starts("sole; [ $RMM_ENVIRONMENT = production ] || name=other");
    site.tag("v1", &[("deploy.sh", &apart)]);
    site.deployed("v1").await;
    assert!(!places(&site).await.contains("replaced"));

    site.tag("v2", &[("deploy.sh", &starts("sole"))]);
    let release = site.world.release_of_tag("v2").await;
    site.world.until(release, "stage_building_failed").await;
    let reason = site.world.reason(release).await;
    for part in [
        "have replaced the container sole, which was that of shop on production (/home/deploy/production)",
        "`--name shop-$RMM_ENVIRONMENT`",
        "and deploy shop on production again.",
    ] {
        assert!(reason.contains(part), "no {part} in {reason}");
    }
    let told = "the container sole was replaced since shop on production has started it";
    assert!(places(&site).await.contains(told), "{}", places(&site).await);

    site.tag("v3", &[("deploy.sh", &apart)]);
    site.deployed("v3").await;
    assert!(!places(&site).await.contains("replaced"));
    site.world.is_sound().await;
}

#[tokio::test]
async fn production_does_not_take_the_container_of_stage_either() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::OnHosts(1), with_script).await;
    site.tag("v1", &[("deploy.sh", &starts("sole"))]);
    let release = site.approved("v1").await;
    let printed = refused_in(&site, release, "deploy", "rollback_failed").await;
    assert!(printed.contains("container sole, which was that of shop on stage (/home/deploy/stage)"), "{printed}");
}

#[tokio::test]
async fn a_candidate_on_stage_that_takes_down_what_compose_runs_for_production_fails() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::OnHosts(1), |config| with_command(config, "exec ./deploy.sh")).await;
    let up = "docker compose -p shop-$RMM_ENVIRONMENT up -d --build";
    site.tag("v1", &[("deploy.sh", &format!("#!/bin/sh\n{up}\n"))]);
    site.deployed("v1").await;

    site.tag("v2", &[("deploy.sh", &format!("#!/bin/sh\ndocker compose -p shop-production down -t 0\n{up}\n"))]);
    let release = site.world.release_of_tag("v2").await;
    site.world.until(release, "stage_building_failed").await;
    let reason = site.world.reason(release).await;
    for part in [
        "ran, the container shop-production-",
        "was removed, which was that of shop on production (/home/deploy/production)",
        "let these commands stop and remove containers of their own only, and deploy shop on production again.",
    ] {
        assert!(reason.contains(part), "no {part} in {reason}");
    }
    site.world.is_sound().await;
}

/// The steps of services on a host, each with its end.
struct Steps(Host);

impl Steps {
    /// What a step says: nothing, where it takes nothing from others.
    fn step(&self, who: &str, way: &str, command: &str) -> String {
        let (service, environment) = who.split_once('@').unwrap();
        self.0.sh(&format!(
            "cat >step-{environment} <<'END'\n. ./tools.sh\nexport RMM_SERVICE={service} RMM_ENVIRONMENT={environment}\n\
             rmm_containers_watch {way}\n({command}) >/dev/null 2>&1\nrmm_containers_taken\nEND\n\
             PATH=$HOME/bin:$PATH sh step-{environment} 2>&1 || true"
        ))
    }

    fn free(&self, who: &str, way: &str, command: &str) {
        assert_eq!(self.step(who, way, command), "", "{who} {way} {command}");
    }

    fn told(&self, who: &str, way: &str, command: &str, part: &str) {
        let said = self.step(who, way, command);
        assert!(said.contains(part), "{who} {way} {command}: {said}");
    }

    /// What a check says to those who started a container that is another one now.
    fn left(&self, who: &str) -> String {
        self.0.sh(&format!(". ./tools.sh; rmm_containers_left {} 2>&1", who.replace('@', " ")))
    }
}

const PRODUCTION: &str = "shop@production";
const STAGE: &str = "shop@stage";

/// A command that gives a name to a container of its own, whatever has it.
fn run(name: &str) -> String {
    format!("docker rm -f {name}; docker run -d --name {name} one-web /bin/busybox sleep 1000000")
}

fn steps() -> Option<Steps> {
    let host = Host::up_with_docker()?;
    with_tools(&host);
    host.sh("cd one && docker compose build && mkdir ../bin");
    Some(Steps(host))
}

#[tokio::test]
async fn whose_a_container_is_that_only_its_name_tells() {
    let Some(steps) = steps() else { return };
    let taken = "replaced the container sole, which was that of shop on production";
    steps.free(PRODUCTION, "there", &run("sole"));
    steps.free(PRODUCTION, "there", "docker kill sole && docker start sole");
    steps.free(PRODUCTION, "there", &run("sole"));
    steps.free(STAGE, "there", &run("other"));

    steps.told(
        STAGE,
        "there sole",
        "docker rm -f sole",
        "container sole, which these commands name, is that of shop on",
    );
    assert_eq!(steps.0.sh("docker ps -q -f name=^sole$ | wc -l").trim(), "1", "nothing was touched");
    steps.free(PRODUCTION, "there sole", &run("sole"));
    steps.told(STAGE, "there", &run("sole"), taken);
    assert!(steps.left(PRODUCTION).contains("the container sole was replaced since shop on production has started it"));
    steps.told(STAGE, "there", &run("sole"), taken);
    steps.free(STAGE, "back", &run("sole"));
    assert_eq!(steps.left(STAGE), "");
    steps.free(PRODUCTION, "there", &run("sole"));
    assert_eq!(steps.left(PRODUCTION), "");

    steps.told(STAGE, "back", &format!("docker rename sole old; {}", run("sole")), taken);
    steps.free(PRODUCTION, "there", &run("sole"));
    steps.told(STAGE, "there", "docker rm -f sole", "ran, the container sole was removed, which was that of shop on");
    steps.told(
        "wiki@production",
        "goes-on",
        &run("other"),
        "replaced the container other, which was that of shop on stage",
    );
}

#[tokio::test]
async fn what_others_and_people_do_with_their_containers_is_no_fault_of_a_step() {
    let Some(steps) = steps() else { return };
    steps.free(PRODUCTION, "there", &run("sole"));
    steps.0.sh("docker rm -f sole");
    steps.free(STAGE, "there", &run("sole"));
    steps.told(PRODUCTION, "there", &run("sole"), "which was that of shop on stage");

    // One that docker removes when it ends, and one that its keeper starts again.
    let kept = "docker run -d --rm --name short one-web /bin/busybox sleep 1000000";
    steps.free(PRODUCTION, "there", kept);
    steps.free(STAGE, "there", "docker kill short");
    steps.free(PRODUCTION, "there", kept);
    steps.free(STAGE, "there", &format!("docker kill short; while docker inspect short; do :; done; {kept}"));
    let another = kept.replace("1000000", "2000000");
    steps.free(PRODUCTION, "there", &format!("docker rm -f short; {kept}"));
    steps.told(
        STAGE,
        "there",
        &format!("docker rm -f short; {another}"),
        "the container short, which was that of shop",
    );

    // Steps side by side.
    steps.free("wiki@production", "there", &run("wiki"));
    steps.step("wiki@production", "there", &run("wiki"));
    steps.free(STAGE, "there", "sh step-production");
    steps.free("wiki@production", "there", &run("wiki"));

    // What another one starts meanwhile is theirs, and what both want is told to the later one.
    let beside = |command: &str| format!("sh step-production; {command}");
    steps.step(PRODUCTION, "there", &run("shop-production"));
    steps.free("wiki@stage", "there", &beside("docker rm -f nothing"));
    steps.told("wiki@stage", "there", &run("shop-production"), "which was that of shop on production");
    steps.step(PRODUCTION, "there", &run("both"));
    steps.told("wiki@stage", "there", &beside(&run("both")), "container both, which was that of shop on production");

    // One that stands still.
    steps.free(PRODUCTION, "there", &format!("{}; {}", run("sole"), run("front")));
    let both = steps.step(STAGE, "there", "docker stop -t 0 sole; docker rm -f front");
    assert!(both.contains("front was removed, which was that of shop on production"), "{both}");
    assert!(both.contains("(beside it: sole of shop on production was stopped)"), "{both}");
    steps.free(PRODUCTION, "there", "docker start sole");
    steps.told(STAGE, "there", "docker stop -t 0 sole", "sole was stopped, which is that of shop on production");

    // Docker that does not answer any more.
    steps.0.sh("printf '#!/bin/sh\\n[ ! -e $HOME/broken ] || exit 1\\nexec /usr/bin/docker \"$@\"\\n' >bin/docker; chmod +x bin/docker");
    steps.free(STAGE, "there", "docker rm -f wiki; touch $HOME/broken");
    steps.free(STAGE, "there", "true");
}

#[tokio::test]
async fn what_compose_runs_in_the_folder_of_others_is_theirs() {
    let Some(steps) = steps() else { return };
    let up = "cd ~/one && docker compose up -d";
    let lost = |what: &str| format!("the container one-web-1 was {what}, which");
    steps.0.sh(&format!(
        "cp -r one two; mkdir one/.git two/.git; echo {} >one/.git/rmm-place",
        PRODUCTION.replace('@', " ")
    ));
    steps.free(PRODUCTION, "there", up);
    steps.told(STAGE, "there", "docker ps -q | xargs docker stop -t 0", &lost("stopped"));
    steps.free(PRODUCTION, "there", up);
    steps.told(STAGE, "there", "docker compose -p one down", &lost("removed"));
    steps.free(PRODUCTION, "there", up);
    steps.told("wiki@production", "goes-on", "docker rm -f one-web-1", &lost("removed"));
    steps.free(PRODUCTION, "there", up);
    steps.told(
        STAGE,
        "there",
        &run("one-web-1"),
        "replaced the container one-web-1, which was that of shop on production",
    );
    steps.step(STAGE, "there", "docker rm -f one-web-1");
    steps.free(PRODUCTION, "there", up);
    steps.told(
        STAGE,
        "there one-web-1",
        "docker rm -f one-web-1",
        "container one-web-1, which these commands name, is that",
    );

    // What is made anew is the same, what ends by itself was not ended by the step, and folders that no service holds are
    // not watched.
    steps.free(STAGE, "there", &format!("{up} --force-recreate"));
    steps.free(STAGE, "there", "docker restart -t 0 one-web-1");
    let job = "docker compose -p job run -d --name job web /bin/busybox sh -c 'until [ -e /end ]; do sleep 0.1; done'";
    steps.0.sh(&format!("PATH=$HOME/bin:$PATH; cd one && {job}"));
    steps.free(
        STAGE,
        "there",
        "docker exec job /bin/busybox touch /end; while [ -n \"$(docker ps -qf name=^job$)\" ]; do :; done",
    );
    steps.0.sh("cd two && docker compose up -d");
    steps.free(STAGE, "there", "docker compose -p two down");

    // They are at work themselves.
    let theirs = "sh -c '. ./tools.sh; RMM_SERVICE=shop RMM_ENVIRONMENT=production; rmm_project one chosen; cd one; docker compose down'";
    steps.free(STAGE, "there", theirs);
}

#[tokio::test]
async fn a_container_that_no_service_of_rmm_has_started_is_said_before_it_is_replaced() {
    let Some(steps) = steps() else { return };
    steps.0.sh(&run("sole"));
    let said = steps.step(STAGE, "there sole", &run("sole"));
    let told = "the container sole, which the commands of shop on stage name, is there already and was started by something else";
    assert!(said.contains(told), "{said}");
    steps.free(STAGE, "there sole", &run("sole"));
}
