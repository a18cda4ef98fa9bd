//! Gates: the conditions that must hold before production, each of which can explain itself.
//!
//! A gate looks, and never changes anything. Adding one is adding a line to [`GATES`].

use serde::{Deserialize, Serialize};

use super::approval::Tally;
use super::release::Release;
use super::run::RunState;
use super::service::EnvironmentKind;
use super::status::Status;
use super::world::{GoodVersion, World};

/// The name of a gate in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// Enough listed people said yes to this commit.
    Approvals,
    /// The rollback to what production runs now was rehearsed.
    FreshRehearsal,
    /// It is known which commit would be deployed.
    CommitKnown,
    /// It would not take production to an older version.
    NotADowngrade,
    /// Nobody has locked production.
    NoLock,
    /// The last way back in production did not fail.
    ProductionClean,
    /// No other release is being deployed or is ahead in the line.
    ProductionFree,
    /// With `auto_promote = false`: an admin said go.
    Promoted,
}

impl GateName {
    /// The name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approvals => "approvals",
            Self::FreshRehearsal => "fresh_rehearsal",
            Self::CommitKnown => "commit_known",
            Self::NotADowngrade => "not_a_downgrade",
            Self::NoLock => "no_lock",
            Self::ProductionClean => "production_clean",
            Self::ProductionFree => "production_free",
            Self::Promoted => "promoted",
        }
    }

    /// Whether an admin can skip it. The others say what is physically possible, or have their own command.
    #[must_use]
    pub const fn can_be_bypassed(self) -> bool {
        match self {
            Self::Approvals | Self::FreshRehearsal | Self::NotADowngrade | Self::NoLock => true,
            Self::CommitKnown | Self::ProductionClean | Self::ProductionFree | Self::Promoted => false,
        }
    }

    /// The release itself has to change (or be cancelled) for this gate to clear: it does not hold up others meanwhile.
    const fn is_its_own_affair(self) -> bool {
        match self {
            Self::CommitKnown | Self::NotADowngrade | Self::Promoted | Self::FreshRehearsal | Self::Approvals => true,
            Self::NoLock | Self::ProductionClean | Self::ProductionFree => false,
        }
    }
}

/// A gate as it stands for one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Gate {
    /// Which.
    pub name: GateName,
    /// It does not stand in the way: the condition holds, or an admin skips it.
    pub met: bool,
    /// An admin skips it.
    pub bypassed: bool,
    /// How it stands, in a sentence.
    pub sentence: String,
    /// Who can clear it and how; none when it is met.
    pub how: Option<String>,
}

/// What one condition says: how it stands, and what would clear it where it is not met.
struct Finding {
    sentence: String,
    how: Option<String>,
}

fn met(sentence: impl Into<String>) -> Finding {
    Finding { sentence: sentence.into(), how: None }
}

fn unmet(sentence: impl Into<String>, how: impl Into<String>) -> Finding {
    Finding { sentence: sentence.into(), how: Some(how.into()) }
}

type Condition = fn(&World, &Release) -> Finding;

const GATES: &[(GateName, Condition)] = &[
    (GateName::Approvals, approvals),
    (GateName::FreshRehearsal, fresh_rehearsal),
    (GateName::CommitKnown, commit_known),
    (GateName::NotADowngrade, not_a_downgrade),
    (GateName::Promoted, promoted),
    (GateName::NoLock, no_lock),
    (GateName::ProductionClean, production_clean),
    (GateName::ProductionFree, production_free),
];

/// Every gate of production for one release.
#[must_use]
pub fn explain(world: &World, release: &Release) -> Vec<Gate> {
    GATES.iter().map(|(name, condition)| evaluate(world, release, *name, *condition)).collect()
}

/// Whether one gate stands open.
#[must_use]
pub fn is_met(world: &World, release: &Release, name: GateName) -> bool {
    GATES.iter().filter(|(n, _)| *n == name).all(|(n, condition)| evaluate(world, release, *n, *condition).met)
}

fn evaluate(world: &World, release: &Release, name: GateName, condition: Condition) -> Gate {
    let mut finding = condition(world, release);
    let made = release.bypasses.iter().find(|bypass| bypass.gate == name);
    let bypass = made.filter(|bypass| bypass.is_about(release, &world.definition));
    if let (Some(_), Some(void), None) = (&finding.how, made, bypass) {
        finding.sentence +=
            &format!(" {} skipped this when it would have brought something else, which counts no more.", void.by);
    }
    match (finding.how, bypass) {
        (None, _) => Gate { name, met: true, bypassed: false, sentence: finding.sentence, how: None },
        (Some(_), Some(bypass)) => Gate {
            name,
            met: true,
            bypassed: true,
            sentence: format!("{} Skipped by {}: {}", finding.sentence, bypass.by, bypass.reason),
            how: None,
        },
        (Some(how), None) => Gate { name, met: false, bypassed: false, sentence: finding.sentence, how: Some(how) },
    }
}

