//! Deliveries of a webhook in any order, twice, or not at all.

use super::*;

/// A hundred deliveries about a run, its tag, and what RMM does not follow, in the order in which they happened.
fn hundred() -> Vec<(String, &'static str, serde_json::Value)> {
    let repository = json!({ "full_name": "acme/shop" });
    let run = |action: &str, status: &str, conclusion: Option<&str>, id: u64| {
        let run = json!({ "id": id, "run_attempt": 1, "status": status, "conclusion": conclusion });
        (
            "workflow_run",
            json!({ "action": action, "workflow_run": run, "repository": repository, "sender": { "login": "ann" } }),
        )
    };
    let pushed = |event, name: &str| {
        (event, json!({ "ref": name, "ref_type": "tag", "repository": repository, "sender": { "login": "ann" } }))
    };
    let mut all = Vec::new();
    for round in 0..10 {
        all.push(pushed("create", &format!("v{round}")));
        all.push(pushed("push", &format!("refs/tags/v{round}")));
        all.push(pushed("push", "refs/heads/main"));
        all.push(("pull_request", json!({ "action": "closed", "repository": repository })));
        // Real ones contradict their own action.
        all.push(run("requested", "completed", Some("action_required"), 6000 + round));
        all.push(run("requested", "queued", None, 7000));
        all.push(run("in_progress", "in_progress", None, 7000));
        all.push(run("completed", "queued", None, 7000));
        all.push(run("completed", "completed", Some(if round < 5 { "failure" } else { "success" }), 7000));
        all.push(("ping", json!({ "zen": "Design for failure." })));
    }
    all.into_iter().enumerate().map(|(at, (event, payload))| (format!("guid-{at}"), event, payload)).collect()
}

/// What has become of a release while these came in, one every other second.
async fn comes_to(
    deliveries: Vec<(String, &'static str, serde_json::Value)>,
) -> (Status, RunState, (u32, usize), usize) {
    let site = site().await;
    let ends = site.peer.clone();
    site.clock.at(150, move || ends.ends(ends.runs()[0].id, "success"));
    let (told, mut all) = (Arc::new(Mutex::new(Vec::new())), 0);
    for (guid, event, payload) in deliveries {
        let (engine, told) = (site.engine.clone(), told.clone());
        all += 2;
        site.clock.at(all, move || {
            let coming = tokio::spawn(async move { engine.github_delivered(&guid, event, &payload).await.unwrap() });
            told.lock().unwrap().push(coming);
        });
    }
    follow(&site.engine, site.id, false, None).await.unwrap();
    while seconds(&site) <= all {
        site.clock.sleep(Duration::from_secs(2)).await;
    }
    let coming: Vec<_> = std::mem::take(&mut *told.lock().unwrap());
    for one in coming {
        one.await.unwrap();
    }
    let runs = site.engine.read({
        let release = site.release;
        move |conn| runs::of_release(conn, release)
    });
    let count = runs.await.unwrap().len();
    (status(&site.engine, site.release).await, run(&site.engine, site.id).await.state, site.peer.dispatched(), count)
}

#[tokio::test]
async fn a_hundred_deliveries_shuffled_doubled_and_dropped_come_to_the_same() {
    let in_order = comes_to(hundred()).await;
    assert_eq!((in_order.0, &in_order.1, in_order.2), (Status::Deployed, &RunState::Succeeded, (1, 1)));
    for seed in 1..=4_u64 {
        let mut state = seed;
        let mut number = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut deliveries: Vec<_> = hundred().into_iter().filter(|_| number() % 10 >= 3).collect();
        assert!((55..=85).contains(&deliveries.len()), "some 30 % are dropped: {}", deliveries.len());
        deliveries.extend(deliveries.clone());
        deliveries.sort_by_cached_key(|_| number());
        assert_eq!(comes_to(deliveries).await, in_order, "seed {seed}");
    }
}
