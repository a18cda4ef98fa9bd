//! CI systems that deploy by themselves: the commands that the documentation prints, run as they are printed, and the
//! calls of the original machine's scripts, which know no answer but 200 and 201.

use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::world::{Answer, SHOP, Setup, World, eventually};

/// The service of the page.
const SERVICE: &str = "my-service";

/// What `docs/ci.md` prints, block by block: the creation, the functions, the way to production, the rollback.
fn printed() -> [String; 4] {
    let page = include_str!("../../docs/ci.md");
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().try_into().expect("four blocks of commands")
}

/// Of a line with `mark` what stands behind it.
fn behind<'t>(text: &'t str, mark: &str) -> &'t str {
    text.split_once(mark).unwrap_or_else(|| panic!("{mark:?} is not in {text}")).1.lines().next().unwrap()
}

/// `report …` as often as prose names it.
fn reports(prose: &str) -> String {
    let named = prose.split("report ").skip(1).map(|rest| rest.split([',', ' ']).next().unwrap());
    named.map(|status| format!("report {status}\n")).collect()
}

/// A job of CI; it ends with the test.
struct Job {
    child: Child,
    said: std::path::PathBuf,
}

impl Job {
    fn begin(world: &World, token: &str, tag: &str, run: &str, script: &str) -> Self {
        let said = world.path(&format!("job-{tag}-{run}"));
        let log = std::fs::File::create(&said).unwrap();
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", script]).stdout(log.try_clone().unwrap()).stderr(log);
        command.env("RMM_URL", format!("http://{}", world.address())).env("RMM_TOKEN", token).env("EVERY", "0.02");
        command.env("TAG", tag).env("ACTOR", "ann").env("RUN_ID", run);
        Self { child: command.spawn().unwrap(), said }
    }

