//! Who owns a compose project: each surface has one of its own in each environment, keeps the one that it runs under
//! already, and never takes that of another service.

use super::site::{Site, Stage, failed, well};
use crate::host::Host;

/// Stage and production on one host, in folders whose last part is the same.
fn in_folders_of_one_name(config: String) -> String {
    ["stage", "production"].iter().fold(config, |config, name| {
        config.replace(&format!("\"/home/deploy/{name}\""), &format!("\"/home/deploy/{name}/shop\""))
    })
}

#[tokio::test]
async fn a_candidate_on_stage_leaves_production_alone_in_folders_of_one_name() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::OnHosts(1), in_folders_of_one_name).await;
    site.tag("v1", &[]);
    site.deployed("v1").await;
    let before = site.web(0);
    site.tag("v2", &[]);
    let candidate = site.world.release_of_tag("v2").await;
    site.world.until(candidate, "manual_testing").await;
    site.world.quiet().await;

    assert_eq!(site.web(0), before);
    let running = "docker ps --format '{{.Label \"com.docker.compose.project\"}}' | sort -u | xargs";
    assert_eq!(site.hosts[0].sh(running).trim(), "shop-web-production shop-web-stage");
}

#[tokio::test]
async fn what_runs_already_keeps_its_name_and_its_volumes_for_good() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::Nowhere, in_folders_of_one_name).await;
    let with_volume = "services:\n  web:\n    build: .\n    ports: [\"${PORT}:80\"]\n    environment: {ENVIRONMENT: \"${ENVIRONMENT}\"}\n    \
                       volumes: [\"kept:/kept\"]\nvolumes: {kept: {}}\n";
    site.tag("v1", &[("docker-compose.yml", with_volume)]);
    // As an RMM left it that did not know of projects.
    site.hosts[0].sh(&format!(
        "git clone -q {} production/shop && cd production/shop && PORT=8002 ENVIRONMENT=production docker compose up -d --build \
         && docker exec shop-web-1 /bin/busybox touch /kept/it",
        site.repository_url()
    ));

    let first = site.deployed("v1").await;
    let run = site.run(first, "production", "deploy").await;
    assert!(site.world.printed(run["id"].as_i64().unwrap()).await.contains("keeps its compose project shop"));
    let kept = "docker exec shop-web-1 /bin/busybox ls /kept";
    assert_eq!(site.hosts[0].sh(kept), "it\n");

    site.hosts[0].sh("cd production/shop && PORT=8002 ENVIRONMENT=production docker compose down");
    site.tag("v2", &[("docker-compose.yml", with_volume)]);
    site.deployed("v2").await;
    assert_eq!(site.hosts[0].sh(kept), "it\n");
    assert_eq!(site.hosts[0].sh("docker ps --all --format '{{.Names}}'"), "shop-web-1\n");
}

/// What the first step of the production deploy says, which touches nothing.
async fn refused_before_anything(site: &Site, release: i64) -> String {
    refused_in(site, release, "fetch", "rollback_done").await
}

/// What the step of the production deploy says that fails.
pub(super) async fn refused_in(site: &Site, release: i64, kind: &str, ends: &str) -> String {
    site.world.until(release, ends).await;
    site.world.quiet().await;
    let run = site.run(release, "production", "deploy").await;
    let step = failed(&run);
    assert_eq!(step["kind"], kind, "{run:#}");
    site.printed(&run, step).await
}

