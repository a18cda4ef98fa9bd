//! Tags and commits of a repository.

use super::*;

const COMMIT: &str = "c0ffee0000000000000000000000000000000001";
const OBJECT: &str = "0b1ec70000000000000000000000000000000001";

fn named(name: &str, kind: &str, sha: &str) -> Value {
    json!({ "ref": format!("refs/tags/{name}"), "node_id": "R", "url": "https://x", "object": { "type": kind, "sha": sha, "url": "https://x" } })
}

fn annotated(kind: &str, sha: &str) -> Reply {
    says(200, &json!({ "tag": "v2", "sha": OBJECT, "object": { "type": kind, "sha": sha } }))
}

fn found(id: &str, object: Option<&str>) -> FoundTag {
    FoundTag { id: id.into(), is_commit: true, object: object.map(ToOwned::to_owned) }
}

#[tokio::test]
async fn a_tag_is_found_by_its_whole_name_and_followed_to_its_commit() {
    let peer = Peer::start().await;
    let github = peer.client();
    let tags = |name: &str| format!("GET /repos/acme/shop/git/matching-refs/tags%2F{name}");
    peer.answers(&tags("v1"), says(200, &json!([named("v1", "commit", COMMIT), named("v1.1", "commit", OBJECT)])));
    assert_eq!(github.tag(&repo(), "v1").await, Ok(Some(found(COMMIT, None))));
    peer.answers(&tags("shop%2Fv2"), says(200, &json!([named("shop/v2", "tag", OBJECT)])));
    peer.answers(&format!("GET /repos/acme/shop/git/tags/{OBJECT}"), annotated("commit", COMMIT));
    for _ in 0..2 {
        assert_eq!(github.tag(&repo(), "shop/v2").await, Ok(Some(found(COMMIT, Some(OBJECT)))));
    }
    assert_eq!(peer.lines().iter().filter(|line| line.contains("/git/tags/")).count(), 1, "it cannot change");
    // It has others that begin so, none at all, or is not to be seen.
    peer.answers(&tags("v3"), says(200, &json!([named("v3.1", "commit", COMMIT)])));
    peer.answers(&tags("v4"), refuses(409, "Git Repository is empty."));
    assert_eq!(github.tag(&repo(), "v3").await, Ok(None));
    assert_eq!(github.tag(&repo(), "v4").await, Ok(None));
    let hidden = GithubFault::NotFound { what: Sought::Repository { repo: repo() } };
    assert_eq!(github.tag(&repo(), "v5").await, Err(hidden));
    peer.answers(&tags("key"), says(200, &json!([named("key", "blob", COMMIT)])));
    assert_eq!(github.tag(&repo(), "key").await.unwrap().map(|found| found.is_commit), Some(false));
}

#[tokio::test]
async fn all_tags_are_listed_with_few_questions() {
    let peer = Peer::start().await;
    let github = peer.client();
    let all = "GET /repos/acme/shop/git/matching-refs/tags";
    let object = |number: usize| format!("{number:040x}");
    let refs = |range: std::ops::Range<usize>| {
        let named = range.map(|number| named(&format!("v{number}"), "tag", &object(number)));
        Value::Array(named.collect())
    };
    let next = "<https://api.github.com/repositories/7/git/matching-refs/tags?page=2>; rel=\"next\"";
    peer.answers(all, says(200, &refs(0..30)).with("link", next));
    peer.answers(all, says(200, &refs(30..40)));
    let listed: Vec<_> =
        (0..40).map(|number| json!({ "name": format!("v{number}"), "commit": { "sha": COMMIT } })).collect();
    peer.answers("GET /repos/acme/shop/tags", says(200, &json!(listed)));
    let tags = github.tags(&repo()).await.unwrap();
    assert_eq!((tags.len(), &tags[39]), (40, &("v39".to_owned(), found(COMMIT, Some(&object(39))))));
    assert_eq!(peer.asked().len(), 3);
    // From then on only new ones are asked for.
    peer.answers_instead(all, says(200, &refs(0..41)));
    peer.answers(&format!("GET /repos/acme/shop/git/tags/{}", object(40)), annotated("commit", COMMIT));
    assert_eq!(github.tags(&repo()).await.unwrap().len(), 41);
    assert_eq!(peer.asked().len(), 5);
}

#[tokio::test]
async fn a_commit_is_found_by_its_id_or_that_of_a_tag() {
    let peer = Peer::start().await;
    let github = peer.client();
    peer.answers(&format!("GET /repos/acme/shop/git/commits/{COMMIT}"), says(200, &json!({ "sha": COMMIT })));
    peer.answers(&format!("GET /repos/acme/shop/git/tags/{OBJECT}"), annotated("commit", COMMIT));
    assert_eq!(github.commit(&repo(), COMMIT).await, Ok(Some(found(COMMIT, None))));
    assert_eq!(github.commit(&repo(), OBJECT).await, Ok(Some(found(COMMIT, Some(OBJECT)))));
    let nowhere = "dead000000000000000000000000000000000001";
    let hidden = GithubFault::NotFound { what: Sought::Repository { repo: repo() } };
    assert_eq!(github.commit(&repo(), nowhere).await, Err(hidden), "the repository may not be seen");
    let shop = json!({ "id": 7, "full_name": "acme/shop", "default_branch": "main" });
    peer.answers("GET /repos/acme/shop", says(200, &shop));
    assert_eq!(github.commit(&repo(), nowhere).await, Ok(None));
}
