//! Why an id token of CI opens nothing, and what to do.

use crate::domain::identity::TokenFault;

use super::list;

/// A sentence that begins small and has no full stop.
pub(in crate::wording) fn id_token(fault: &TokenFault) -> String {
    use TokenFault as F;
    match fault {
        F::NotAsked => "this RMM takes no id tokens: no service has `oidc` in rmm.toml; add it, or use a token of `rmm token create`".to_owned(),
        F::Malformed => "this is neither a token of RMM nor a whole id token; send the token that GitHub gave, unchanged".to_owned(),
        F::Algorithm => "the id token is not signed as GitHub signs (RS256, without extensions); nothing else is taken".to_owned(),
        F::UnknownKey { issuer } => format!(
            "the id token is signed with a key that {issuer} does not have; ask for a new id token, and if that does not help, check \
             whether the workflow runs where `oidc_issuer` says"
        ),
        F::Signature => "the signature of the id token is wrong: it was changed on the way; ask for a new id token".to_owned(),
        F::Missing { claim } => format!("the claim `{claim}` of the id token is missing or is of another kind than GitHub's"),
        F::Odd { claim } => format!("the claim `{claim}` of the id token has invisible characters; names are compared exactly as written"),
        F::Issuer { expected } => format!(
            "the claim `iss` of the id token must be {expected}; if the workflow runs elsewhere, write it as `oidc_issuer` in [github]"
        ),
        F::Audience { expected } => format!("the claim `aud` of the id token must be {expected}; ask for an id token with this audience"),
        F::Expired { at, now } => format!(
            "the claim `exp` of the id token has passed: it was valid until {at}, and RMM's clock says {now}; ask for a new id token right \
             before each call"
        ),
        F::NotYet { claim, at, now } => format!(
            "the claim `{claim}` of the id token lies ahead: it is valid from {at} on, and RMM's clock says {now}; check whether the clock of \
             RMM's machine is right"
        ),
        F::TooLong { limit } => format!("the claim `exp` of the id token lies more than {limit} s behind `iat`; GitHub's are valid for minutes"),
        F::Event { event } => format!(
            "the claim `event_name` of the id token is {event}: outsiders can start such workflows, so they cannot act for a service; start \
             the workflow by a push, a tag, a release, a schedule or by hand"
        ),
        F::Repository { id, name } => format!(
            "the claim `repository_id` of the id token is {id} ({name}), and no service trusts that repository; write \
             `oidc = {{ repository_id = {id} }}` at its service in rmm.toml"
        ),
        F::Workflow { workflow, trusted } => format!(
            "the claim `job_workflow_ref` of the id token is {workflow}, and the service trusts only {}; add it to `workflow` in `oidc`",
            list(trusted)
        ),
        F::Used => "the claim `jti` of the id token was seen before, and each token counts once; ask for a new id token for each call".to_owned(),
    }
}