    async fn ends(mut self) -> String {
        let status = eventually("the job has ended", async || self.child.try_wait().unwrap()).await;
        let said = std::fs::read_to_string(&self.said).unwrap();
        assert!(status.success(), "{said}");
        said
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

async fn on_page(setup: Setup) -> (World, String) {
    let world = World::new(setup.by_ci().another_service(SERVICE)).await;
    let line = printed()[0].lines().next().unwrap().to_owned();
    let programs = Path::new(env!("CARGO_BIN_EXE_rmm")).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-eu", "-c", &line])
        .env("RMM_CONFIG", world.path("rmm.toml"))
        .env("PATH", format!("{programs}:{path}"));
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let token = printed.split_whitespace().find(|word| word.starts_with("rmm_"));
    let token = token.unwrap_or_else(|| panic!("{printed} {}", String::from_utf8_lossy(&output.stderr))).to_owned();
    (world, token)
}

#[tokio::test]
async fn the_page_about_ci_prints_what_works() {
    if !has("curl") || !has("jq") {
        eprintln!("curl or jq is missing here: this test is skipped");
        return;
    }
    let (world, token) = on_page(Setup::new()).await;
    let [create, functions, way, back] = printed();
    let create = create.split_once('\n').unwrap().1;
    let begin =
        |tag: &str, run: &str, way: &str| Job::begin(&world, &token, tag, run, &format!("{create}{functions}{way}"));
    let appears = async |release: i64| {
        let path = format!("/api/v1/releases/{release}");
        eventually("the job has begun", async || {
            let answer = world.operator().ask("GET", &path, None).await?;
            (answer.status == 200 && answer.json()["completed_at"].is_null()).then_some(())
        })
        .await;
    };
    let ship = async |release: i64, job: Job, end: &str| {
        appears(release).await;
        world.until(release, "manual_testing").await;
        world.approve("ann", release).await.ok();
        job.ends().await;
        assert_eq!(world.status(release).await, end);
    };
    ship(1, begin("v1", "101", &way), "deployed").await;
    ship(2, begin("v2", "102", &way), "deployed").await;

    // Production turns out unhealthy.
    let line = way.lines().find(|line| line.starts_with("report deployed")).unwrap();
    let unwell = way.replace(line, &reports(behind(line, "unhealthy: ")));
    ship(3, begin("v3", "103", &unwell), "rollback_done").await;
    assert_eq!(world.show(3).await["rollback_to_tag"], "v2");

    // Stage fails, then the rehearsal; the same CI run goes on each time.
    for mark in [
        "# … deploy to stage; when that fails: ",
        "# … go back to what production runs, and forward again; when that fails: ",
    ] {
        let until = way.split_once(mark).unwrap().0;
        let report = behind(&way, mark);
        begin("v4", "104", &format!("{until}{report}\n")).ends().await;
        assert_eq!(world.status(4).await, report.strip_prefix("report ").unwrap());
    }
    ship(4, begin("v4", "104", &way), "deployed").await;
    assert_eq!(world.show(4).await["attempt"], 3);

    // People want production back.
    let job = Job::begin(&world, &token, "v4", "105", &format!("ID=4\n{functions}{back}echo to=$TO\n"));
    world.person("ann").await.post("/api/v1/releases/4/rollback", &json!({ "reason": "slow" })).await.ok();
    assert!(job.ends().await.contains("to=v2"));
    assert_eq!(world.status(4).await, "rollback_done");

    // Which locks production until an admin has looked.
    world.operator().post(&format!("/api/v1/services/{SERVICE}/unlock"), &json!({})).await.ok();
    // A second release of a busy stage stops where it is told so.
    let holder = begin("v5", "106", &way);
    appears(5).await;
    world.until(5, "manual_testing").await;
    let mut told = begin("v6", "107", &way);
    let status = eventually("the job has ended", async || told.child.try_wait().unwrap()).await;
    let said = std::fs::read_to_string(&told.said).unwrap();
    assert!(!status.success() && said.contains("409"), "{said}");
    ship(5, holder, "deployed").await;
}

/// The scripts of the original machine.
struct Script<'w> {
    world: &'w World,
    run: &'static str,
}

impl Script<'_> {
    async fn creates(&self, tag: &str) -> Answer {
        let body = json!({
            "service_name": SHOP, "release_tag": tag, "status": "initiated", "initiated_by": "ann", "github_run_id": self.run,
            "github_action_link": "https://github.com/YourOrg/shop/actions/runs/1", "github_ref": format!("refs/tags/{tag}"),
        });
        self.world.ci().await.post("/release", &body).await
    }

    async fn begins(&self, tag: &str) -> i64 {
        assert_eq!(self.world.stranger().get("/health").await.ok()["status"], "ok");
        self.creates(tag).await.with_status(201).json()["release_id"].as_i64().unwrap()
    }

    /// The number as text, as a workflow has it.
    async fn says(&self, release: i64, status: &str) -> Answer {
        let body = json!({ "release_id": release.to_string(), "status": status, "github_run_id": self.run });
        self.world.ci().await.patch("/release", &body).await
    }

    async fn goes(&self, release: i64, statuses: &[&str]) {
        for status in statuses {
            assert_eq!(self.says(release, status).await.ok(), json!({ "status": "success" }), "{status}");
        }
    }
}

const STAGE: &[&str] = &["stage_building", "stage_test_rollback", "manual_testing"];

/// To production, by the workflow that people's yes starts.
async fn ships(world: &World, release: i64) {
    world.approve("ann", release).await.ok();
    let deploy = Script { world, run: "deploys" };
    let body = |status| json!({ "release_id": release, "status": status });
    for status in ["deploying", "deployed"] {
        deploy.world.ci().await.patch("/release", &body(status)).await.ok();
    }
    assert_eq!(world.status(release).await, "deployed");
}

