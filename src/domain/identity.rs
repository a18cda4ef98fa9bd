//! Who a workflow is that shows an id token of GitHub: what its claims must say, and which services trust it.
//!
//! Must not: read the subject (`sub`), whose form differs between repositories, or believe a name where there is a number.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::pattern::Pattern;
use super::repository::RepoName;
use super::rule::{Invalid, Rule};
use super::text::prose_line;

/// How far the clock of the issuer may be from RMM's.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Tokens that are good for longer are not GitHub's, and would have to be remembered as long.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Characters of a text in a claim at most.
const LONGEST_TEXT: usize = 1000;
/// Events that only those bring about who may write to the repository. All others, also those that GitHub invents one day, may
/// run on code or words of strangers, or after a run that did.
const EVENTS: [&str; 7] =
    ["create", "deployment", "push", "release", "repository_dispatch", "schedule", "workflow_dispatch"];

/// Where workflows lie in their repository.
const FOLDER: &str = "/.github/workflows/";

/// The workflows that a service trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustedWorkflows {
    /// The number of their repository, which no renaming changes and no other repository gets.
    pub repository_id: u64,
    /// Which of them; empty: all.
    pub workflows: Vec<WorkflowRef>,
}

impl TrustedWorkflows {
    /// Whether a workflow is among them, in a run of the repository: `known_as` is what the configuration calls it, `now` what
    /// it is called by now.
    #[must_use]
    pub fn trust(&self, workflow: &str, known_as: Option<&RepoName>, now: &str) -> bool {
        let is_own = |trusted: &WorkflowRef| known_as.is_some_and(|known| known.is(trusted.repository()));
        let fits = |trusted: &WorkflowRef| {
            // A file of the repository itself goes with it when it is renamed; what has the old name then is another one.
            if is_own(trusted) { trusted.fits_in(now, workflow) } else { trusted.fits(workflow) }
        };
        self.workflows.is_empty() || self.workflows.iter().any(fits)
    }
}

/// A file with a workflow, at any or at certain refs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct WorkflowRef {
    path: String,
    git_ref: Option<Pattern>,
}

impl WorkflowRef {
    /// Reads `owner/name/.github/workflows/file.yaml`, and perhaps `@` and a pattern of refs behind it.
    ///
    /// # Errors
    /// [`Invalid`] that says how it is written.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let (path, git_ref) = text.split_once('@').map_or((text, None), |(path, git_ref)| (path, Some(git_ref)));
        let word = |part: &str| {
            !part.is_empty()
                && !part.bytes().all(|b| b == b'.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let parts: Vec<_> = path.split('/').collect();
        let fits = matches!(parts[..], [owner, name, ".github", "workflows", file]
            if word(owner) && word(name) && word(file) && [".yaml", ".yml"].iter().any(|end| file.ends_with(end)));
        if !fits || git_ref.is_some_and(|git_ref| !git_ref.starts_with("refs/") && git_ref != "*") {
            return Err(Invalid::new(field, Rule::Workflow));
        }
        let git_ref = git_ref.map(|git_ref| Pattern::parse(field, git_ref)).transpose()?;
        Ok(Self { path: path.to_owned(), git_ref })
    }

    /// Whether this is the workflow of a token.
    fn fits(&self, workflow: &str) -> bool {
        self.fits_in(self.repository(), workflow)
    }

    /// Whether it is, where its repository has this name now.
    fn fits_in(&self, repository: &str, workflow: &str) -> bool {
        let Some((path, git_ref)) = workflow.split_once('@') else { return false };
        let is_file = path.split_once(FOLDER) == Some((repository, self.file()));
        is_file && self.git_ref.as_ref().is_none_or(|pattern| is_git_ref(git_ref) && pattern.fits(git_ref))
    }

    /// The repository of its file: `owner/name`.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.path.split_once(FOLDER).map_or("", |(repository, _)| repository)
    }

    /// The name of its file.
    #[must_use]
    pub fn file(&self) -> &str {
        self.path.split_once(FOLDER).map_or("", |(_, file)| file)
    }

