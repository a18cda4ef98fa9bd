//! What a collector of traces gets to see: one trace from a tap to the message that it causes, also across a restart. And
//! that a collector which is slow or answers nonsense holds up nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::collector::{Collector, Manner, Span};
use crate::story::BotWorld;
use crate::world::{SHOP, Setup, World, commit_of, eventually, memory};

/// RMM exports to this collector, soon.
pub fn exporting(setup: Setup, collector: &Collector) -> Setup {
    setup
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .variable("OTEL_BSP_SCHEDULE_DELAY", "100")
        .variable("OTEL_BLRP_SCHEDULE_DELAY", "100")
        .variable("OTEL_EXPORTER_OTLP_TIMEOUT", "700")
}

/// Notes what it is told of its trace.
const NOTES_TRACE: &str = "echo $RMM_ENVIRONMENT $TRACEPARENT >> ../traceparents";

/// The spans of one trace, by their ids.
struct Tree(BTreeMap<String, Span>);

impl Tree {
    fn of(spans: Vec<Span>, trace: &str) -> Self {
        Self(spans.into_iter().filter(|span| span.trace == trace).map(|span| (span.id.clone(), span)).collect())
    }

    /// The names from a span up to where nothing is known.
    fn way_up(&self, span: &Span) -> Vec<&str> {
        let parent = |span: &&Span| self.0.get(&span.parent);
        std::iter::successors(self.0.get(&span.id), parent).map(|span| span.name.as_str()).collect()
    }

    fn roots(&self) -> Vec<&Span> {
        self.0.values().filter(|span| !self.0.contains_key(&span.parent)).collect()
    }

    fn named(&self, name: &str) -> Vec<&Span> {
        self.0.values().filter(|span| span.name == name).collect()
    }

    /// As people see it, in the order in which things began.
    fn shown(&self) -> String {
        let mut out = String::new();
        let mut roots = self.roots();
        roots.sort_by_key(|span| span.begun);
        roots.into_iter().for_each(|root| self.show(root, 0, &mut out));
        out
    }

    fn show(&self, span: &Span, depth: usize, out: &mut String) {
        out.push_str(&format!("{:1$}{2}\n", "", depth * 2, span.name));
        let mut below: Vec<_> = self.0.values().filter(|other| other.parent == span.id).collect();
        below.sort_by_key(|span| span.begun);
        below.into_iter().for_each(|span| self.show(span, depth + 1, out));
    }
}