#[tokio::test]
async fn the_original_scripts_go_the_whole_way_and_a_rerun_goes_on() {
    let world = World::new(Setup::new().by_ci()).await;
    let first = Script { world: &world, run: "1" };
    let release = first.begins("v1").await;
    first.goes(release, STAGE).await;
    let rows = world.ci().await.get("/active_releases").await.ok();
    assert_eq!((&rows[0]["id"], &rows[0]["status"]), (&json!(release), &json!("manual_testing")));
    ships(&world, release).await;

    let second = Script { world: &world, run: "2" };
    let release = second.begins("v2").await;
    for (until, failed) in [(1, "stage_building_failed"), (2, "stage_test_rollback_failed")] {
        second.goes(release, &STAGE[..until]).await;
        second.goes(release, &[failed]).await;
        assert_eq!(second.begins("v2").await, release, "the same run again, which counts no attempts");
    }
    second.goes(release, STAGE).await;
    ships(&world, release).await;
    second.creates("v2").await.refused(409, "already_ended");
}

#[tokio::test]
async fn a_job_that_died_on_stage_goes_the_whole_way_when_it_runs_again() {
    let world = World::new(Setup::new().by_ci()).await;
    let first = Script { world: &world, run: "1" };
    let release = first.begins("v1").await;
    first.goes(release, STAGE).await;
    ships(&world, release).await;

    let job = Script { world: &world, run: "2" };
    let release = job.begins("v2").await;
    for (attempt, until) in [(2, 1), (3, 2), (4, 3)] {
        // Nothing more is heard of it.
        job.goes(release, &STAGE[..until]).await;
        assert_eq!(job.begins("v2").await, release);
        assert_eq!(world.status(release).await, "initiated");
        assert_eq!(world.show(release).await["attempt"], attempt);
    }
    let reason = world.reason(release).await;
    assert!(reason.contains("the CI run 2 has been restarted") && reason.contains("approvals are void"), "{reason}");
    job.goes(release, STAGE).await;
    ships(&world, release).await;
}

#[tokio::test]
async fn an_original_script_that_skips_the_rehearsal_comes_to_no_vote() {
    let world = World::new(Setup::new().by_ci()).await;
    let script = Script { world: &world, run: "1" };
    let release = script.begins("v1").await;
    script.goes(release, STAGE).await;
    ships(&world, release).await;
    let script = Script { world: &world, run: "2" };
    let release = script.begins("v2").await;
    script.goes(release, &["stage_building"]).await;
    let sentence = script.says(release, "manual_testing").await.refused(409, "illegal_transition");
    assert!(sentence.contains("stage_building"), "{sentence}");
    world.approve("ann", release).await.refused(409, "vote_closed");
    assert_eq!(world.status(release).await, "stage_building");
}

#[tokio::test]
async fn an_original_script_that_overlooks_a_busy_stage_leaves_nothing_to_approve_there() {
    let world = World::new(Setup::new().by_ci()).await;
    let script = Script { world: &world, run: "1" };
    let release = script.begins("v1").await;
    script.goes(release, STAGE).await;
    ships(&world, release).await;
    let (one, two) = (Script { world: &world, run: "2" }, Script { world: &world, run: "3" });
    let first = one.begins("v2").await;
    one.goes(first, STAGE).await;
    let second = two.begins("v3").await;
    let sentence = two.says(second, "stage_building").await.refused(409, "stage_busy");
    assert!(sentence.contains("v2"), "{sentence}");
    // It deploys all the same.
    for status in &STAGE[1..] {
        two.says(second, status).await.refused(409, "illegal_transition");
    }
    assert_eq!(world.status(first).await, "stage_test_rollback_failed");
    let reason = world.reason(first).await;
    assert!(reason.contains("#3 v3 went to stage"), "{reason}");
    let shown: Value = world.service().await;
    assert_eq!(shown["stage"]["runs"]["tag"], "v3", "{shown}");
    for release in [first, second] {
        world.approve("ann", release).await.with_status(409);
    }
    // Each of them by itself, once more.
    assert_eq!(two.begins("v3").await, second);
    two.goes(second, STAGE).await;
    ships(&world, second).await;
    assert_eq!(one.begins("v2").await, first);
    one.goes(first, STAGE).await;

    // Where the creation itself takes stage, none comes to be, and what the script then says is about nothing.
    let three = Script { world: &world, run: "4" };
    let body = json!({ "service_name": SHOP, "release_tag": "v4", "status": "stage_building", "initiated_by": "ann" });
    world.ci().await.post("/release", &body).await.refused(409, "stage_busy");
    for nothing in ["", "null"] {
        let body = json!({ "release_id": nothing, "status": "stage_test_rollback", "github_run_id": three.run });
        world.ci().await.patch("/release", &body).await.names("release_id");
    }
    assert_eq!(world.status(first).await, "manual_testing");
}