fn approvals(world: &World, release: &Release) -> Finding {
    let tally = world.tally(release);
    let void: Vec<_> = world.approved_something_else(release).cloned().collect();
    let void = if tally.passed() || void.is_empty() {
        String::new()
    } else {
        format!(" {} approved it when it would have brought something else, which counts no more.", names(&void))
    };
    if vote_has_closed(release) && void.is_empty() {
        // A list that changes afterwards opens it no more.
        return met(format!("The vote is closed: {}.", names_or(&tally.given, "it passed")));
    }
    if tally.passed() {
        return met(match tally.needed {
            0 => "No approvals are required.".to_owned(),
            _ => format!("Approved by {} ({}).", names(&tally.given), tally.progress()),
        });
    }
    let rest = tally.needed - tally.given.len();
    let Tally { missing, .. } = &tally;
    let how = if rest > missing.len() {
        "Nobody whose yes counts is in the list (the initiator's own does not); add somebody, or an admin skips this \
         gate (`bypass`)."
            .to_owned()
    } else if rest == missing.len() {
        format!("{} must approve.", names(missing))
    } else {
        format!("{rest} of {} must approve.", names(missing))
    };
    unmet(format!("{} approvals.{void}", tally.progress()), how)
}

fn fresh_rehearsal(world: &World, release: &Release) -> Finding {
    let now = world.production.current.as_ref();
    match (&release.rehearsal, now) {
        (None, _) => unmet("The rollback has not been rehearsed.", rehearsal_waits_for(world)),
        (Some(rehearsal), _) if !rehearsal.is_about(release, &world.definition) => unmet(
            "The release would bring something else than what was rehearsed: its artifacts or the commands of its \
             definition have changed.",
            rehearsal_waits_for(world),
        ),
        (Some(rehearsal), now) if rehearsal.against == now.map(|v| v.release) => met(match now {
            Some(version) => format!("The rollback to {version} has been rehearsed."),
            None => "There is nothing to go back to: the first release.".to_owned(),
        }),
        (Some(_), Some(version)) => unmet(
            format!("Production runs {version} now; the rehearsal went back to something else."),
            rehearsal_waits_for(world),
        ),
        (Some(_), None) => {
            unmet("Production runs nothing now; the rehearsal is out of date.", "It has to be rehearsed again.")
        }
    }
}

/// Who or what brings the rehearsal about.
fn rehearsal_waits_for(world: &World) -> String {
    let run = world.occupying_run(EnvironmentKind::Stage);
    if let Some(unknown) = &world.stage.unknown {
        return format!(
            "It is not known what stage runs ({}); an admin looks and says it: `rmm service settle {} --environment stage`.",
            unknown.reason.trim_end_matches('.'),
            world.service.name
        );
    }
    match (&world.stage.dirty, run.map(|run| (run.id, &run.state))) {
        (Some(dirty), _) => {
            format!(
                "Stage is dirty ({}); an admin repairs it and says so: `resolve` of run {}.",
                dirty.reason, dirty.run
            )
        }
        (None, Some((id, RunState::Unknown { .. }))) => {
            format!("It is not known how run {id} on stage ended; an admin finds out and says so (`resolve`).")
        }
        (None, _) if world.service.stage.driver.is_ours() => "RMM rehearses as soon as stage is free.".into(),
        (None, _) => "The CI system that runs stage has to rehearse it and report `manual_testing`.".into(),
    }
}

fn commit_known(world: &World, release: &Release) -> Finding {
    match (&release.commit, &release.reason) {
        (Some(commit), _) => met(format!("The commit is {}.", commit.short())),
        (None, _) if !world.service.production.driver.is_ours() => met("The CI system knows which commit it deploys."),
        (None, Some(reason)) => unmet(
            format!("It is not known which commit the tag means: {reason}."),
            "RMM goes on asking the repository; or CI sends the commit.",
        ),
        (None, None) => unmet("It is not known yet which commit the tag means.", "RMM is asking the repository."),
    }
}

