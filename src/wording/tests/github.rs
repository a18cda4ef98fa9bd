//! What is in the way at GitHub.

use super::*;
use crate::domain::fault::github::Sought;
use crate::domain::fault::{AnswerFault, CertificateFault, DialFault, DialOutcome, TlsFault};
use crate::domain::repository::RepoName;

const SOURCE: &str = include_str!("../../domain/fault/github.rs");

fn repo() -> RepoName {
    RepoName::parse("acme/shop").unwrap()
}

fn github(language: Language, fault: GithubFault) -> String {
    language.reason(&fault.into())
}

#[test]
fn every_fault_at_github_has_words() {
    use GithubFault as F;
    let asked = || "https://api.github.com".to_owned();
    let workflow = || "on-approve-manual-testing.yaml".to_owned();
    let said = |text: &str| Some(text.to_owned());
    let refused = DialFault::Address { asked: "api.github.com:443".into(), outcome: DialOutcome::Refused };
    let untrusted = |cause| AnswerFault::Tls { fault: TlsFault::Untrusted { cause } };
    let faults = [
        F::Unreached { asked: asked(), cause: Box::new(Reason::NotConnected { fault: refused }) },
        F::Untrusted { asked: asked(), fault: untrusted(CertificateFault::UnknownAuthority) },
        F::Untrusted { asked: asked(), fault: untrusted(CertificateFault::OtherName) },
        F::Late { asked: asked(), limit: Duration::from_secs(20) },
        F::Cut { asked: asked(), said: "connection reset by peer".into() },
        F::Server { status: 502, said: None },
        F::Redirected { status: 301, to: said("https://api.github.com/repositories/7") },
        F::Redirected { status: 307, to: None },
        F::TooLong { limit: 4 * 1024 * 1024 },
        F::Unreadable { said: "`workflow_runs` has another type or is missing".into() },
        F::RateLimited { until: Some(Timestamp::UNIX_EPOCH), said: said("API rate limit exceeded") },
        F::RateLimited { until: None, said: None },
        F::Unauthorized { said: said("Bad credentials") },
        F::Forbidden { said: said("Resource not accessible by integration"), needs: said("actions=write") },
        F::Forbidden { said: said("Repository was archived so is read-only"), needs: None },
        F::AppSuspended { said: said("This installation has been suspended") },
        F::SignOn { url: said("https://github.com/orgs/acme/sso?authorization_request=A") },
        F::SignOn { url: None },
        F::AppNotInstalled { repo: repo() },
        F::AppUnauthorized { said: said("Bad credentials") },
        F::AppRefused { said: said("A JSON web token could not be decoded") },
        F::AppKey,
        F::NotSetUp { said: "no cipher".into() },
        F::NotFound { what: Sought::Repository { repo: repo() } },
        F::NoWorkflow { repo: repo(), workflow: workflow() },
        F::WorkflowDisabled { repo: repo(), workflow: workflow() },
        F::NoDispatchTrigger { repo: repo(), workflow: workflow(), git_ref: "v1.4.0".into() },
        F::NoRef { repo: repo(), git_ref: "v1.4.0".into() },
        F::UnknownInput { workflow: workflow(), said: "Unexpected inputs provided: [\"traceparent\"]".into() },
        F::TooManyInputs { workflow: workflow(), said: "you may only define up to 10 `inputs`".into() },
        F::Invalid { status: 422, said: said("Validation Failed") },
    ];
    let sought = [
        Sought::Repository { repo: repo() },
        Sought::Run { repo: repo(), run: 4711 },
        Sought::File { repo: repo(), path: ".github/workflows/deploy.yml".into(), git_ref: "main".into() },
        Sought::Commits { repo: repo(), base: "v1.3.0".into(), head: "v1.4.0".into() },
        Sought::Path { path: "/repos/acme/shop/hooks".into() },
    ];
    let mut text = catalogue(SOURCE, "GithubFault", &faults, |language, fault| github(language, fault.clone()));
    text +=
        &catalogue(SOURCE, "Sought", &sought, |language, what| github(language, F::NotFound { what: what.clone() }));
    insta::assert_snapshot!(text);
}

#[test]
fn a_fault_at_github_is_stored_and_read_again() {
    let cause = Box::new(Reason::NoAnswer);
    for fault in [
        GithubFault::Unreached { asked: "https://api.github.com".into(), cause },
        GithubFault::NotFound { what: Sought::Run { repo: repo(), run: 7 } },
        GithubFault::RateLimited { until: Some(Timestamp::UNIX_EPOCH), said: None },
    ] {
        let reason = Reason::from(fault);
        assert_eq!(Reason::from_stored(&serde_json::to_string(&reason).unwrap()), reason);
    }
}