#[tokio::test]
async fn a_script_that_overlooks_a_busy_stage_while_production_runs_is_what_stage_is_taken_for_all_the_same() {
    let world = World::new(Setup::new().by_ci()).await;
    let script = Script { world: &world, run: "1" };
    let release = script.begins("v1").await;
    script.goes(release, STAGE).await;
    ships(&world, release).await;
    let (one, two) = (Script { world: &world, run: "2" }, Script { world: &world, run: "3" });
    let first = one.begins("v2").await;
    one.goes(first, STAGE).await;
    let second = two.begins("v3").await;
    two.says(second, "stage_building").await.refused(409, "stage_busy");
    world.approve("ann", first).await.ok();
    world.ci().await.patch("/release", &json!({ "release_id": first, "status": "deploying" })).await.ok();
    for _ in 0..2 {
        two.says(second, "stage_test_rollback").await.refused(409, "illegal_transition");
    }
    assert_eq!(world.service().await["stage"]["runs"]["tag"], "v3");
    assert_eq!(world.status(first).await, "deploying");
    assert!(world.reason(first).await.contains("#3 v3 went to stage"), "{}", world.reason(first).await);
    let warned = async || world.log().contains("CI has brought a release there although it was refused").then_some(());
    eventually("the log warns", warned).await;
    let changes = world.events().await.into_iter().filter(|it| it["kind"] == "environment_changed");
    assert_eq!(changes.filter(|it| it["run"].is_null()).count(), 1, "it is told once");
    world.ci().await.patch("/release", &json!({ "release_id": first, "status": "deployed" })).await.ok();
    assert_eq!(world.service().await["stage"]["runs"]["tag"], "v3");
}

