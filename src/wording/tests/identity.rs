//! Why an id token of CI opens nothing.

use super::*;
use crate::domain::identity::TokenFault;

const SOURCE: &str = include_str!("../../domain/identity.rs");

#[test]
fn every_fault_of_an_id_token_has_words() {
    use TokenFault as F;
    let time = |second| Timestamp::from_second(second).unwrap();
    let issuer = || "https://token.actions.githubusercontent.com".to_owned();
    let workflow = |git_ref: &str| format!("octo/shop/.github/workflows/release.yaml{git_ref}");
    let faults = [
        F::NotAsked,
        F::Malformed,
        F::Algorithm,
        F::UnknownKey { issuer: issuer() },
        F::Signature,
        F::Missing { claim: "run_id".into() },
        F::Odd { claim: "job_workflow_ref".into() },
        F::Issuer { expected: issuer() },
        F::Audience { expected: "https://rmm.example.com".into() },
        F::Expired { at: time(1_800_000_000), now: time(1_800_000_300) },
        F::NotYet { claim: "nbf".into(), at: time(1_800_000_300), now: time(1_800_000_000) },
        F::TooLong { limit: 3600 },
        F::Event { event: "pull_request_target".into() },
        F::Repository { id: 74, name: "octo/shop".into() },
        F::Workflow { workflow: workflow("@refs/heads/main"), trusted: vec![workflow("@refs/tags/*"), workflow("")] },
        F::Used,
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "TokenFault", &faults, |language, fault| language.id_token(fault)));
}