    /// At which refs it is trusted; none: at any.
    #[must_use]
    pub const fn git_ref(&self) -> Option<&Pattern> {
        self.git_ref.as_ref()
    }
}

/// Whether git could have a ref of this name. What stands for any text in a pattern stands for nothing else.
fn is_git_ref(text: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_whole = !text.contains("..") && !text.contains("@{") && !text.ends_with('.') && !text.contains(is_odd);
    text.starts_with("refs/") && is_whole && text.split('/').all(is_part)
}

impl fmt::Display for WorkflowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.git_ref.as_ref().map_or(Ok(()), |git_ref| write!(f, "@{git_ref}"))
    }
}

impl From<WorkflowRef> for String {
    fn from(workflow: WorkflowRef) -> Self {
        workflow.to_string()
    }
}

/// Why an id token opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`claim` is the name of a claim, `now` what RMM's clock says")]
pub enum TokenFault {
    /// No service trusts any workflow.
    NotAsked,
    /// Not three parts, too long, or no JSON in them.
    Malformed,
    /// Not signed as GitHub signs.
    Algorithm,
    /// The issuer does not have the key that it names.
    UnknownKey { issuer: String },
    /// The signature is not that of the key.
    Signature,
    /// A claim is not there, or is of another kind.
    Missing { claim: String },
    /// There are invisible characters in a claim, so that it looks like another one.
    Odd { claim: String },
    /// Another issuer, or one that does not say who it is.
    Issuer { expected: String },
    /// For another receiver, or for none.
    Audience { expected: String },
    /// Its time is over.
    Expired { at: Timestamp, now: Timestamp },
    /// Its time has not come.
    NotYet { claim: String, at: Timestamp, now: Timestamp },
    /// Good for longer than any of GitHub's.
    TooLong { limit: i64 },
    /// Of a workflow that was started by something that strangers may bring about.
    Event { event: String },
    /// Of a repository that no service names.
    Repository { id: u64, name: String },
    /// Of a workflow that no service of the repository trusts.
    Workflow { workflow: String, trusted: Vec<String> },
    /// It was shown before.
    Used,
}

/// The workflow behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's own name: it counts once.
    pub id: String,
    /// When the token is over, whatever the clocks.
    pub until: Timestamp,
    /// The number of the repository.
    pub repository_id: u64,
    /// What it is called now.
    pub repository: String,
    /// The file with the workflow, and at which ref.
    pub workflow: String,
    /// The workflow's run.
    pub run: ProvenRun,
}

/// The run of CI that speaks, on the word of the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRun {
    /// Its id.
    pub id: String,
    /// Its attempt.
    pub attempt: u32,
    /// The git ref that started it.
    pub git_ref: Option<String>,
    /// The login that started it.
    pub actor: Option<String>,
}

impl Identity {
    /// Reads the claims of a token whose signature is true.
    ///
    /// # Errors
    /// The first claim that is not as it must be.
    pub fn read(claims: &Map<String, Value>, issuer: &str, audience: &str, now: Timestamp) -> Result<Self, TokenFault> {
        let claims = Claims(claims);
        if claims.text("iss").ok() != Some(issuer) {
            return Err(TokenFault::Issuer { expected: issuer.to_owned() });
        }
        // As GitHub writes it: one receiver. Of several, another one could show the token here.
        if claims.text("aud").ok() != Some(audience) {
            return Err(TokenFault::Audience { expected: audience.to_owned() });
        }
        let until = claims.check_times(now)?;
        let event = claims.name("event_name")?;
        if !EVENTS.contains(&event) {
            return Err(TokenFault::Event { event: event.to_owned() });
        }
        let run = ProvenRun {
            id: claims.number("run_id")?.to_string(),
            attempt: u32::try_from(claims.number("run_attempt")?)
                .ok()
                .filter(|attempt| *attempt > 0)
                .ok_or_else(|| missing("run_attempt"))?,
            git_ref: claims.name_if_there("ref")?,
            actor: claims.name_if_there("actor")?,
        };
        Ok(Self {
            id: claims.text("jti")?.to_owned(),
            until,
            repository_id: claims.number("repository_id")?,
            repository: claims.name("repository")?.to_owned(),
            workflow: claims.name("job_workflow_ref")?.to_owned(),
            run,
        })
    }
}