/// What the workflows of the original machine say over the life of three releases, and what they are answered. `>` is a call of
/// a workflow, `<` the answer; people's decisions stand between.
const RECORDED: &str = r#"
> POST /release {"service_name":"shop","release_tag":"v1.0.0","status":"initiated","initiated_by":"gommgo","github_run_id":"18130000001","github_action_link":"https://github.com/YourOrg/shop/actions/runs/18130000001","github_ref":"refs/tags/v1.0.0"}
< 201 {"release_id":1}
> PATCH /release {"release_id":1,"status":"stage_building","github_run_id":"18130000001","github_action_link":"https://github.com/YourOrg/shop/actions/runs/18130000001"}
< 200 {"status":"success"}
> PATCH /release {"release_id":1,"status":"stage_test_rollback","github_run_id":"18130000001"}
< 200 {"status":"success"}
> PATCH /release {"release_id":1,"status":"manual_testing","github_run_id":"18130000001"}
< 200 {"status":"success"}
approve 1
> PATCH /release {"release_id":"1","status":"deploying","github_run_id":"18130000002","github_action_link":"https://github.com/YourOrg/shop/actions/runs/18130000002"}
< 200 {"status":"success"}
> PATCH /release {"release_id":"1","status":"deployed","github_run_id":"18130000002"}
< 200 {"status":"success"}
is 1 deployed
> POST /release {"service_name":"shop","release_tag":"v1.1.0","status":"stage_building","initiated_by":"gommgo","github_run_id":"18130000003","github_action_link":"https://github.com/YourOrg/shop/actions/runs/18130000003","github_ref":"refs/tags/v1.1.0"}
< 201 {"release_id":2}
> PATCH /release {"release_id":2,"status":"stage_test_rollback","github_run_id":"18130000003"}
< 200 {"status":"success"}
> PATCH /release {"release_id":2,"status":"manual_testing","github_run_id":"18130000003"}
< 200 {"status":"success"}
approve 2
> PATCH /release {"release_id":"2","status":"deploying","github_run_id":"18130000004"}
< 200 {"status":"success"}
> PATCH /release {"release_id":"2","status":"production_rollback","github_run_id":"18130000004"}
< 200 {"status":"success"}
> PATCH /release {"release_id":"2","status":"rollback_done","github_run_id":"18130000004"}
< 200 {"status":"success"}
is 2 rollback_done
> POST /release {"service_name":"shop","release_tag":"v1.1.1","status":"initiated","initiated_by":"gommgo","github_run_id":"18130000005","github_action_link":"","github_ref":"refs/tags/v1.1.1"}
< 201 {"release_id":3}
> PATCH /release {"release_id":3,"status":"stage_building","github_run_id":"18130000005"}
< 200 {"status":"success"}
> PATCH /release {"release_id":3,"status":"stage_test_rollback","github_run_id":"18130000005"}
< 200 {"status":"success"}
> PATCH /release {"release_id":3,"status":"manual_testing","github_run_id":"18130000005"}
< 200 {"status":"success"}
approve 3
> PATCH /release {"release_id":"3","status":"deploying"}
< 200 {"status":"success"}
> PATCH /release {"release_id":"3","status":"deployed"}
< 200 {"status":"success"}
rollback 3
> PATCH /release {"release_id":"3","status":"production_rollback","github_run_id":"18130000007"}
< 200 {"status":"success"}
> PATCH /release {"release_id":"3","status":"rollback_failed","github_run_id":"18130000007"}
< 200 {"status":"success"}
is 3 rollback_failed
"#;

#[tokio::test]
async fn what_the_original_workflows_said_is_answered_as_it_was() {
    let world = World::new(Setup::new().by_ci()).await;
    let (ci, ann) = (world.ci().await, world.person("ann").await);
    let mut answer = None;
    for line in RECORDED.trim().lines() {
        match *line.splitn(4, ' ').collect::<Vec<_>>().as_slice() {
            [">", method, path, body] => answer = ci.ask(method, path, Some(body.into())).await,
            ["<", status, expected] => {
                let answer: Answer = answer.take().unwrap();
                assert_eq!(answer.with_status(status.parse().unwrap()).text(), expected, "{line}");
            }
            ["is", release, status] => assert_eq!(world.status(release.parse().unwrap()).await, status),
            [decision, release] => {
                let path = format!("/api/v1/releases/{release}/{decision}");
                ann.post(&path, &json!({ "reason": "slow" })).await.ok();
            }
            _ => panic!("{line}"),
        }
    }
    world.is_sound().await;
}

#[tokio::test]
async fn the_ci_run_of_another_service_reports_nothing_here() {
    let w = World::new(Setup::new().by_ci().another_service("other")).await;
    let theirs = json!({ "service": "other", "tag": "w1", "initiated_by": "ci", "ci_run": { "id": "900" } });
    w.operator().post("/api/v1/releases", &theirs).await.ok();
    let release = w.release("v1").await;
    let report =
        async |body: &serde_json::Value| w.operator().patch(&format!("/api/v1/releases/{release}"), body).await;
    for status in ["stage_building", "stage_test_rollback"] {
        report(&json!({ "status": status })).await.ok();
    }
    w.approve("ann", release).await.ok();
    report(&json!({ "status": "deploying" })).await.ok();
    let foreign = json!({ "status": "production_rollback", "ci_run": { "id": "900" } });
    report(&foreign).await.refused(409, "stale_report");
    assert_eq!(w.status(release).await, "deploying");
}
