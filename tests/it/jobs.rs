//! The workflows that RMM writes, whole: each as a job of a small runner, with a real repository, the team's own scripts, and a
//! real RMM that moves on what it is told.

use std::path::PathBuf;

use serde_json::json;

use crate::runner::{Ended, Runner, Values};
use crate::world::{Repository, SHOP, Setup, World};

const TAG: &str = include_str!("../../assets/workflows/on-create-version-tag.yaml");
const REGISTERS: &str = include_str!("../../assets/workflows/registers/on-create-version-tag.yaml");
const DEPLOY: &str = include_str!("../../assets/workflows/on-approve-manual-testing.yaml");
const ROLLBACK: &str = include_str!("../../assets/workflows/on-rollback.yaml");

/// The team's scripts note what they do, and fail where the code says so.
const DEPLOY_SCRIPT: &str = "echo $RMM_ENVIRONMENT deploy $(cat version) as $RMM_TAG >> \"$LEDGER\"
! grep -qs $RMM_ENVIRONMENT breaks || ! [ \"$(cat version)\" = \"$(cat breaks-in)\" ]\n";
const ROLLBACK_SCRIPT: &str = "echo $RMM_ENVIRONMENT down from $(cat version) to $RMM_TARGET_TAG >> \"$LEDGER\"
! grep -qs $RMM_ENVIRONMENT way-back-breaks\n";

/// A repository with the workflows in it, and an RMM that it is connected to.
struct Team {
    world: World,
    repository: Repository,
    folder: tempfile::TempDir,
    token: String,
}

impl Team {
    async fn new() -> Self {
        Self::with(Setup::new().by_ci()).await
    }

    async fn with(setup: Setup) -> Self {
        let world = World::new(setup).await;
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::in_folder(&folder.path().join(SHOP));
        let actions = repository.path.join(".github/actions");
        for (name, text) in [
            ("rmm", include_str!("../../assets/workflows/rmm/action.yml")),
            ("rmm-checkout", include_str!("../../assets/workflows/rmm-checkout/action.yml")),
        ] {
            std::fs::create_dir_all(actions.join(name)).unwrap();
            std::fs::write(actions.join(name).join("action.yml"), text).unwrap();
        }
        for (name, text) in [("deploy.sh", DEPLOY_SCRIPT), ("rollback.sh", ROLLBACK_SCRIPT)] {
            let file = repository.path.join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{text}")).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let local = format!("[url \"file://{}/\"]\ninsteadOf = https://github.com/YourOrg/\n", folder.path().display());
        std::fs::write(folder.path().join("gitconfig"), local).unwrap();
        let made = world.operator().post("/api/v1/tokens", &json!({ "name": "github", "role": "ci" })).await.ok();
        let token = made["token"].as_str().unwrap().to_owned();
        Self { world, repository, folder, token }
    }

    /// The next version; it breaks in these environments, forwards or on the way back.
    fn version(&self, tag: &str, breaks: &str, way_back_breaks: &str) {
        for (file, text) in [("breaks", breaks), ("breaks-in", tag), ("way-back-breaks", way_back_breaks)] {
            std::fs::write(self.repository.path.join(file), text).unwrap();
        }
        self.repository.tag(tag, tag);
    }

    /// A run of a workflow, on a tag or on the branch.
    async fn run(&self, run: &str, workflow: &str, git_ref: &str, inputs: &[(&str, &str)]) -> Ended {
        let workspace: PathBuf = self.folder.path().join(format!("workspace-{run}"));
        std::fs::create_dir(&workspace).unwrap();
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let env = [
            ("RMM_URL", format!("http://{}", self.world.address())),
            ("RMM_SERVICE", SHOP.to_owned()),
            ("RMM_PAUSE", "0".to_owned()),
            ("GITHUB_RUN_ID", run.to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", format!("YourOrg/{SHOP}")),
            ("GITHUB_REF", git_ref.to_owned()),
            ("GITHUB_SHA", self.repository.git(&["rev-parse", &format!("{git_ref}^{{commit}}")])),
            ("GITHUB_ACTOR", "ann-at-github".to_owned()),
            ("GIT_CONFIG_GLOBAL", path("gitconfig")),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("LEDGER", path("ledger")),
        ];
        let env: Values = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let secrets = Values::from([("RMM_TOKEN".to_owned(), self.token.clone())]);
        Runner { workspace, env, secrets }.run(workflow, inputs).await
    }

    async fn tagged(&self, run: &str, tag: &str) -> Ended {
        self.run(run, TAG, &format!("refs/tags/{tag}"), &[]).await
    }

    /// As RMM starts it.
    async fn dispatched(&self, run: &str, workflow: &str, release: &str, tag: &str, back_to: &str) -> Ended {
        let inputs = [
            ("release_id", release),
            ("release_tag", tag),
            ("run_id", run),
            ("rollback_to_tag", back_to),
            ("traceparent", ""),
        ];
        self.run(run, workflow, "refs/heads/main", &inputs).await
    }

    /// What the team's scripts have done since it was asked last.
    fn done(&self) -> Vec<String> {
        let ledger = self.folder.path().join("ledger");
        let text = std::fs::read_to_string(&ledger).unwrap_or_default();
        let _ = std::fs::remove_file(ledger);
        text.lines().map(str::to_owned).collect()
    }

    async fn ships(&self, release: i64, tag: &str) {
        let (first, second) = (format!("{release}1"), format!("{release}2"));
        let ended = self.tagged(&first, tag).await;
        assert!(ended.success, "{}", ended.said);
        self.world.approve("ann", release).await.ok();
        let ended = self.dispatched(&second, DEPLOY, &release.to_string(), tag, "").await;
        assert!(ended.success, "{}", ended.said);
        assert_eq!(self.world.status(release).await, "deployed");
        self.done();
    }
}

fn tools() -> bool {
    let has =
        |program| std::process::Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success());
    let all = has("curl") && has("jq");
    if !all {
        eprintln!("curl or jq is missing here: this test is skipped");
    }
    all
}

#[tokio::test]
async fn a_tag_goes_to_stage_and_production_and_back_when_that_is_not_well() {
    if !tools() {
        return;
    }
    let team = Team::new().await;
    team.version("v1", "", "");
    let ended = team.tagged("1", "v1").await;
    assert!(ended.success, "{}", ended.said);
    assert_eq!(
        (team.world.status(1).await.as_str(), team.done()),
        ("manual_testing", vec!["stage deploy v1 as v1".into()])
    );

    // By hand, before people have said yes.
    let ended = team.dispatched("2", DEPLOY, "1", "v1", "").await;
    assert_eq!(ended.names(), ["Check out", "May I?!"], "{}", ended.said);
    assert_eq!((team.world.status(1).await.as_str(), team.done().len()), ("manual_testing", 0));

    team.world.approve("ann", 1).await.ok();
    let ended = team.dispatched("3", DEPLOY, "1", "v1", "").await;
    let ran = ["Check out", "May I?", "Get the code of the release", "Deploy to production", "Production is well"];
    assert_eq!(ended.names(), ran, "{}", ended.said);
    assert_eq!(
        (team.world.status(1).await.as_str(), team.done()),
        ("deployed", vec!["production deploy v1 as v1".into()])
    );

    team.version("v2", "production", "");
    let ended = team.tagged("4", "v2").await;
    assert!(ended.success, "{}", ended.said);
    let rehearsed =
        ["stage deploy v2 as v2", "stage down from v2 to v1", "stage deploy v1 as v1", "stage deploy v2 as v2"];
    assert_eq!(
        (team.world.status(2).await.as_str(), team.done()),
        ("manual_testing", rehearsed.map(Into::into).to_vec())
    );
    team.world.approve("ann", 2).await.ok();
    let ended = team.dispatched("5", DEPLOY, "2", "v2", "").await;
    let end = ["Deploy to production!", "Production is not well", "Go back", "Production is back"];
    assert_eq!(ended.names()[4..], end, "{}", ended.said);
    assert!(!ended.success, "the run is red");
    let back = ["production deploy v2 as v2", "production down from v2 to v1", "production deploy v1 as v1"];
    assert_eq!((team.world.status(2).await.as_str(), team.done()), ("rollback_done", back.map(Into::into).to_vec()));

    // Nor is the way back well.
    team.version("v3", "production", "production");
    assert!(team.tagged("6", "v3").await.success);
    team.world.approve("ann", 3).await.ok();
    let ended = team.dispatched("7", DEPLOY, "3", "v3", "").await;
    let end = ["Deploy to production!", "Production is not well", "Go back!", "Production needs a person"];
    assert_eq!(ended.names()[4..], end, "{}", ended.said);
    assert_eq!(team.world.status(3).await, "rollback_failed");
}

#[tokio::test]
async fn stage_and_its_rehearsal_fail_where_they_fail() {
    if !tools() {
        return;
    }
    let team = Team::new().await;
    team.version("v1", "", "");
    team.ships(1, "v1").await;
    team.version("v2", "stage", "");
    let ended = team.tagged("3", "v2").await;
    assert_eq!(ended.names()[4..], ["Deploy to stage!", "Stage has failed"], "{}", ended.said);
    assert_eq!(team.world.status(2).await, "stage_building_failed");
    team.version("v3", "", "stage");
    let ended = team.tagged("4", "v3").await;
    assert_eq!(ended.names()[7..], ["Rehearse the rollback!", "The rehearsal has failed"], "{}", ended.said);
    assert_eq!(team.world.status(3).await, "stage_test_rollback_failed");

    // A second one, while the first has stage.
    team.version("v4", "", "");
    assert!(team.tagged("5", "v4").await.success);
    team.done();
    team.version("v5", "", "");
    let ended = team.tagged("6", "v5").await;
    assert_eq!(ended.names(), ["Check out", "Register the release", "Stage begins!"], "{}", ended.said);
    assert!(ended.said.contains("::error title=RMM::") && ended.said.contains("v4"), "{}", ended.said);
    assert_eq!((team.world.status(5).await.as_str(), team.done().len()), ("initiated", 0));
}

#[tokio::test]
async fn people_take_production_back() {
    if !tools() {
        return;
    }
    let team = Team::new().await;
    for (release, tag, way_back_breaks) in [(1, "v1", ""), (2, "v2", "")] {
        team.version(tag, "", way_back_breaks);
        team.ships(release, tag).await;
    }
    let ended = team.dispatched("5", ROLLBACK, "2", "v2", "v1").await;
    assert_eq!(ended.names(), ["Check out", "May I?!"], "no person asked for it: {}", ended.said);
    let rolled_back = async |release: i64| {
        let path = format!("/api/v1/releases/{release}/rollback");
        team.world.person("ann").await.post(&path, &json!({ "reason": "slow" })).await.ok();
    };
    rolled_back(2).await;
    let ended = team.dispatched("6", ROLLBACK, "2", "v2", "v1").await;
    assert!(ended.success, "{}", ended.said);
    let done = ["production down from v2 to v1", "production deploy v1 as v1"];
    assert_eq!((team.world.status(2).await.as_str(), team.done()), ("rollback_done", done.map(Into::into).to_vec()));

    let unlock = format!("/api/v1/services/{SHOP}/unlock");
    team.world.operator().post(&unlock, &json!({})).await.ok();
    team.version("v3", "", "production");
    team.ships(3, "v3").await;
    rolled_back(3).await;
    let ended = team.dispatched("7", ROLLBACK, "3", "v3", "v1").await;
    assert_eq!(ended.names()[4..], ["Go back!", "Production needs a person"], "{}", ended.said);
    assert_eq!(team.world.status(3).await, "rollback_failed");
}

#[tokio::test]
async fn a_deploy_that_never_began_touches_nothing() {
    if !tools() {
        return;
    }
    let team = Team::new().await;
    team.version("v1", "", "");
    team.ships(1, "v1").await;
    team.version("v2", "", "");
    assert!(team.tagged("3", "v2").await.success);
    team.done();
    team.world.approve("ann", 2).await.ok();
    // The code cannot be had when production's turn comes.
    let hidden = team.folder.path().join("hidden");
    let commit = team.repository.git(&["rev-parse", "v2"]);
    team.repository.git(&["checkout", "--quiet", "v1"]);
    team.repository.git(&["branch", "--force", "main", "v1"]);
    team.repository.git(&["tag", "--delete", "v2"]);
    let object = team.repository.path.join(".git/objects").join(&commit[..2]).join(&commit[2..]);
    std::fs::rename(object, hidden).unwrap();
    let ended = team.dispatched("4", DEPLOY, "2", "v2", "").await;
    let ran = ["Check out", "May I?", "Get the code of the release!", "Production is not well", "Production is back"];
    assert_eq!(ended.names(), ran, "{}", ended.said);
    assert_eq!((team.world.status(2).await.as_str(), team.done().len()), ("rollback_done", 0));
}

#[tokio::test]
async fn a_first_deploy_has_nothing_to_go_back_to() {
    if !tools() {
        return;
    }
    let team = Team::new().await;
    team.version("v1", "production", "");
    assert!(team.tagged("1", "v1").await.success);
    team.world.approve("ann", 1).await.ok();
    let ended = team.dispatched("2", DEPLOY, "1", "v1", "").await;
    assert!(
        !ended.success && ended.names()[3..5] == ["Deploy to production!", "Production is not well"],
        "{}",
        ended.said
    );
    assert_eq!(team.world.status(1).await, "rollback_failed");
}

#[tokio::test]
async fn where_rmm_deploys_itself_a_tag_is_only_registered() {
    if !tools() {
        return;
    }
    let team = Team::with(Setup::new()).await;
    team.version("v1", "", "");
    let ended = team.run("1", REGISTERS, "refs/tags/v1", &[]).await;
    assert_eq!(ended.names(), ["Check out", "Register the release"], "{}", ended.said);
    assert!(ended.success, "{}", ended.said);
    team.world.until(1, "manual_testing").await;
    assert_eq!((team.world.ledger().len(), team.done().len()), (2, 0), "RMM's own steps, and none of the workflow");
}