#[tokio::test]
async fn one_tap_is_one_trace_down_to_the_message_that_it_causes() {
    let collector = Collector::start(Manner::Takes).await;
    let change = |setup: Setup| {
        let setup = setup.without_migrations().surface("deploy", NOTES_TRACE).approved_by(1, ["ann"]);
        exporting(setup, &collector).variable("OTEL_SERVICE_NAME", "rmm-of-the-story")
    };
    let world = BotWorld::without_rmm(change).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    world.all_is_told().await;
    world.ann.says(world.ann.id, &format!("/start r{release}"));
    world.ann.taps(world.ann.id, "✅ Approve").await;
    world.ann.taps(world.ann.id, "Yes").await;
    world.team.shows("is deployed").await;
    world.all_is_told().await;
    let events = world.rmm.events().await;
    let deployed = events.iter().rfind(|event| event["kind"] == "release_moved").unwrap();
    let trace = deployed["trace_id"].as_str().unwrap();
    // What has not been handed over by now is handed over at the end.
    assert_eq!(world.rmm.terminate().await.0, Some(0));
    let tree = Tree::of(collector.spans(), trace);
    let shown = tree.shown();

    let roots = tree.roots();
    assert_eq!(roots.iter().map(|root| (root.name.as_str(), root.parent.as_str())).collect::<Vec<_>>(), [("tap", "")]);
    assert_eq!(roots[0].attributes["rmm.release"], release.to_string(), "{shown}");
    assert_eq!(roots[0].resource["service.name"], "rmm-of-the-story");
    let step = tree.named("step deploy").pop().unwrap_or_else(|| panic!("{shown}"));
    let way = ["step deploy", "effect follow_run", "transaction", "handle approve", "tap"];
    assert_eq!(tree.way_up(step), way, "{shown}");
    let told = |name: &str| step.attributes.get(name).map(String::as_str);
    assert_eq!((told("rmm.environment"), told("rmm.host")), (Some("production"), Some("local")), "{step:?}");
    assert_eq!((told("process.exit.code"), step.failed), (Some("0"), false), "{step:?}");
    let on_host = world.rmm.file("traceparents").await;
    assert!(on_host.contains(&format!("production 00-{trace}-{}-01\n", step.id)), "{on_host}\n{step:?}");
    let sent = tree.named("Telegram SendMessage");
    let deployed = |span: &&Span| tree.way_up(span).contains(&"handle step_ended");
    let message = sent.into_iter().find(deployed).unwrap_or_else(|| panic!("{shown}"));
    let way = [
        "Telegram SendMessage",
        "message",
        "transaction",
        "handle step_ended",
        "effect follow_run",
        "transaction",
        "handle approve",
        "tap",
    ];
    assert_eq!(tree.way_up(message), way, "{shown}");
    for (name, below) in [("decide", "transaction"), ("Telegram AnswerCallbackQuery", "tap")] {
        let found = tree.named(name).pop().unwrap_or_else(|| panic!("no {name}:\n{shown}"));
        assert_eq!(tree.way_up(found)[1], below, "{shown}");
    }
    // Waiting for updates, and looking whether something is due, is no trace.
    let roots = collector.spans().into_iter().filter(|span| span.parent.is_empty()).map(|span| span.name);
    let roots: BTreeSet<_> = roots.collect();
    assert!(roots.iter().all(|name| !name.starts_with("Telegram") && !name.starts_with("effect")), "{roots:?}");
    assert!(!collector.has(crate::telegram::TOKEN), "the bot's token is in a span");
    // Every line of the log about it says which trace it belongs to.
    let log = world.rmm.log();
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = lines.rfind(|line| line["fields"]["message"] == "deployed to production").unwrap();
    assert_eq!((&line["trace_id"], &line["release"]), (&trace.into(), &release.into()), "{line}");
}

