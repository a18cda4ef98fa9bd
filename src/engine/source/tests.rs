//! A repository that only RMM's login at GitHub can read.

use super::*;
use crate::clients::github::stand_in::StandIn;
use crate::engine::testing::catalog_of;
use crate::wording::english;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn catalog(github: &StandIn, repository: &str) -> Catalog {
    let text = format!(
        "[github]\ntoken = \"env:TOKEN\"\napi_url = \"{}\"\n[[services]]\nname = \"shop\"\nrepository = \"{repository}\"\n\
         approvals = {{ minimum = 0 }}\nenvironments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n",
        github.url
    );
    catalog_of(&text, &[("TOKEN", "a-token-for-tests")])
}

fn shop() -> ServiceName {
    ServiceName::parse("service", "shop").unwrap()
}

fn tag(name: &str) -> Tag {
    Tag::parse("tag", name).unwrap()
}

#[tokio::test]
async fn github_is_asked_with_the_login_and_git_is_not() {
    let github = StandIn::start().await;
    github.has_tag("v1", COMMIT);
    let catalog = catalog(&github, &format!("{}/octo/shop", github.url));
    let source = Source::of(&catalog, &shop()).unwrap();
    let (commit, tagged) = (Commit::parse("commit", COMMIT).unwrap(), |object| Tagged {
        commit: Commit::parse("commit", COMMIT).unwrap(),
        object,
    });
    assert_eq!(source.resolve(&tag("v1")).await, Ok(tagged(None)));
    assert_eq!(source.resolve_all(&[tag("v1"), tag("v2")]).await.unwrap().into_keys().collect::<Vec<_>>(), [tag("v1")]);
    assert_eq!(source.find_commit(&commit).await, Ok(tagged(None)));
    assert_eq!(source.tags().await.unwrap().named.into_iter().collect::<Vec<_>>(), [(tag("v1"), commit)]);
    assert_eq!(source.is_commit(&tag("v1")).await, Some(true));
    assert_eq!(source.answers().await, Ok(()));
    let missing = source.resolve(&tag("v2")).await;
    assert!(matches!(missing, Err(Unresolved::NoTag(_))), "{missing:?}");
}

#[tokio::test]
async fn a_github_that_is_away_is_waited_for_and_not_gone_round() {
    let github = StandIn::start().await;
    let catalog = catalog(&github, "octo/shop");
    github.is_away(Some(502));
    let answer = Source::of(&catalog, &shop()).unwrap().resolve(&tag("v1")).await;
    let Err(Unresolved::ForNow(why)) = answer else { panic!("{answer:?}") };
    assert!(english(&why).contains("502"));
}

#[tokio::test]
async fn what_the_login_may_not_see_git_is_asked_for() {
    let github = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let script = "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m a && git tag v1 && git rev-parse v1";
    let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
    let commit = Commit::parse("commit", String::from_utf8(made.stdout).unwrap().trim()).unwrap();
    let catalog = catalog(&github, &folder.path().display().to_string());
    let mut source = Source::of(&catalog, &shop()).unwrap();
    assert!(!source.is_at_github(), "a folder is not at GitHub");
    assert_eq!(source.resolve(&tag("v1")).await, Ok(Tagged { commit: commit.clone(), object: None }));
    let name = RepoName::parse("octo/shop").unwrap();
    source.github = Some((catalog.github().unwrap().unwrap(), name));
    assert_eq!(source.resolve(&tag("v1")).await, Ok(Tagged { commit, object: None }));
}

#[tokio::test]
async fn a_repository_that_github_does_not_show_comes_with_what_to_do() {
    let github = StandIn::start().await;
    let catalog = catalog(&github, &format!("{}/octo/shop", github.url));
    let answer = Source::of(&catalog, &shop()).unwrap().resolve(&tag("v1")).await;
    let Err(Unresolved::ForNow(why)) = answer else { panic!("{answer:?}") };
    assert!(
        english(&why).contains("GitHub has no repository octo/shop, or the token may not see it"),
        "{}",
        english(&why)
    );
}
