use serde_json::{Value, json};

use super::*;
use crate::domain::status::{List, Status};

/// A release as an RMM answers it that knows more than this one.
fn newer() -> Value {
    let at = "2026-01-01T00:00:00Z";
    json!({
        "id": 12, "service": "shop", "tag": "v1", "commit": null, "status": "resting", "list": "asleep", "mood": "well",
        "reason": "it rests", "because": {"code": "resting", "bed": 3}, "status_since": at, "attempt": 1, "revision": 7,
        "initiated_by": "ann", "owner": "ann", "ci_run": {"id": "7", "attempt": 1, "runner": "large"}, "tagged_at": null,
        "notes": "", "surfaces": [{"name": "web", "digest": "sha256:1", "size": 5}], "rollback_to_tag": null,
        "created_at": at, "started_at": at, "completed_at": null, "content": "ab", "to_settle": [],
        "approvals": {"needed": 0, "given": [], "missing": [], "votes": []}, "legal": ["wake"],
        "unmet": [{"name": "well_slept", "met": false, "bypassed": false, "sentence": "it slept too little",
            "because": {"code": "slept", "hours": 3}, "how": "let it sleep", "remedy": {"code": "sleep"}}],
    })
}

#[test]
fn what_a_newer_rmm_answers_is_read_as_far_as_it_is_known() {
    let details: ReleaseDetails = serde_json::from_value(newer()).unwrap();
    let ReleaseDetails { release, unmet, .. } = details;
    assert_eq!((release.status.known(), release.status.to_string()), (None, "resting".to_owned()));
    assert!(!release.is_active() && release.because.is_none() && release.reason.as_deref() == Some("it rests"));
    assert_eq!(release.ci_run.unwrap().id, "7");
    assert_eq!(release.surfaces[0].digest.as_deref(), Some("sha256:1"));
    assert_eq!((unmet[0].name.to_string(), &unmet[0].because), ("well_slept".to_owned(), &None));
    assert_eq!(serde_json::to_value(&unmet[0].name).unwrap(), "well_slept");
}

#[test]
fn what_an_older_rmm_answers_is_read() {
    let mut older = newer();
    for missing in ["content", "to_settle", "because"] {
        older.as_object_mut().unwrap().remove(missing);
    }
    older["unmet"][0].as_object_mut().unwrap().remove("because");
    (older["status"], older["list"]) = ("deployed".into(), "successful".into());
    let details: ReleaseDetails = serde_json::from_value(older).unwrap();
    assert!(details.release.status == Status::Deployed && details.release.list == List::Successful);
    let host =
        json!({"name": "a", "address": null, "user": null, "key": "trusted", "fingerprint": null, "services": []});
    assert!(serde_json::from_value::<HostView>(host).unwrap().jump.is_empty());
}
