//! Every fault in the middle of every step: afterwards each step ran exactly once, its output is whole, and the
//! release is where it would be without the fault. A fault that never heals ends in `unknown`, with a sentence.
//!
//! One story without faults tells which steps there are. `RMM_FAULTS=all` then tries all faults in each of them, and
//! `RMM_FAULTS="v2 stage deploy"` in those with these words; otherwise each fault and each step has its turn once.

use futures_util::StreamExt;
use serde_json::json;
use toml::Value;

use crate::host::{Fault, Host};
use crate::shop::{LINES, Shop};
use crate::world::{TIMEOUT, eventually, within};

/// Stories that are told at the same time.
const AT_ONCE: usize = 4;

/// What happens in the middle of the chosen step.
#[derive(Debug, Clone, Copy)]
enum Strike {
    /// A fault that heals while the step still runs.
    Moment(Fault),
    /// A fault that heals only when the step has ended and RMM has given the connection up.
    Long(Fault),
    /// A fault that needs no healing.
    Once(Fault),
    /// A bad line until the step has ended.
    Bad(Fault),
    /// `kill -9` of RMM.
    RmmKilled,
    /// `kill -9` of RMM, which comes back while the cable is out.
    RmmKilledAnd(Fault),
}

const STRIKES: &[Strike] = &[
    Strike::Moment(Fault::Down),
    Strike::Long(Fault::Down),
    Strike::Moment(Fault::OneWay),
    Strike::Long(Fault::OneWay),
    Strike::Bad(Fault::Loss),
    Strike::Bad(Fault::Slow),
    Strike::Long(Fault::Freeze),
    Strike::Once(Fault::Kill),
    Strike::Once(Fault::Rst),
    Strike::Once(Fault::Restart),
    Strike::RmmKilled,
    Strike::RmmKilledAnd(Fault::Down),
    Strike::RmmKilledAnd(Fault::Kill),
];

impl Strike {
    /// From its blow to the end of the trouble.
    async fn fall(self, shop: &Shop) {
        let host = &shop.hosts[0];
        match self {
            Self::Moment(fault) => {
                host.cut(fault);
                shop.until_line(shop.progress() + 5).await;
                host.heal();
            }
            Self::Long(fault) => {
                host.cut(fault);
                shop.until_line(LINES).await;
                eventually("RMM gives the connection up", async || (!host.is_connected()).then_some(())).await;
                host.heal();
            }
            Self::Once(fault) => host.cut(fault),
            Self::Bad(fault) => {
                host.cut(fault);
                shop.until_line(LINES).await;
                host.heal();
            }
            Self::RmmKilled => shop.world.restart_after_kill().await,
            Self::RmmKilledAnd(fault) => {
                host.cut(fault);
                shop.world.restart_after_kill().await;
                shop.until_line(LINES).await;
                host.heal();
            }
        }
    }
}

/// How a story ended: the steps in order, and where its releases are.
#[derive(Debug, PartialEq)]
struct Ending {
    ledger: Vec<String>,
    statuses: [String; 2],
}

#[tokio::test]
async fn a_fault_in_the_middle_of_a_step_changes_nothing() {
    let Some(reference) = tell(None).await else { return };
    // "stage deploy fetch v1" is chosen as "v1 stage deploy fetch".
    let chosen =
        reference.ledger.iter().filter_map(|line| line.rsplit_once(' ')).map(|(me, tag)| format!("{tag} {me}"));
    let mut steps: Vec<String> = Vec::new();
    for step in chosen.filter(|step| !step.starts_with("v1 production deploy")) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    for kind in ["deploy", "rehearsal", "rollback"] {
        assert!(steps.iter().any(|step| step.split(' ').nth(2) == Some(kind)), "no {kind} in {steps:?}");
    }
    let stories: Vec<(String, Strike)> = match std::env::var("RMM_FAULTS") {
        Ok(wanted) => {
            let steps = steps.iter().filter(|step| wanted == "all" || step.contains(&wanted));
            steps.flat_map(|step| STRIKES.iter().map(|strike| (step.clone(), *strike))).collect()
        }
        Err(_) => covering(&steps),
    };
    let reference = &reference;
    let told = futures_util::stream::iter(stories).map(async |(step, strike)| {
        eprintln!("{strike:?} in the middle of {step}");
        let ending = tell(Some((&step, strike))).await.unwrap();
        assert_eq!(&ending, reference, "{strike:?} in the middle of {step}");
    });
    told.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Every kind of step and every strike at least once.
fn covering(steps: &[String]) -> Vec<(String, Strike)> {
    let mut kinds: Vec<&String> = Vec::new();
    for step in steps {
        let kind = |step: &str| step.split(' ').skip(2).map(ToOwned::to_owned).collect::<Vec<_>>();
        if !kinds.iter().any(|known| kind(known) == kind(step)) {
            kinds.push(step);
        }
    }
    let count = kinds.len().max(STRIKES.len());
    (0..count).map(|number| (kinds[number % kinds.len()].clone(), STRIKES[number % STRIKES.len()])).collect()
}

/// Two releases go to production, the second after a rehearsal, and is rolled back. None where no host can be made.
async fn tell(chosen: Option<(&str, Strike)>) -> Option<Ending> {
    let shop = Shop::open(1, &[]).await?;
    if let Some((step, _)) = chosen {
        std::fs::write(shop.hosts[0].home("chosen"), step).unwrap();
    }
    let world = &shop.world;
    let story = async {
        let first = world.release_of_tag("v1").await;
        go(&shop, first).await;
        let second = world.release_of_tag("v2").await;
        go(&shop, second).await;
        retried(&shop, &format!("/api/v1/releases/{second}/rollback"), "production is rolled back", async || {
            settled(&shop, second, "rollback_done").await
        })
        .await;
        world.quiet().await;
        [first, second]
    };
    let blow = async {
        if let Some((_, strike)) = chosen {
            shop.until_line(10).await;
            strike.fall(&shop).await;
        }
    };
    let (releases, ()) = within_timeout(async { tokio::join!(story, blow) }).await;
    if let Some((step, strike)) = chosen {
        every_line_once(&shop, releases, step, strike).await;
    }
    world.is_sound().await;
    let [first, second] = releases;
    Some(Ending { ledger: shop.ledger(0), statuses: [world.status(first).await, world.status(second).await] })
}

async fn within_timeout<T>(story: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT * 3, story).await.expect("the story comes to an end")
}

