//! What RMM answers, read by the types of the contract, comes out the same: nothing of it is lost, renamed or turned
//! round.

use rmm::contract::{
    EventPage, EventView, Finding, GateView, Health, HostCheck, HostView, PersonView, PlanView, Problem,
    ReleaseDetails, ReleasePage, RunOutput, RunView, ServiceDetails, ServiceView, TokenView, Verification,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::{Answer, Caller, SHOP, Setup, World};

/// Reads an answer; it must say something, and nothing else than what is read.
fn same<T: DeserializeOwned + Serialize>(answer: &Answer) -> T {
    let read: T = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()));
    assert_eq!(serde_json::to_string(&read).unwrap(), answer.text());
    assert!(!["[]", "{}", "null"].contains(&answer.text().as_str()));
    read
}

async fn get<T: DeserializeOwned + Serialize>(caller: &Caller<'_>, path: &str) -> T {
    same(&caller.get(path).await.with_status(200))
}

#[tokio::test]
async fn every_answer_is_what_the_contract_says() {
    let world = World::new(Setup::new().person("bob", "member").approved_by(1, ["ann", "bob"])).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let operator = world.operator();
    let at = |rest: &str| format!("/api/v1/releases/{release}{rest}");

    let details: ReleaseDetails = get(&operator, &at("")).await;
    assert!(details.release.is_active() && details.release.status.known().is_some());
    let gates: Vec<GateView> = get(&operator, &at("/explain")).await;
    assert!(gates.iter().all(|gate| gate.name.known().is_some() && gate.because.is_some()), "{gates:?}");
    let runs: Vec<RunView> = get(&operator, &at("/runs")).await;
    let last = runs.last().unwrap();
    assert!(last.kind.known().is_some() && last.steps.iter().all(|step| step.kind.known().is_some()), "{last:?}");
    get::<RunView>(&operator, &format!("/api/v1/runs/{}", last.id)).await;
    get::<RunOutput>(&operator, &format!("/api/v1/runs/{}/log", last.id)).await;
    get::<PlanView>(&operator, &at("/plan")).await;
    get::<Vec<EventView>>(&operator, &at("/events")).await;
    get::<ReleasePage>(&operator, "/api/v1/releases").await;
    get::<EventPage>(&operator, "/api/v1/audit").await;
    get::<Verification>(&operator, "/api/v1/audit/verify").await;
    get::<Vec<TokenView>>(&operator, "/api/v1/tokens").await;
    get::<Vec<PersonView>>(&operator, "/api/v1/people").await;
    get::<Vec<HostView>>(&operator, "/api/v1/hosts").await;
    get::<Health>(&operator, "/readyz").await;
    let checked = operator.post("/api/v1/hosts/local/check", &serde_json::json!({})).await;
    let check: HostCheck = same(&checked.with_status(200));
    let is_known = |finding: &Finding| finding.state.known().is_some() && finding.because.is_some();
    assert!(check.findings.iter().all(is_known), "{check:?}");
    let locked =
        operator.post(&format!("/api/v1/services/{SHOP}/lock"), &serde_json::json!({ "reason": "sale" })).await;
    assert!(same::<ServiceDetails>(&locked.with_status(200)).service.production.lock.unwrap().because.is_some());
    get::<Vec<ServiceView>>(&operator, "/api/v1/services").await;
    same::<Problem>(&operator.post(&at("/rollback"), &serde_json::json!({ "reason": "no" })).await);
    same::<Problem>(&operator.get("/api/v1/releases/999").await);
}
