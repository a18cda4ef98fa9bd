//! `kill -9` of RMM at every boundary of the whole story and at random moments. Whatever happens, the story ends as
//! it does without kills: the same events, every step exactly once, a whole chain, a sound database.
//!
//! `RMM_KILLS=5000` kills that often; `RMM_SEED=17` tells only the story with that seed.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::world::{Random, Repository, SHOP, Setup, World, commit_of, eventually};

/// Kills of one story at random moments.
const KILLS_A_STORY: usize = 12;
/// Stories that are told at the same time.
const AT_ONCE: usize = 3;

/// A step that takes a moment, says when it begins and when it ends, and fails for v3 in production.
const STEP: &str = r#"
    me="$RMM_RUN $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP $RMM_TAG"
    echo "$me begins" >> ../ledger
    sleep 0.02
    echo "$me ends" >> ../ledger
    test "${me#* }" != "production deploy deploy v3""#;

#[derive(Clone, Copy)]
enum Code {
    /// The commands alone.
    Commands,
    /// Every deploy fetches and checks a repository out.
    Repository,
}

#[derive(Clone, Copy)]
enum Kills {
    None,
    /// Whenever a step has said this.
    Whenever(&'static str),
    /// At random moments.
    Random {
        seed: u64,
    },
}

/// What must be the same, with kills and without.
#[derive(Debug, PartialEq)]
struct Ending {
    events: Vec<Value>,
    ledger: Vec<String>,
    service: Value,
}

#[tokio::test]
async fn a_kill_at_every_step_boundary_changes_nothing() {
    let (reference, _) = tell(Code::Commands, Kills::None, 0).await;
    let lines = reference.ledger.len();
    for when in ["begins", "ends"] {
        let (ending, kills) = tell(Code::Commands, Kills::Whenever(when), lines).await;
        assert_same(&ending, &reference);
        assert!(kills >= lines / 3, "only {kills} kills at {lines} boundaries");
    }
}

#[tokio::test]
async fn kills_at_random_moments_change_nothing() {
    let kills = tell_many(Code::Commands, 100..114).await;
    assert!(kills >= 140, "only {kills} kills");
}

#[tokio::test]
async fn kills_at_random_moments_change_nothing_with_a_repository() {
    let kills = tell_many(Code::Repository, 200..205).await;
    assert!(kills >= 50, "only {kills} kills");
}

async fn tell_many(code: Code, seeds: std::ops::Range<u64>) -> usize {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut seeds: Vec<u64> = seeds.collect();
    if let Some(kills) = number("RMM_KILLS") {
        seeds = (1000..1000 + kills.div_ceil(2 * KILLS_A_STORY as u64)).collect();
    }
    if let Some(seed) = number("RMM_SEED") {
        seeds = vec![seed];
    }
    let (reference, _) = tell(code, Kills::None, 0).await;
    let (reference, lines) = (&reference, reference.ledger.len());
    let stories = futures_util::stream::iter(seeds).map(async |seed| {
        let (ending, kills) = tell(code, Kills::Random { seed }, lines).await;
        assert_same(&ending, reference);
        kills
    });
    stories.buffer_unordered(AT_ONCE).fold(0, async |sum, kills| sum + kills).await
}

fn assert_same(ending: &Ending, reference: &Ending) {
    assert_eq!(ending.ledger, reference.ledger, "not every step ran exactly once, in order");
    for (event, expected) in ending.events.iter().zip(&reference.events) {
        assert_eq!(event, expected, "the record differs");
    }
    assert_eq!(ending.events.len(), reference.events.len(), "events are missing or too many");
    assert_eq!(ending.service, reference.service);
}

/// Tells the story while RMM is killed; answers with how it ended and the number of kills.
async fn tell(code: Code, kills: Kills, lines: usize) -> (Ending, usize) {
    let setup = ["deploy", "migrate_up", "migrate_down", "health.command"]
        .into_iter()
        .fold(Setup::new(), |setup, key| setup.surface(key, STEP))
        .surface("health.wait", "1ms")
        .in_stage("directory", "stage");
    let folder = tempfile::tempdir().unwrap();
    let mut commits = ["v1", "v2", "v3"].map(commit_of);
    let setup = match code {
        Code::Commands => setup,
        Code::Repository => {
            let repository = Repository::in_folder(&folder.path().join("shop"));
            commits = ["v1", "v2", "v3"].map(|tag| repository.tag(tag, tag));
            setup.repository(&repository.path)
        }
    };
    let world = World::new(setup).await;
    if matches!(code, Code::Commands) {
        std::fs::create_dir(world.path("stage")).unwrap();
    }
    world.person("ann").await;
    world.ci().await;

    let done = tokio_util::sync::CancellationToken::new();
    let story = async {
        the_story(&world, &commits).await;
        done.cancel();
    };
    let ((), killed) = tokio::join!(story, kill(&world, kills, lines, &done));
    world.quiet().await;
    world.is_sound().await;
    (ending(&world).await, killed)
}

/// Three releases: the first, one with a rehearsal, one that fails in production and goes back by itself; then the
/// second is rolled back with one tap.
async fn the_story(world: &World, commits: &[String; 3]) {
    let mut numbers = Vec::new();
    for (tag, commit) in ["v1", "v2", "v3"].into_iter().zip(commits) {
        let release = created(world, tag, commit).await;
        world.until(release, "manual_testing").await;
        world.quiet().await;
        decided(world, release, "manual_testing", "approve", &json!({})).await;
        world.until(release, if tag == "v3" { "rollback_done" } else { "deployed" }).await;
        world.quiet().await;
        numbers.push(release);
    }
    decided(world, numbers[1], "deployed", "rollback", &json!({ "reason": "the carts are empty" })).await;
    world.until(numbers[1], "rollback_done").await;
}

/// CI asks until it is answered, as CI does.
async fn created(world: &World, tag: &str, commit: &str) -> i64 {
    let body = json!({ "service": SHOP, "tag": tag, "commit": commit, "initiated_by": "ci", "ci_run": { "id": tag } });
    let ci = world.ci().await;
    let answer = eventually("the release is created", async || {
        ci.ask("POST", "/api/v1/releases", Some(body.to_string().into_bytes())).await
    });
    answer.await.ok()["id"].as_i64().unwrap()
}

/// A person taps; when RMM dies before it answers, the person looks and taps again if nothing has happened.
async fn decided(world: &World, release: i64, from: &str, decision: &str, body: &Value) {
    let ann = world.person("ann").await;
    let path = format!("/api/v1/releases/{release}");
    eventually(&format!("the {decision} is taken"), async || {
        let now = ann.ask("GET", &path, None).await?.ok();
        if now["status"] != from {
            return Some(());
        }
        let said = ann.ask("POST", &format!("{path}/{decision}"), Some(body.to_string().into_bytes())).await?;
        said.ok();
        Some(())
    })
    .await;
}

/// Kills RMM and starts it again, as often and whenever it is asked for; answers with the number of kills.
async fn kill(world: &World, kills: Kills, lines: usize, done: &tokio_util::sync::CancellationToken) -> usize {
    match kills {
        Kills::None => 0,
        Kills::Whenever(said) => {
            let (mut count, mut seen) = (0, 0);
            loop {
                let now = eventually("a step says it, or the story ends", async || {
                    let said = world.ledger().iter().filter(|line| line.ends_with(said)).count();
                    (said > seen || done.is_cancelled()).then_some(said)
                })
                .await;
                if now == seen {
                    return count;
                }
                seen = now;
                world.restart_after_kill().await;
                count += 1;
            }
        }
        Kills::Random { seed } => {
            eprintln!("a story with seed {seed}");
            let mut random = Random::new(seed);
            let mut moments: Vec<usize> = (0..KILLS_A_STORY).map(|_| 1 + random.below(lines as u64) as usize).collect();
            moments.sort_unstable();
            let mut last = 0;
            for moment in moments {
                // Two at the same moment: the second hits RMM as it starts.
                let spread = if moment == last { 60 } else { 40 };
                last = moment;
                eventually("the story has come so far", async || (world.ledger().len() >= moment).then_some(())).await;
                tokio::time::sleep(Duration::from_millis(random.below(spread))).await;
                world.restart_after_kill().await;
            }
            KILLS_A_STORY
        }
    }
}

async fn ending(world: &World) -> Ending {
    let mut events = world.events().await;
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("at");
        event.remove("trace_id");
    }
    let mut service = world.service().await;
    let service = json!({
        "stage": service["stage"]["runs"].take(),
        "production": service["production"]["runs"].take(),
        "lock": service["production"]["lock"]["reason"].take(),
        "dirty": service["stage"]["dirty"].take(),
        "runs": service["runs"].take(),
    });
    Ending { events, ledger: world.ledger(), service }
}