#[tokio::test]
async fn a_project_of_another_service_is_refused_before_anything_is_touched() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::on(vec![host], Stage::Nowhere).await;
    site.tag("v1", &[]);
    let strangers = "services:\n  web: {build: .}\n";
    site.hosts[0].sh(&format!(
        "git clone -q {} elsewhere && cd elsewhere && printf '{strangers}' >docker-compose.yml && \
         docker compose -p shop-web-production up -d --build",
        site.repository_url()
    ));
    let before = site.web(0);
    let check = format!("/api/v1/hosts/{}/check", site.hosts[0].name());
    let found = site.world.operator().post(&check, &serde_json::json!({})).await.ok();
    let place = found["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == "place").unwrap();
    let said = place["detail"].as_str().unwrap();
    assert!(place["state"] == "fail" && said.contains("/home/deploy/elsewhere"), "{found:#}");

    let release = site.approved("v1").await;
    let printed = refused_before_anything(&site, release).await;
    let told = ["The compose project shop-web-production", "/home/deploy/elsewhere", "project = "];
    assert!(told.iter().all(|part| printed.contains(part)), "{printed}");
    assert_eq!(site.web(0), before);
    assert!(!site.hosts[0].home("production").exists());
}

/// A surface with commands of its own.
pub(super) fn with_command(config: String, deploy: &str) -> String {
    let own = format!("recipe = \"commands\"\ndeploy = \"{deploy}\"\ncheckout = true\n");
    config.replace("recipe = \"compose\"\n", &own)
}

/// All containers of a host, and since when they run.
fn containers(site: &Site) -> String {
    site.hosts[0].sh("docker ps -aq | xargs -r docker inspect -f '{{.Name}} {{.Id}} {{.State.StartedAt}}' | sort")
}

#[tokio::test]
async fn commands_that_start_the_project_of_another_folder_are_refused_before_anything_is_touched() {
    let Some(host) = Host::up_with_docker() else { return };
    let change = |config| with_command(in_folders_of_one_name(config), "docker compose up -d --build");
    let site = Site::with(vec![host], Stage::Nowhere, change).await;
    site.tag("v1", &[]);
    site.hosts[0].sh(&format!(
        "git clone -q {} elsewhere/shop && cd elsewhere/shop && PORT=8001 docker compose up -d --build",
        site.repository_url()
    ));
    let before = containers(&site);
    assert!(before.contains("shop-web-1 "), "{before}");

    let release = site.approved("v1").await;
    let printed = refused_before_anything(&site, release).await;
    let told = "The compose project shop is that of containers in /home/deploy/elsewhere/shop";
    assert!(printed.contains(told), "{printed}");
    assert_eq!(containers(&site), before);
}

#[tokio::test]
async fn a_project_that_only_the_files_name_is_refused_before_its_containers_are_touched() {
    let Some(host) = Host::up_with_docker() else { return };
    let change = |config| with_command(config, "docker compose up -d --build");
    let site = Site::with(vec![host], Stage::OnHosts(1), change).await;
    let named = format!("name: fixed\n{}", well("docker-compose.yml"));
    site.tag("v1", &[("docker-compose.yml", &named)]);
    let release = site.approved("v1").await;
    let before = containers(&site);
    assert!(before.contains("/fixed-web-1 "), "{before}");

    let printed = refused_in(&site, release, "checkout", "rollback_done").await;
    assert!(printed.contains("The compose project fixed is that of containers in /home/deploy/stage"), "{printed}");
    assert_eq!(containers(&site), before);

    let apart = named.replace("fixed", "fixed-${RMM_ENVIRONMENT}");
    site.tag("v2", &[("docker-compose.yml", &apart)]);
    site.hosts[0].sh("docker compose -p fixed down");
    site.deployed("v2").await;
    site.world.is_sound().await;
}

#[tokio::test]
async fn a_container_that_the_files_call_the_same_everywhere_is_refused_before_anything_is_started() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::on(vec![host], Stage::OnHosts(1)).await;
    let named = well("docker-compose.yml").replacen("build: .", "build: .\n    container_name: shop", 1);
    site.tag("v1", &[("docker-compose.yml", &named)]);
    let release = site.approved("v1").await;
    let before = containers(&site);
    let printed = refused_in(&site, release, "checkout", "rollback_done").await;
    let told = "The container shop of the compose files is already there, as that of the project shop-web-stage in \
                /home/deploy/stage";
    assert!(printed.contains(told), "{printed}");
    assert_eq!(containers(&site), before);
}