fn missing(claim: &str) -> TokenFault {
    TokenFault::Missing { claim: claim.to_owned() }
}

struct Claims<'c>(&'c Map<String, Value>);

impl<'c> Claims<'c> {
    fn text(&self, name: &str) -> Result<&'c str, TokenFault> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.filter(|text| (1..=LONGEST_TEXT).contains(&text.len())).ok_or_else(|| missing(name))
    }

    /// What something is called, exactly as it stands there: a name that would have to be cleaned is none.
    fn name(&self, name: &str) -> Result<&'c str, TokenFault> {
        let text = self.text(name)?;
        if prose_line(text, LONGEST_TEXT) == text { Ok(text) } else { Err(TokenFault::Odd { claim: name.to_owned() }) }
    }

    /// The same of a claim that may be missing.
    fn name_if_there(&self, name: &str) -> Result<Option<String>, TokenFault> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.name(name).map(|text| Some(text.to_owned())),
        }
    }

    /// GitHub writes numbers as text.
    fn number(&self, name: &str) -> Result<u64, TokenFault> {
        let number = match self.0.get(name) {
            Some(Value::String(text)) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        number.ok_or_else(|| missing(name))
    }

    fn time(&self, name: &str) -> Result<Timestamp, TokenFault> {
        let seconds = self.0.get(name).and_then(Value::as_i64);
        seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| missing(name))
    }

    /// Answers with the moment from which on the token is refused for its age.
    fn check_times(&self, now: Timestamp) -> Result<Timestamp, TokenFault> {
        let (expires, issued, begins) = (self.time("exp")?, self.time("iat")?, self.time("nbf")?);
        let until = expires.saturating_add(SKEW).unwrap_or(expires);
        if now >= until {
            return Err(TokenFault::Expired { at: expires, now });
        }
        for (claim, at) in [("iat", issued), ("nbf", begins)] {
            if at.duration_since(now) > SKEW {
                return Err(TokenFault::NotYet { claim: claim.to_owned(), at, now });
            }
        }
        if expires.duration_since(issued) > LONGEST_LIFE {
            return Err(TokenFault::TooLong { limit: LONGEST_LIFE.as_secs() });
        }
        Ok(until)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://token.actions.githubusercontent.com";
    const NOW: i64 = 1_800_000_000;

    /// The claims of a good token, with some of them others; `null`: not there.
    fn read(other: &Value) -> Result<Identity, TokenFault> {
        let mut claims = json!({
            "iss": ISSUER, "aud": "rmm", "sub": "repo:octo@1/shop@2:ref:refs/tags/v1", "jti": "abc",
            "iat": NOW, "nbf": NOW - 600, "exp": NOW + 300, "event_name": "push", "ref": "refs/tags/v1",
            "repository": "octo/shop", "repository_id": "74", "run_id": "9000", "run_attempt": "2",
            "job_workflow_ref": "octo/shop/.github/workflows/release.yaml@refs/tags/v1",
        });
        for (claim, value) in other.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let mut claims = claims.as_object().unwrap().clone();
        claims.retain(|_, value| !value.is_null());
        Identity::read(&claims, ISSUER, "rmm", Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn a_good_token_names_its_run_whatever_its_subject() {
        let identity = read(&json!({ "sub": "anything at all" })).unwrap();
        let run = ProvenRun { id: "9000".into(), attempt: 2, git_ref: Some("refs/tags/v1".into()), actor: None };
        assert_eq!((identity.repository_id, identity.run), (74, run));
        assert_eq!(identity.until.as_second(), NOW + 360);
        assert!(read(&json!({ "sub": null, "ref": null, "repository_id": 74 })).is_ok());
    }

    #[test]
    fn every_claim_must_be_there_and_of_its_kind() {
        for claim in [
            "iat",
            "nbf",
            "exp",
            "jti",
            "event_name",
            "repository",
            "repository_id",
            "run_id",
            "run_attempt",
            "job_workflow_ref",
        ] {
            for value in [Value::Null, json!(true), json!([]), json!("")] {
                assert_eq!(read(&json!({ claim: value })), Err(missing(claim)), "{claim} {value}");
            }
        }
        for number in [json!("7x"), json!("-7"), json!("+7"), json!(-7), json!(7.5), json!("99999999999999999999999")] {
            assert_eq!(read(&json!({ "repository_id": number })), Err(missing("repository_id")));
        }
        for attempt in [0_u64, 1 << 40] {
            assert_eq!(read(&json!({ "run_attempt": attempt })), Err(missing("run_attempt")));
        }
        for time in [json!(i64::MAX), json!(u64::MAX), json!(1e300)] {
            assert_eq!(read(&json!({ "exp": time })), Err(missing("exp")));
        }
    }

    #[test]
    fn issuer_and_receiver_are_exact_and_must_be_there() {
        for issuer in [Value::Null, json!(format!("{ISSUER}/")), json!("https://evil.example"), json!([ISSUER])] {
            assert_eq!(read(&json!({ "iss": issuer })), Err(TokenFault::Issuer { expected: ISSUER.into() }));
        }
        for audience in [Value::Null, json!("RMM"), json!("rmm "), json!(["rmm"]), json!(["other", "rmm"])] {
            assert_eq!(read(&json!({ "aud": audience })), Err(TokenFault::Audience { expected: "rmm".into() }));
        }
    }

    #[test]
    fn a_token_counts_in_its_time_with_a_minute_for_clocks() {
        for (good, bad, claim) in
            [(NOW - 59, NOW - 60, "exp"), (NOW + 60, NOW + 61, "iat"), (NOW + 60, NOW + 61, "nbf")]
        {
            assert!(read(&json!({ claim: good })).is_ok(), "{claim}");
            let fault = read(&json!({ claim: bad })).unwrap_err();
            assert_eq!(matches!(fault, TokenFault::Expired { .. }), claim == "exp", "{fault:?}");
            assert_eq!(matches!(fault, TokenFault::NotYet { .. }), claim != "exp", "{fault:?}");
        }
        assert!(read(&json!({ "exp": NOW + 3600 })).is_ok());
        assert_eq!(read(&json!({ "exp": NOW + 3601 })), Err(TokenFault::TooLong { limit: 3600 }));
    }

    #[test]
    fn workflows_that_strangers_can_start_are_refused() {
        for event in EVENTS {
            assert!(read(&json!({ "event_name": event })).is_ok(), "{event}");
        }
        for event in [
            "pull_request_target",
            "pull_request",
            "pull_request_review",
            "issue_comment",
            "issues",
            "discussion",
            "fork",
            "watch",
            "workflow_run",
            "gollum",
            "check_run",
            "check_suite",
            "status",
            "deployment_status",
            "merge_group",
            "page_build",
            "label",
            "Push",
            "pushed",
            "an_event_of_later",
        ] {
            assert_eq!(read(&json!({ "event_name": event })), Err(TokenFault::Event { event: event.into() }));
        }
    }

    #[test]
    fn a_name_counts_as_it_stands_there_and_one_that_hides_something_is_none() {
        let workflow = |git_ref: &str| format!("octo/shop/.github/workflows/release.yaml@refs/heads/{git_ref}");
        for odd in
            ["ma\u{200b}in", "main\u{2060}", "\u{202e}main", "\u{feff}main", "main\u{a0}", "ma\u{ad}in", "main\n"]
        {
            let claims = [
                ("job_workflow_ref", workflow(odd)),
                ("ref", format!("refs/heads/{odd}")),
                ("repository", format!("octo/{odd}")),
                ("actor", odd.to_owned()),
                ("event_name", odd.replace("ma", "pu").replace("in", "sh")),
            ];
            for (claim, value) in claims {
                assert_eq!(read(&json!({ claim: value })), Err(TokenFault::Odd { claim: claim.into() }), "{value:?}");
            }
        }
        let identity = read(&json!({ "job_workflow_ref": workflow("m\u{430}in"), "actor": null })).unwrap();
        let trusted = WorkflowRef::parse("workflow", &workflow("main")).unwrap();
        assert!(!trusted.fits(&identity.workflow) && trusted.fits(&workflow("main")));
        for actor in [json!(7), json!(["ann"]), json!("")] {
            assert_eq!(read(&json!({ "actor": actor })), Err(missing("actor")), "who it is must not be left open");
        }
    }

    #[test]
    fn a_workflow_of_the_repository_itself_goes_with_it_when_it_is_renamed() {
        let parse = |text: &str| WorkflowRef::parse("workflow", text).unwrap();
        let of = |repository: &str| format!("{repository}/.github/workflows/release.yaml@refs/heads/main");
        let workflows = vec![parse(&of("octo/shop")), parse(&of("octo/common"))];
        let trusted = TrustedWorkflows { repository_id: 74, workflows };
        let known_as = RepoName::parse("Octo/Shop");
        let trust = |workflow: &str, now: &str| trusted.trust(workflow, known_as.as_ref(), now);
        assert!(trust(&of("octo/shop"), "octo/shop") && trust(&of("octo/store"), "octo/store"));
        assert!(trust(&of("octo/common"), "octo/store"), "the workflow of another repository keeps its name");
        // Who gets the old name afterwards is another one, and so is any other repository with such a file.
        for (workflow, now) in
            [(of("octo/shop"), "octo/store"), (of("evil/store"), "octo/store"), (of("octo/store2"), "octo/store")]
        {
            assert!(!trust(&workflow, now), "{workflow}");
        }
        assert!(
            trusted.trust(&of("octo/shop"), None, "octo/store")
                && !trusted.trust(&of("octo/store"), None, "octo/store")
        );
    }

    #[test]
    fn a_workflow_is_named_with_or_without_refs() {
        let parse = |text: &str| WorkflowRef::parse("workflow", text);
        let at = |git_ref: &str| format!("octo/shop/.github/workflows/release.yaml@{git_ref}");
        let any = parse("octo/shop/.github/workflows/release.yaml").unwrap();
        assert!(any.fits(&at("refs/tags/v1")) && any.fits(&at("refs/heads/main")));
        let tags = parse(&at("refs/tags/v*")).unwrap();
        assert!(
            tags.fits(&at("refs/tags/v1"))
                && !tags.fits(&at("refs/heads/main"))
                && !tags.fits(&at("refs/heads/refs/tags/v1"))
        );
        // What git has no name for fits no pattern.
        for odd in [
            "refs/tags/v1..2",
            "refs/tags/../heads/main",
            "refs/tags//v1",
            "refs/tags/v1/",
            "refs/tags/.v1",
            "refs/tags/v1.lock/x",
            "refs/tags/v1.",
            "refs/tags/v 1",
            "refs/tags/v1@{1}",
            "refs/tags/v*",
            "refs/tags/v1\n",
        ] {
            assert!(!tags.fits(&at(odd)) && !parse(&at("*")).unwrap().fits(&at(odd)), "{odd}");
        }
        assert!(tags.fits(&at("refs/tags/v1/тег@2")) && parse(&at("*")).unwrap().fits(&at("refs/pull/7/merge")));
        for other in
            ["octo/shop/.github/workflows/release.yaml", "octo/other/.github/workflows/release.yaml@refs/tags/v1"]
        {
            assert!(!any.fits(other), "{other}");
        }
        for text in [
            "release.yaml",
            "octo/shop/release.yaml",
            "octo/shop/.github/workflows/release.sh",
            "octo/shop/.github/workflows/a/b.yaml",
            "octo/shop/.github/workflows/release.yaml@v1",
            "octo/shop/.github/workflows/release.yaml@",
            "octo/*/.github/workflows/release.yaml",
            "octo/../.github/workflows/release.yaml",
            "../shop/.github/workflows/release.yaml",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