fn not_a_downgrade(world: &World, release: &Release) -> Finding {
    let Some(current) = &world.production.current else { return met("Production runs nothing yet.") };
    if current.release == release.id {
        return met("Production runs it.");
    }
    let version = |tag: &Option<super::ids::Tag>| {
        tag.as_ref().and_then(|t| semver::Version::parse(t.as_str().trim_start_matches(['v', 'V'])).ok())
    };
    let lower = match (version(&release.tag), version(&current.tag)) {
        (Some(candidate), Some(running)) => candidate < running,
        (Some(_) | None, _) => {
            let same = |good: &GoodVersion| release.commit.is_some() && good.version.commit == release.commit;
            release.commit != current.commit && world.good_before_current().any(same)
        }
    };
    if lower {
        return unmet(
            format!("It is older than {current}, which production runs."),
            format!(
                "An admin takes production back with `rollback` of #{}; a new release is only for going forward.",
                current.release
            ),
        );
    }
    met(format!("It is not older than {current}, which production runs."))
}

fn promoted(world: &World, release: &Release) -> Finding {
    if world.service.approvals.auto_promote {
        return met("Production starts by itself.");
    }
    if release.promoted {
        return met("An admin said go.");
    }
    unmet("Production does not start by itself here.", "An admin says `promote`.")
}

fn no_lock(world: &World, _: &Release) -> Finding {
    match &world.production.lock {
        None => met("Production is not locked."),
        Some(lock) => {
            unmet(format!("Production is locked by {}: {}", lock.by, lock.reason), "An admin unlocks it (`unlock`).")
        }
    }
}

fn production_clean(world: &World, _: &Release) -> Finding {
    if let Some(unknown) = &world.production.unknown {
        return unmet(
            format!("It is not known what production runs: {}.", unknown.reason.trim_end_matches('.')),
            format!(
                "An admin looks and says it: `rmm service settle {} --environment production`.",
                world.service.name
            ),
        );
    }
    match &world.production.dirty {
        None => met("Production is in a known state."),
        Some(dirty) => unmet(
            format!("The last way back in production failed: {}", dirty.reason),
            format!("An admin repairs it and says so: `resolve` of run {}.", dirty.run),
        ),
    }
}

fn production_free(world: &World, release: &Release) -> Finding {
    if let Some(run) = world.occupying_run(EnvironmentKind::Production)
        && run.release != release.id
    {
        return match run.state {
            RunState::Unknown { .. } => unmet(
                format!("It is not known how run {} of #{} in production ended.", run.id, run.release),
                "An admin finds out and says so (`resolve`).",
            ),
            RunState::Queued
            | RunState::Running
            | RunState::Succeeded
            | RunState::Failed { .. }
            | RunState::Stopped { .. } => {
                unmet(format!("Production is busy with #{}.", run.release), "It waits until that has ended.")
            }
        };
    }
    let busy = world
        .releases
        .values()
        .find(|r| r.id != release.id && matches!(r.status, Status::Deploying | Status::ProductionRollback));
    if let Some(other) = busy {
        return unmet(format!("Production is busy with #{}.", other.id), "It waits until that has ended.");
    }
    let ahead = world.line().into_iter().take_while(|r| r.id != release.id).find(|r| own_affairs_in_order(world, r));
    match ahead {
        Some(first) if release.status == Status::ManualTestPassed => unmet(
            format!("#{} is ahead in the line.", first.id),
            "It waits for its turn; an admin can cancel the one ahead.",
        ),
        Some(_) | None => met("Production is free."),
    }
}

/// Whether a waiting release waits for something that clears without it: then the others wait behind it.
fn own_affairs_in_order(world: &World, release: &Release) -> bool {
    GATES
        .iter()
        .filter(|(name, _)| name.is_its_own_affair())
        .all(|(name, condition)| evaluate(world, release, *name, *condition).met)
}

fn vote_has_closed(release: &Release) -> bool {
    match release.status {
        Status::ManualTestPassed
        | Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::RollbackFailed => release.bypasses.iter().all(|bypass| bypass.gate != GateName::Approvals),
        Status::Initiated
        | Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollback
        | Status::StageTestRollbackFailed
        | Status::ManualTesting
        | Status::ManualTestFailed
        | Status::Cancelled => false,
    }
}

fn names_or(people: &[super::ids::PersonName], otherwise: &str) -> String {
    if people.is_empty() { otherwise.to_owned() } else { format!("approved by {}", names(people)) }
}

fn names(people: &[super::ids::PersonName]) -> String {
    people.iter().map(super::ids::PersonName::as_str).collect::<Vec<_>>().join(", ")
}