#[tokio::test]
async fn a_trace_goes_on_after_rmm_was_killed() {
    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let collector = Collector::start(Manner::Takes).await;
    let waits = format!("{NOTES_TRACE}; until [ -e ../go ]; do sleep 0.05; done");
    let change = |setup: Setup| exporting(setup.without_migrations().surface("deploy", waits), &collector);
    let world = BotWorld::without_rmm(change).await;
    world.start_rmm().await;
    let body = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci" });
    let ci = world.rmm.ci().await;
    let sent = ci.send("POST", "/api/v1/releases", Some(body.to_string().into()), &[("traceparent", CALLER)]);
    let answer = sent.await.unwrap();
    assert_eq!(answer.headers()["x-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    world.rmm.file("traceparents").await;
    let of_trace = || Tree::of(collector.spans(), "4bf92f3577b34da6a3ce929d0e0e4736");
    eventually("what was committed is handed over", async || {
        (of_trace().named("handle create").len() == 1).then_some(())
    })
    .await;
    // The effect is leased; its span is lost with the process.
    world.restart_after_kill().await;
    world.rmm.write("go", "");
    world.team.shows("waiting for approval").await;
    world.all_is_told().await;
    assert_eq!(world.rmm.terminate().await.0, Some(0));
    let tree = of_trace();
    let shown = tree.shown();
    let again = tree.named("effect follow_run").into_iter().find(|span| span.attributes["rmm.attempt"] == "2");
    let way = ["effect follow_run", "transaction", "handle create", "POST /api/v1/releases"];
    assert_eq!(tree.way_up(again.unwrap_or_else(|| panic!("{shown}"))), way, "{shown}");
    let request = tree.named("POST /api/v1/releases")[0];
    assert_eq!((request.parent.as_str(), request.kind), ("00f067aa0ba902b7", 2));
    let step = tree.named("step deploy").into_iter().find(|span| tree.way_up(span)[1..] == way).unwrap();
    assert_eq!(step.attributes["rmm.again"], "true");
    assert!(tree.named("message").iter().any(|span| tree.way_up(span).contains(&"handle step_ended")), "{shown}");
    let lost: BTreeSet<_> = tree.roots().into_iter().map(|span| span.name.as_str()).collect();
    assert!(
        lost.iter().all(|name| *name == "POST /api/v1/releases" || !name.starts_with("effect")),
        "{lost:?}\n{shown}"
    );
}

/// The collector answers while the verb is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_the_command_line_is_one_trace_from_the_job_that_makes_it_to_the_effect() {
    const JOB: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let collector = Collector::start(Manner::Takes).await;
    let setup = exporting(Setup::new().without_migrations().surface("deploy", NOTES_TRACE), &collector);
    let world = World::new(setup).await;
    let endpoint = collector.endpoint();
    let commit = commit_of("v1");
    let create = ["release", "create", "--service", SHOP, "--tag", "v1", "--commit", &commit];
    let (status, said) = world.rmm_with(&[("TRACEPARENT", JOB), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], &create);
    assert_eq!(status, Some(0), "{said}");
    let on_host = world.file("traceparents").await;
    assert!(on_host.contains("stage 00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{on_host}");
    // Without a collector of its own, a verb is the beginning of what the server does for it.
    assert_eq!(world.rmm(&["service", "list"]).0, Some(0));
    let forged = [("user-agent", "rmm/9 (rm everything)")];
    world.operator().send("GET", "/api/v1/services", None, &forged).await.unwrap();
    // One that takes nothing holds up nobody for long.
    let hanging = Collector::start(Manner::Hangs).await.endpoint();
    let (status, said) = world.rmm_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &hanging)], &["service", "list", "--json"]);
    assert!(status == Some(0) && serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
    world.until(1, "manual_testing").await;
    world.quiet().await;
    assert_eq!(world.terminate().await.0, Some(0));

    let tree = Tree::of(collector.spans(), "4bf92f3577b34da6a3ce929d0e0e4736");
    let shown = tree.shown();
    let verb = tree.named("rmm release create").pop().unwrap_or_else(|| panic!("{shown}"));
    assert_eq!((verb.parent.as_str(), verb.kind, verb.failed), ("00f067aa0ba902b7", 3, false), "{shown}");
    assert_eq!(verb.resource["service.name"], "rmm-cli");
    let way = ["transaction", "handle create", "POST /api/v1/releases", "rmm release create"];
    for name in ["decide", "effect follow_run"] {
        let found = tree.named(name).into_iter().find(|span| tree.way_up(span)[1..] == way);
        assert!(found.is_some(), "no {name} below the call:\n{shown}");
    }
    assert_eq!(tree.named("POST /api/v1/releases")[0].attributes["rmm.verb"], "release create");
    assert_eq!(tree.roots().len(), 1, "{shown}");
    let spans = collector.spans();
    let asked = spans.iter().filter(|span| span.name.ends_with("GET /api/v1/services") && span.parent.is_empty());
    let verbs: Vec<_> = asked.map(|span| (span.name.as_str(), span.attributes.get("rmm.verb"))).collect();
    let listed = "service list".to_owned();
    assert!(verbs.contains(&("rmm service list: GET /api/v1/services", Some(&listed))), "{verbs:?}");
    assert!(verbs.contains(&("GET /api/v1/services", None)), "{verbs:?}");
    assert!(!collector.has("rm everything"));
}

/// How often a line of the log says this.
fn said(world: &World, words: &str) -> usize {
    world.log().lines().filter(|line| line.contains(words)).count()
}

const LOST: &str = "spans are not taken by the collector";

