//! `oidc` of a service, and what `[github]` says of id tokens.

use super::{parse, problems};

const SERVICE: &str = r#"
[[services]]
name = "shop"
approvals = { minimum = 0 }
environments.stage.driver = "ci"
environments.production.driver = "ci"
"#;

#[test]
fn a_service_trusts_workflows_by_the_number_of_their_repository() {
    let text = format!(
        "[server]\npublic_url = \"https://rmm.example.com/\"\n{SERVICE}oidc = {{ repository_id = 74, workflow = \
         [\"octo/shop/.github/workflows/release.yaml@refs/tags/*\", \"octo/ci/.github/workflows/deploy.yml\"] }}\n"
    );
    let config = parse(&text);
    let trusted = config.services[0].oidc.as_ref().unwrap();
    assert!(trusted.repository_id == 74 && trusted.workflows.len() == 2);
    assert!(!trusted.trust("octo/shop/.github/workflows/release.yaml@refs/heads/main", None, "octo/shop"));
    let effective = config.effective();
    for line in [
        "oidc_issuer = \"https://token.actions.githubusercontent.com\"",
        "oidc_audience = \"https://rmm.example.com\"",
        "oidc = { repository_id = 74, workflow = [\"octo/shop/.github/workflows/release.yaml@refs/tags/*\", \"octo/ci/.github/workflows/deploy.yml\"] }",
    ] {
        assert!(effective.contains(line), "{effective}");
    }
    // Without a service that trusts any, nothing of it is shown.
    assert!(!parse(SERVICE).effective().contains("oidc"));
}

#[test]
fn what_is_wrong_is_named() {
    for (text, said) in [
        (
            format!("{SERVICE}oidc.repository_id = 74\n"),
            "needs `public_url` in [server], or `oidc_audience` in [github]",
        ),
        (
            format!("[github]\noidc_audience = \"rmm\"\n{SERVICE}oidc.workflow = \"a/b/.github/workflows/c.yaml\"\n"),
            "repository_id: is missing",
        ),
        (format!("[github]\noidc_audience = \"rmm\"\n{SERVICE}oidc.repository_id = 0\n"), "must be"),
        (
            format!(
                "[github]\noidc_audience = \"rmm\"\n{SERVICE}oidc = {{ repository_id = 7, workflow = \"c.yaml\" }}\n"
            ),
            "as GitHub names it",
        ),
        ("[github]\noidc_audience = \"\"\n".to_owned(), "must not be empty"),
        ("[github]\noidc_issuer = \"ftp://x\"\n".to_owned(), "must be an http:// or https:// address"),
        ("[github]\noidc_issuer = \"http://issuer.example\"\n".to_owned(), "must begin with https://"),
        ("[github]\noidc_isuer = \"https://x\"\n".to_owned(), "did you mean `oidc_issuer`"),
    ] {
        let problems = problems(&text);
        assert!(problems.iter().any(|problem| problem.contains(said)), "{text}\n{problems:?}");
    }
}