#[tokio::test]
async fn a_script_that_takes_the_containers_of_another_folder_fails_its_step() {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::OnHosts(1), |config| with_command(config, "exec ./deploy.sh")).await;
    site.tag("v1", &[("deploy.sh", "#!/bin/sh\nexec docker compose -p fixed up -d --build\n")]);
    let release = site.approved("v1").await;
    let printed = refused_in(&site, release, "deploy", "rollback_failed").await;
    let told = "These commands have replaced the container fixed-web-1, which was that of /home/deploy/stage; give";
    assert!(printed.contains(told), "{printed}");
    assert!(site.world.reason(release).await.contains("replaced the container"), "it is the reason");
    site.world.is_sound().await;
}

/// The functions that go to hosts, in a file there.
pub(super) fn with_tools(host: &Host) {
    let tools = ["common", "room", "compose", "containers", "well", "images"].map(|name| {
        std::fs::read_to_string(format!("{}/src/clients/tools/{name}.sh", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    std::fs::write(host.home("tools.sh"), tools.concat()).unwrap();
    host.sh(
        "mkdir -p one/app other; cp /bin/busybox one; printf 'FROM scratch\\nCOPY busybox /bin/busybox\\n' >one/Dockerfile
         printf 'services:\\n  web: {build: ., command: [/bin/busybox, sleep, \"1000000\"], stop_signal: KILL}\\n' >one/compose.yaml
         ln -s one link",
    );
}

/// What a project comes to in the folder `one`.
fn settled(host: &Host, arguments: &str) -> String {
    host.sh(&format!("cd one && . ../tools.sh && rmm_project {arguments} >../said; echo $COMPOSE_PROJECT_NAME $COMPOSE_REMOVE_ORPHANS"))
        .trim()
        .to_owned()
}

#[tokio::test]
async fn which_project_a_folder_keeps() {
    let Some(host) = Host::up_with_docker() else { return };
    with_tools(&host);
    let forget = || host.sh("rm -rf .local; docker ps -aq | xargs -r docker rm -f >/dev/null");

    assert_eq!(settled(&host, "own default"), "own", "nothing is there");
    assert_eq!(settled(&host, "chosen chosen orphans"), "chosen true");

    forget();
    host.sh("cd link && docker compose up -d --build");
    assert_eq!(settled(&host, "own default"), "link", "compose saw the folder by another name");
    assert_eq!(settled(&host, "own chosen"), "own", "what was chosen is what counts");
    host.sh("cd one && docker compose -p link down");
    assert_eq!(settled(&host, "own default"), "link", "it is remembered");

    forget();
    host.sh("cd one && docker compose -p api up -d && docker compose -p web up -d");
    assert_eq!(settled(&host, "web default orphans api"), "web true", "api is the other surface of the folder");
    forget();
    host.sh("cd one && docker compose -p old up -d");
    assert_eq!(settled(&host, "web default orphans api"), "old", "both keep it, so nothing of it is an orphan");
    assert_eq!(settled(&host, "api default orphans web"), "old");

    forget();
    host.sh("cd one && docker compose -p a up -d && docker compose -p b up -d");
    assert_eq!(settled(&host, "own default"), "own", "it cannot be told which");
    assert!(host.read("said").contains("several compose projects"));

    forget();
    host.sh("cp one/* other; cd one && docker compose -p both up -d && cd ../other && docker compose -p both up -d --scale web=2");
    assert_eq!(settled(&host, "own default"), "own", "another folder has it, too");
    assert!(host.read("said").contains("/home/deploy/other"));
    assert_eq!(settled(&host, "both chosen orphans"), "both", "what is not ours is no orphan");
}

#[tokio::test]
async fn whose_the_names_are_that_compose_reads_from_files() {
    let Some(host) = Host::up_with_docker() else { return };
    with_tools(&host);
    let ask = |folder: &str, more: &str| {
        let call =
            format!("rmm_compose_ask $HOME/{folder} name \"cd $HOME/{folder} && rmm_ask docker compose\" {more}");
        host.sh(&format!("(. ./tools.sh && {call}) 2>&1 || true"))
    };
    let service = "image: one-web\\n    command: [/bin/busybox, sleep, \"1000000\"]\\n    stop_signal: KILL\\n";
    host.sh(&format!(
        "cd one && docker compose build && cd ../other && printf 'services:\\n  db:\\n    container_name: our.db\\n    {service}' >compose.yaml && \
         docker compose up -d && mkdir -p ../third/one && cp compose.yaml ../third && sed 's/our.db/db/' compose.yaml >../third/one/compose.yaml"
    ));
    assert_eq!(ask("other", ""), "", "its own");
    assert_eq!(ask("missing", ""), "", "nothing is there");
    let told = ask("third", "");
    assert!(
        told.contains("The container our.db of the compose files is already there")
            && told.contains("/home/deploy/other")
    );
    assert_eq!(ask("third", "$HOME/other"), "", "it is released with this one");
    host.sh("cd one && docker compose up -d");
    let told = ask("third/one", "");
    assert!(told.contains("The compose project one is that of containers in /home/deploy/one"), "{told}");
    host.sh("printf COMPOSE_PROJECT_NAME=mine >third/one/.env; printf COMPOSE_PROJECT_NAME=one >third/.env");
    assert_eq!(ask("third/one", ""), "", "the file names another");
    assert!(ask("third", "").contains("The compose project one is that of containers in /home/deploy/one"));
}

#[tokio::test]
async fn where_surfaces_share_a_project_the_way_back_takes_what_one_brought_and_nothing_else() {
    let Some(host) = Host::up_with_docker() else { return };
    with_tools(&host);
    let call = |what: &str| {
        host.sh(&format!(
            "cd one && . ../tools.sh && rmm_project both chosen && {what} && docker ps -a --format '{{{{.Names}}}}' | sort | xargs"
        ))
    };
    host.sh("printf 'services:\\n  api: {image: both-web, command: [/bin/busybox, sleep, \"1000000\"]}\\n' >other/compose.yaml");
    call("docker compose up -d --build");
    host.sh("cd other && docker compose -p both up -d");

    let newer = "printf '  extra: {image: both-web, command: [/bin/busybox, sleep, \"1000000\"]}\\n' >>compose.yaml";
    let there = call(&format!("rmm_compose_before web abc && {newer} && docker compose up -d"));
    assert_eq!(there.lines().last(), Some("both-api-1 both-extra-1 both-web-1"));
    let again = call(
        "rmm_compose_before web abc && sed -i '$d' compose.yaml && rmm_compose_back web abc && docker compose up -d",
    );
    assert_eq!(again.lines().last(), Some("both-api-1 both-web-1"));
}

#[tokio::test]
async fn what_only_the_version_that_is_left_started_goes_also_where_the_other_lists_it_and_tools_of_people_stay() {
    let Some(host) = Host::up_with_docker() else { return };
    with_tools(&host);
    let running = || host.sh("docker ps -a --format '{{.Label \"com.docker.compose.service\"}}' | sort | xargs");
    let starts = |profiles: &str| {
        host.sh(&format!(
            "cd one && printf 'COMPOSE_PROFILES={profiles}\\n' >.env && . ../tools.sh && rmm_project own chosen && \
             rmm_compose_retire && docker compose up -d --build"
        ))
    };
    let sleeps = "image: own-web, command: [/bin/busybox, sleep, \"1000000\"], stop_signal: KILL";
    host.sh(&format!(
        "cd one && printf '  extra: {{profiles: [more], {sleeps}}}\\n  tool: {{profiles: [tools], {sleeps}}}\\n' >>compose.yaml"
    ));
    starts("");
    starts("more");
    // Neither version starts it: a person did.
    host.sh("cd one && docker compose -p own --profile tools up -d tool && docker compose -p own run -d extra");
    assert_eq!(running().trim(), "extra extra tool web");

    assert!(starts("").contains("removes a container of extra, which this version does not start"));
    assert_eq!(running().trim(), "extra tool web");
    assert!(!starts("").contains("removes"));
    assert_eq!(running().trim(), "extra tool web");
}