/// A release on its way to production. RMM may be dead whenever it is asked.
async fn go(shop: &Shop, release: i64) {
    eventually("the candidate is ready", async || settled(shop, release, "manual_testing").await).await;
    let approve = format!("/api/v1/releases/{release}/approve");
    retried(shop, &approve, "it is deployed", async || settled(shop, release, "deployed").await).await;
    eventually("RMM has nothing left to do", async || {
        let runs = shop.world.operator().ask("GET", &format!("/api/v1/releases/{release}/runs"), None).await?;
        let runs = serde_json::from_slice::<serde_json::Value>(&runs.body).ok()?;
        runs.as_array()?.iter().all(|run| run["state"] == "succeeded").then_some(())
    })
    .await;
}

/// Says something as ann, again and again, until it shows.
async fn retried(shop: &Shop, path: &str, what: &str, shown: impl AsyncFn() -> Option<()>) {
    let ann = shop.world.person("ann").await;
    eventually(what, async || {
        if shown().await.is_none() {
            ann.ask("POST", path, Some(json!({ "reason": "a test" }).to_string().into_bytes())).await;
        }
        shown().await
    })
    .await;
}

/// Whether a release has this status; one that ended otherwise fails the test.
async fn settled(shop: &Shop, release: i64, status: &str) -> Option<()> {
    let answer = shop.world.operator().ask("GET", &format!("/api/v1/releases/{release}"), None).await?;
    let now: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let failed = now["status"].as_str().is_some_and(|status| status.ends_with("failed") || status == "unknown");
    assert!(!failed, "#{release} should become {status}: {now}");
    (now["status"] == status).then_some(())
}

/// The output of the chosen step has every line once.
async fn every_line_once(shop: &Shop, releases: [i64; 2], step: &str, strike: Strike) {
    let mut printed = String::new();
    for release in releases {
        for run in shop.world.runs(release).await {
            printed += &shop.world.printed(run["id"].as_i64().unwrap()).await;
        }
    }
    let me = step.split_once(' ').unwrap().1;
    for number in 1..=LINES {
        let line = format!("line {number} of {me}\n");
        assert_eq!(printed.matches(&line).count(), 1, "{strike:?} in the middle of {step}: {line}");
    }
}

#[tokio::test]
async fn a_host_that_never_comes_back_makes_the_run_unknown() {
    let Some(shop) = Shop::open(1, &[("run_timeout", Value::from("8s"))]).await else { return };
    let host: &Host = &shop.hosts[0];
    std::fs::write(host.home("chosen"), "v1 stage deploy deploy").unwrap();
    let release = shop.world.release_of_tag("v1").await;
    shop.until_line(10).await;
    host.cut(Fault::Down);
    let run = within(TIMEOUT, "the run is unknown", async || {
        shop.world.runs(release).await.into_iter().find(|run| run["state"] == "unknown")
    })
    .await;
    assert_eq!(shop.ledger(0).iter().filter(|line| line.starts_with("stage deploy deploy")).count(), 1, "{run}");
    let reason = shop.world.reason(release).await;
    assert!(reason.contains(host.name()) && reason.contains(' '), "no sentence that names the host: {reason:?}");
}