#[tokio::test]
async fn a_collector_that_is_out_of_its_mind_costs_nothing_but_spans() {
    let collector = Collector::start(Manner::Garbage).await;
    let setup = exporting(Setup::new().without_migrations(), &collector).variable("OTEL_BSP_MAX_QUEUE_SIZE", "64");
    let world = World::new(setup).await;
    world.deployed("v1").await;
    eventually("it is told", async || (said(&world, LOST) == 1).then_some(())).await;
    let before = memory(world.pid());
    for (number, manner) in [Manner::Hangs, Manner::Huge, Manner::Redirects].into_iter().enumerate() {
        collector.becomes(manner);
        let asked = collector.requests();
        let operator = world.operator();
        eventually("it is asked in vain", async || {
            operator.get("/api/v1/releases").await.ok();
            (collector.requests() >= asked + 2).then_some(())
        })
        .await;
        world.deployed(&format!("v{}", number + 2)).await;
    }
    let grown = memory(world.pid()).saturating_sub(before);
    assert!(grown < 40 * 1024 * 1024, "{grown} bytes more");
    assert_eq!((said(&world, LOST), said(&world, "by the collector again")), (1, 0), "{}", world.log());
    assert_eq!(collector.led_elsewhere(), 0);
    collector.becomes(Manner::Takes);
    world.deployed("v5").await;
    eventually("it is told, once", async || (said(&world, "by the collector again") == 1).then_some(())).await;
    collector.becomes(Manner::Hangs);
    world.operator().get("/api/v1/releases").await.ok();
    let (status, took) = world.terminate().await;
    assert_eq!(status, Some(0));
    assert!(took < std::time::Duration::from_secs(10), "RMM waited {took:?} for its collector");
}

#[tokio::test]
async fn a_collector_that_is_not_there_is_told_of_once() {
    let gone = Collector::start(Manner::Takes).await.endpoint();
    let setup = Setup::new().without_migrations().variable("OTEL_EXPORTER_OTLP_ENDPOINT", gone);
    let world = World::new(setup.variable("OTEL_BSP_SCHEDULE_DELAY", "50")).await;
    world.deployed("v1").await;
    eventually("it is told", async || (said(&world, LOST) > 0).then_some(())).await;
    world.deployed("v2").await;
    assert_eq!(said(&world, LOST), 1, "{}", world.log());
    assert_eq!(world.terminate().await.0, Some(0));
}

#[tokio::test]
async fn lines_of_the_log_go_there_with_their_trace_and_without_secrets() {
    const KEY: &str = "the-key-of-the-collector";
    let collector = Collector::start(Manner::Takes).await;
    let setup = Setup::new().without_migrations().surface("deploy", "exit 3").variable("COLLECTOR_KEY", KEY);
    let setup = exporting(setup, &collector).key("telemetry.logs", true);
    let setup = setup.key("telemetry.headers.x-key", "env:COLLECTOR_KEY").key("telemetry.resource.place", "here");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    eventually("stage failed", async || (world.status(release).await == "stage_building_failed").then_some(())).await;
    world.quiet().await;
    assert_eq!(world.terminate().await.0, Some(0));
    let lines = collector.lines();
    let failed = lines.iter().find(|line| line.said == "stage failed").unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!(failed.attributes["release"], release.to_string());
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.trace == failed.trace), "{failed:?}");
    let step = spans.iter().find(|span| span.name == "step deploy").unwrap();
    assert!(step.failed && step.resource["place"] == "here" && step.attributes["process.exit.code"] == "3", "{step:?}");
    assert!(collector.keys().iter().all(|key| key == KEY) && !collector.keys().is_empty());
    assert!(!collector.has(KEY) && !world.log().contains(KEY));
}

#[tokio::test]
async fn a_trace_that_the_caller_does_not_keep_is_not_kept_and_hosts_hear_so() {
    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let collector = Collector::start(Manner::Takes).await;
    let setup = exporting(Setup::new().without_migrations().surface("deploy", NOTES_TRACE), &collector);
    let world = World::new(setup).await;
    let body = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci" });
    let ci = world.ci().await;
    ci.send("POST", "/api/v1/releases", Some(body.to_string().into()), &[("traceparent", CALLER)]).await.unwrap();
    let told = world.file("traceparents").await;
    let (_, place) = told.trim().split_once(" 00-4bf92f3577b34da6a3ce929d0e0e4736-").unwrap();
    assert!(place.ends_with("-00"), "{told}");
    world.terminate().await;
    assert!(collector.spans().iter().all(|span| span.trace != "4bf92f3577b34da6a3ce929d0e0e4736"));
}
