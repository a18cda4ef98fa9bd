//! What runs leave behind when they do not end well, and how it is undone.

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Command, Outcome, Resolution, Said};
use crate::domain::decide::possible_moves;
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::ids::HostName;
use crate::domain::moves::Move;
use crate::domain::person::Actor;
use crate::domain::plan::shell_word;
use crate::domain::run::{Action, RunState, StepKind, StepState, TAG_GONE, TAG_MOVED};
use crate::domain::service::{Dirty, Service, Surface, Target};
use crate::domain::status::Status::*;
use crate::wording::english;

fn two_surfaces() -> Sim {
    Sim::with(|service| {
        service.surfaces.push(surface("bot"));
        service.surfaces[1].migrate_up = None;
        service.surfaces[1].migrate_down = None;
    })
}

#[test]
fn a_failed_production_deploy_takes_back_exactly_what_it_has_touched() {
    let code = ["checkout api v1.0.0", "deploy api v1.0.0", "health api v1.0.0"];
    let all = ["migrate_down api v1.1.0", "checkout api v1.0.0", "deploy api v1.0.0", "health api v1.0.0"];
    let steps = ["fetch", "verify_tag", "checkout", "migrate_up", "deploy", "health"];
    for (index, name) in steps.into_iter().enumerate() {
        let (mut w, old, new) = before_production(Sim::new());
        let run = w.fails_at(PRODUCTION, index as u32);
        assert!(w.steps(run)[index].starts_with(name));
        assert!(w.reason(new).contains("failed with exit status 1"), "{}", w.reason(new));
        match name {
            "fetch" | "verify_tag" => {
                assert_eq!((w.status(new), w.live(PRODUCTION)), (RollbackDone, None));
                assert!(w.reason(new).contains("had not been touched"));
                assert_eq!(w.get(new).rollback_to_tag, None);
            }
            "checkout" => assert_eq!(w.steps(w.live(PRODUCTION).unwrap()), code),
            _ => assert_eq!(w.steps(w.live(PRODUCTION).unwrap()), all),
        }
        w.production_ends_well();
        assert_eq!((w.status(new), w.runs_what(PRODUCTION)), (RollbackDone, Some(old)));
        assert_eq!((w.production().mixed.as_ref(), w.production().lock.as_ref()), (None, None));
    }
}

/// Which migrations of the run that is live will run.
fn migrations_to_run(w: &Sim, kind: Env) -> usize {
    let run = &w.runs[&w.live(kind).unwrap()];
    run.steps.iter().filter(|step| step.kind == StepKind::MigrateUp && step.state == StepState::Pending).count()
}

#[test]
fn what_a_first_release_has_migrated_is_not_migrated_again() {
    let mut w = Sim::new();
    let first = w.release("v1.0.0");
    w.fails_at(STAGE, 4);
    assert_eq!(w.status(first), StageBuildingFailed);
    w.admin(Command::Retry { release: first });
    assert_eq!(migrations_to_run(&w, STAGE), 0);
    w.stage_ends_well();

    w.everybody_approves(first);
    w.fails_at(PRODUCTION, 4);
    assert_eq!(w.status(first), RollbackFailed);
    let anew = w.release("v1.0.0");
    assert_eq!(migrations_to_run(&w, STAGE), 0, "over itself");
    w.stage_ends_well();
    w.everybody_approves(anew);
    assert_eq!(migrations_to_run(&w, PRODUCTION), 0);
    w.production_ends_well();
    assert_eq!((w.status(anew), w.runs_what(PRODUCTION)), (Deployed, Some(anew)));
}

#[test]
fn a_first_release_migrates_again_what_did_not_end_well_or_has_changed() {
    let retried = |bad: u32, change: fn(&mut Sim)| {
        let mut w = Sim::new();
        let first = w.release("v1.0.0");
        w.fails_at(STAGE, bad);
        change(&mut w);
        w.admin(Command::Retry { release: first });
        w
    };
    assert_eq!(migrations_to_run(&retried(3, |_| {}), STAGE), 1, "the migration itself failed");
    let changed = retried(4, |w| w.service.surfaces[0].migrate_up = Some("./migrate otherwise".into()));
    assert_eq!(migrations_to_run(&changed, STAGE), 1);
    let other = retried(4, |w| {
        let other = w.release("v1.0.1");
        w.fails_at(STAGE, 4);
        assert_eq!(w.status(other), StageBuildingFailed);
    });
    assert_eq!(migrations_to_run(&other, STAGE), 1, "another version was there since");
    let elsewhere = retried(4, |w| {
        let host = HostName::parse("host", "new").unwrap();
        w.service.surfaces[0].hosts = vec![Target { host, address: "new".into() }];
    });
    assert_eq!(migrations_to_run(&elsewhere, STAGE), 1, "another host may have another database");
}

#[test]
fn several_surfaces_go_back_in_reverse_order_and_the_untouched_are_left_alone() {
    let (mut w, _, _) = before_production(two_surfaces());
    w.fails_at(PRODUCTION, 4);
    assert_eq!(
        w.steps(w.live(PRODUCTION).unwrap()),
        ["migrate_down api v1.1.0", "checkout api v1.0.0", "deploy api v1.0.0", "health api v1.0.0"],
        "bot has not been touched"
    );
    let (mut w, _, new) = before_production(two_surfaces());
    let last = w.runs[&w.live(PRODUCTION).unwrap()].steps.len() as u32 - 1;
    w.fails_at(PRODUCTION, last);
    assert_eq!(
        w.steps(w.live(PRODUCTION).unwrap()),
        [
            "checkout bot v1.0.0",
            "deploy bot v1.0.0",
            "health bot v1.0.0",
            "migrate_down api v1.1.0",
            "checkout api v1.0.0",
            "deploy api v1.0.0",
            "health api v1.0.0",
        ]
    );
    w.production_ends_well();
    assert_eq!(w.status(new), RollbackDone);
}

#[test]
fn a_deploy_command_that_migrates_on_its_own_is_taken_back_with_migrations() {
    let (mut w, _, _) = before_production(Sim::with(|service| service.surfaces[0].migrate_up = None));
    let deploy = w.index(PRODUCTION, StepKind::Deploy, 0);
    w.fails_at(PRODUCTION, deploy);
    assert_eq!(w.steps(w.live(PRODUCTION).unwrap())[0], "migrate_down api v1.1.0");
}

#[test]
fn a_rehearsal_that_fails_half_way_is_undone_from_where_it_stands() {
    // Migrations down, checkout, deploy, health of the old; checkout, migrations up, deploy, health of the new.
    let expected: [&[&str]; 8] = [
        &["migrate_down api v1.1.0", "checkout api v1.0.0"],
        &["checkout api v1.0.0"],
        &["checkout api v1.0.0"],
        &["checkout api v1.0.0"],
        &["checkout api v1.0.0"],
        &["migrate_down api v1.1.0", "checkout api v1.0.0"],
        &["migrate_down api v1.1.0", "checkout api v1.0.0"],
        &["migrate_down api v1.1.0", "checkout api v1.0.0"],
    ];
    for (index, first_steps) in expected.into_iter().enumerate() {
        let mut w = Sim::new();
        let old = w.ship("v1.0.0");
        let new = w.release("v1.1.0");
        w.follow(STAGE, |_| Some(Outcome::Exited(0)));
        let run = w.fails_at(STAGE, index as u32);
        assert_eq!(w.status(new), StageTestRollbackFailed);
        let back = w.live(STAGE).expect("stage is taken back at once");
        let steps = w.steps(back);
        assert_eq!(steps[..first_steps.len()], *first_steps, "after {}", w.steps(run)[index]);
        assert_eq!(steps.len(), first_steps.len() + 2);
        w.stage_ends_well();
        assert_eq!((w.runs_what(STAGE), w.stage().mixed.as_ref()), (Some(old), None));
        w.ok(&w.actor("mia"), Command::Retry { release: new });
        w.stage_ends_well();
        assert_eq!(w.status(new), ManualTesting);
    }
}

#[test]
fn migrations_go_down_only_with_the_newer_code_checked_out() {
    let (mut w, _, new) = before_production(Sim::new());
    w.fails_at(PRODUCTION, 4);
    let back = w.fails_at(PRODUCTION, 0);
    assert_eq!(w.status(new), RollbackFailed);
    // Anything may have been checked out by hand: the position says what RMM did.
    w.resolve(back, Resolution::Again);
    let again = w.live(PRODUCTION).unwrap();
    assert_eq!(w.steps(again)[..2], ["migrate_down api v1.1.0", "checkout api v1.0.0"]);
    // The old code is checked out, its health fails, and the schema is still newer because the way down was lost.
    w.ends_at(PRODUCTION, 0, Outcome::Lost("host rebooted".into()));
    w.resolve(again, Resolution::Again);
    let third = w.live(PRODUCTION).unwrap();
    assert_eq!(w.steps(third)[0], "migrate_down api v1.1.0");
    w.fails_at(PRODUCTION, 1);
    w.resolve(third, Resolution::Again);
    let fourth = w.live(PRODUCTION).unwrap();
    assert_eq!(w.steps(fourth)[0], "checkout api v1.0.0", "the migrations are down by now");
    w.production_ends_well();
    assert_eq!(w.production().mixed, None);
    assert_eq!(w.production().dirty, None);
}

#[test]
fn a_stage_deploy_over_a_base_that_moved_meanwhile_goes_back_to_what_it_stood_on() {
    let mut w = Sim::new();
    let first = w.ship("v1.0.0");
    let second = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(second);
    // While v1.1.0 goes to production, stage has gone back to v1.0.0 for v1.2.0 and rehearses against it.
    w.works_until(PRODUCTION, 5);
    let third = w.release("v1.2.0");
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    assert_eq!(w.status(third), StageTestRollback);
    w.works_until(STAGE, 2);
    w.production_ends_well();
    assert_eq!(w.runs_what(PRODUCTION), Some(second));
    w.fails_at(STAGE, 2);
    let back = w.live(STAGE).unwrap();
    assert_eq!(w.runs[&back].to.release, first, "the schema of v1.2.0 is down to v1.0.0 already");
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    assert_eq!(w.runs_what(STAGE), Some(first));
    let next = w.release("v1.3.0");
    let forward = w.live(STAGE).unwrap();
    assert_eq!(w.runs[&forward].to.release, second, "then forward to what production runs");
    assert!(w.steps(forward).iter().all(|step| !step.starts_with("verify_tag")));
    w.stage_ends_well();
    assert_eq!(w.status(next), ManualTesting);
}

#[test]
fn the_tag_check_on_stage_cancels_and_in_production_goes_back() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    let check = w.index(STAGE, StepKind::VerifyTag, 0);
    w.ends_at(STAGE, check, Outcome::Exited(TAG_MOVED));
    assert_eq!(w.status(r), Cancelled);
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { to: None, .. })), 1);
    assert_eq!(w.live(STAGE), None, "nothing was touched");

    let (mut w, old, r) = before_production(two_surfaces());
    let check = w.index(PRODUCTION, StepKind::VerifyTag, 1);
    w.ends_at(PRODUCTION, check, Outcome::Exited(TAG_MOVED));
    assert_eq!(w.status(r), ProductionRollback);
    assert!(w.steps(w.live(PRODUCTION).unwrap()).iter().all(|step| step.contains(" api ")));
    w.production_ends_well();
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (RollbackDone, Some(old)));
}

#[test]
fn a_tag_that_is_gone_is_told_as_such_on_its_way_there() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    let check = w.index(STAGE, StepKind::VerifyTag, 0);
    w.ends_at(STAGE, check, Outcome::Exited(TAG_GONE));
    assert_eq!(w.status(r), Cancelled);
    assert_eq!(w.reason(r), "verify tag of api on stage found that the tag is gone from the repository");
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { to: None, gone: true, .. })), 1);

    let running = w.ship("v1.1.0");
    let next = w.release("v1.2.0");
    w.stage_ends_well();
    for release in [running, next] {
        w.ok(&Actor::Machine, Command::TagMoved { release, now: None });
    }
    assert_eq!((w.status(running), w.status(next)), (Deployed, Cancelled));
    assert_eq!(w.reason(next), "the tag v1.2.0 is gone from the repository");
}

#[test]
fn the_last_words_of_a_command_are_its_reason_and_work_by_hand_is_on_the_record() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    let run = w.works_until(STAGE, 0);
    let said = Said {
        last: Some("fatal: no room".into()),
        tool: None,
        known: None,
        by_hand: vec!["changed x".into()],
        kept: Vec::new(),
        untouched: false,
    };
    w.ok(&Actor::Machine, Command::StepEnded { run, step: 0, outcome: Outcome::Exited(128), said });
    assert_eq!(w.reason(r), "fetch of api on stage failed with exit status 128: fatal: no room");
    let found = |event: &Event| matches!(event, Event::HandWorkFound { findings, .. } if *findings == ["changed x"]);
    assert_eq!(w.happened(found), 1);
}

#[test]
fn a_plan_names_folder_and_code_and_on_its_way_back_says_so() {
    let odd = |service: &mut Service| {
        service.repository = Some("ssh://git@host/it's;here.git".into());
        service.surfaces[0].directory = Some("/srv/a $(b)".into());
        service.surfaces[0].dirty = Dirty::Refuse;
    };
    let mut w = Sim::with(odd);
    let r = w.ship("v1.0.0");
    let commands = |w: &Sim, run| -> Vec<String> {
        let scripts = w.runs[&run].steps.iter().filter_map(|step| match &step.action {
            Action::Command { script, .. } if script.tools => Some(script),
            Action::Command { .. } | Action::Health { .. } => None,
        });
        scripts.map(|script| script.command.clone()).collect()
    };
    let code = |tag: &str| format!("--tag {tag} --commit {}", commit(tag));
    let from = r#"--from "ssh://git@host/it's;here.git""#;
    let next = w.release("v1.1.0");
    let forward = commands(&w, w.live(STAGE).unwrap());
    let there = code("v1.1.0");
    assert_eq!(
        forward,
        [
            format!(
                "rmm_room auto '/srv/a $(b)'\nrmm_compose_place '/srv/a $(b)' ab named\n\
                 rmm_fetch '/srv/a $(b)' {from} {there} --dirty refuse"
            ),
            format!("rmm_verify_tag '/srv/a $(b)' {there}"),
            format!(
                "rmm_checkout '/srv/a $(b)' {from} {there} --dirty refuse\n\
                 rmm_compose_ask '/srv/a $(b)' name {}",
                shell_word("cd '/srv/a $(b)' && rmm_ask docker compose")
            ),
        ]
    );
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    let rehearsal = commands(&w, w.live(STAGE).unwrap());
    assert_eq!(rehearsal[0], format!("rmm_checkout '/srv/a $(b)' {from} {} --back", code("v1.0.0")));
    assert_eq!(rehearsal[1], forward[2]);
    assert!(w.get(next).commit.is_some() && w.get(r).commit.is_some());
}

#[test]
fn an_abort_ends_the_step_and_goes_back() {
    let (mut w, old, r) = before_production(Sim::new());
    let abort = |force| Command::Abort { release: r, reason: "500s".into(), force };
    assert_eq!(w.admin_refused(abort(false)).code, Code::IllegalTransition);
    let run = w.works_until(PRODUCTION, 4);
    assert_eq!(w.refused(&w.actor("ann"), abort(false)).code, Code::Forbidden);
    w.admin(abort(false));
    assert_eq!(w.status(r), Deploying);
    let try_more = w.refused(&Actor::Machine, Command::TryStep { run, step: 4 });
    assert_eq!(try_more.code, Code::RunEnding);
    w.ends_at(PRODUCTION, 4, Outcome::Stopped);
    assert_eq!(w.status(r), ProductionRollback);
    w.production_ends_well();
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (RollbackDone, Some(old)));
    assert_eq!(w.reason(r), "aborted by root: 500s");
    assert_eq!(w.production().lock, None);
}

#[test]
fn a_step_that_ends_well_in_spite_of_an_abort_is_taken_back_too() {
    let (mut w, _, r) = before_production(Sim::new());
    w.works_until(PRODUCTION, 5);
    w.admin(Command::Abort { release: r, reason: "500s".into(), force: false });
    w.ends_at(PRODUCTION, 9, Outcome::Stopped);
    assert_eq!(w.status(r), ProductionRollback);
}

#[test]
fn the_first_production_deploy_that_fails_ends_in_rollback_failed_with_the_reason() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.everybody_approves(r);
    w.fails_at(PRODUCTION, 4);
    assert_eq!((w.status(r), w.live(PRODUCTION)), (RollbackFailed, None));
    assert!(w.reason(r).contains("nothing to go back to") && w.reason(r).contains("deploy of api on production"));
    let next = w.ship("v1.0.1");
    assert_eq!(w.runs_what(PRODUCTION), Some(next));
}

#[test]
fn a_first_production_deploy_that_changed_nothing_leaves_production_as_it_was_and_may_be_retried() {
    let untouched = Said { last: Some("no room".into()), untouched: true, ..Said::default() };
    // The checkout changed nothing, or files alone; it could not be started; the tag was gone before it.
    for (at, outcome, said) in [
        (2, Outcome::Exited(1), Said::default()),
        (2, Outcome::Exited(1), untouched),
        (2, Outcome::NotStarted("no shell".into()), Said::default()),
        (0, Outcome::Exited(128), Said::default()),
    ] {
        let mut w = Sim::new();
        let r = w.release("v1.0.0");
        w.stage_ends_well();
        w.everybody_approves(r);
        let run = w.works_until(PRODUCTION, at);
        w.ok(&Actor::Machine, Command::StepEnded { run, step: at, outcome, said });
        assert_eq!((w.status(r), w.live(PRODUCTION)), (RollbackDone, None));
        assert!(w.reason(r).ends_with("production had not been touched"), "{}", w.reason(r));
        assert!(w.production().dirty.is_none() && w.production().mixed.is_none() && w.production().current.is_none());
        w.ok(&w.actor("mia"), Command::Retry { release: r });
        w.stage_ends_well();
        w.everybody_approves(r);
        w.production_ends_well();
        assert_eq!(w.runs_what(PRODUCTION), Some(r));
    }
}

#[test]
fn before_there_is_a_version_in_production_stage_still_goes_back_to_what_it_ran() {
    let mut w = Sim::new();
    let first = w.release("v0.1.0");
    w.stage_ends_well();
    w.admin(Command::Reject { release: first, seen: None, reason: "no".into() });
    w.ok(&w.actor("mia"), Command::Retry { release: first });
    w.fails_at(STAGE, 4);
    assert_eq!((w.status(first), w.live(STAGE)), (StageBuildingFailed, None), "over itself");
    let second = w.release("v0.2.0");
    w.fails_at(STAGE, 4);
    assert_eq!(w.status(second), StageBuildingFailed);
    assert_eq!(w.steps(w.live(STAGE).unwrap())[..2], ["migrate_down api v0.2.0", "checkout api v0.1.0"]);
    w.stage_ends_well();
    assert_eq!(w.runs_what(STAGE), Some(first));
}

#[test]
fn a_run_that_cannot_go_on_fails_its_release_even_before_its_first_step() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    let run = w.live(STAGE).unwrap();
    w.ok(&Actor::Machine, Command::RunPrepared { run });
    w.ok(&Actor::Machine, Command::RunFailed { run, reason: "the host key has changed".into() });
    assert_eq!((w.status(r), w.reason(r)), (StageBuildingFailed, "the host key has changed".into()));
    let (mut w, old, r) = before_production(Sim::new());
    let run = w.live(PRODUCTION).unwrap();
    w.ok(&Actor::Machine, Command::RunFailed { run, reason: "the host key has changed".into() });
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (RollbackDone, Some(old)));
}

#[test]
fn a_plan_that_cannot_be_made_says_so_and_blocks_no_other_release() {
    let mut w = Sim::with(|service| service.surfaces[0].deploy = "run {{ nope }}".into());
    let r = w.release("v1.0.0");
    assert_eq!(w.status(r), StageBuildingFailed);
    assert!(w.reason(r).contains("surface api"), "{}", w.reason(r));
    let production_runs = |w: &mut Sim, deploy: &str| {
        let api = Surface { deploy: deploy.into(), ..w.service.surfaces[0].clone() };
        w.service.environments.get_mut(&PRODUCTION).unwrap().surfaces.insert(api.name.clone(), api);
        w.ok(&Actor::Machine, Command::Advance);
        // Its content is another one now.
        w.stage_ends_well();
    };
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    production_runs(&mut w, "run {{ nope }}");
    w.everybody_approves(r);
    assert!(w.live(PRODUCTION).is_none() && w.reason(r).contains("surface api"), "{}", w.reason(r));
    production_runs(&mut w, "fine");
    w.everybody_approves(r);
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn health_checks_by_command_count_their_tries() {
    let mut w = Sim::new();
    w.release("v1.0.0");
    let run = w.works_until(STAGE, 5);
    w.ok(&Actor::Machine, Command::TryStep { run, step: 5 });
    w.ok(&Actor::Machine, Command::TryStep { run, step: 5 });
    assert_eq!(w.runs[&run].steps[5].tries, 2);
    for wrong in [0, 99] {
        assert_eq!(w.refused(&Actor::Machine, Command::TryStep { run, step: wrong }).code, Code::NotFound);
    }
    w.ends_at(STAGE, 5, Outcome::Unhealthy("503".into()));
    assert!(
        matches!(&w.runs[&run].state, RunState::Failed { reason } if english(reason).contains("did not pass: 503"))
    );
}

#[test]
fn a_step_is_answered_once() {
    let mut w = Sim::new();
    w.release("v1.0.0");
    let run = w.works_until(STAGE, 1);
    assert_eq!(w.start_step(run), Some(1), "asked again, it is the same step");
    let ended = || Command::StepEnded { run, step: 1, outcome: Outcome::Exited(0), said: Default::default() };
    w.ok(&Actor::Machine, ended());
    let events = w.record.len();
    w.ok(&Actor::Machine, ended());
    w.ok(&Actor::Machine, Command::StepEnded { run, step: 99, outcome: Outcome::Exited(0), said: Default::default() });
    assert_eq!(w.record.len(), events);
}

#[test]
fn in_a_service_that_has_left_the_configuration_nothing_new_begins() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let waiting = w.release("v1.1.0");
    w.stage_ends_well();
    let next = w.release("v1.2.0");
    w.service.retired = true;
    w.ok(&Actor::Machine, Command::Advance);
    let ann = w.actor("ann");
    let refused = |w: &mut Sim, command| assert_eq!(w.refused(&ann, command).code, Code::ServiceRetired);
    refused(&mut w, Command::Approve { release: waiting, seen: None });
    let new = w.new_release("v1.3.0");
    refused(&mut w, Command::Create(new));
    refused(&mut w, Command::Lock { reason: "sale".into() });
    refused(&mut w, Command::Unlock);
    let offered: Vec<_> = possible_moves(&w.world(), w.get(waiting)).collect();
    assert_eq!(offered, [Move::Reject, Move::Cancel]);
    w.admin(Command::Cancel { release: waiting, reason: "it goes".into() });
    assert_eq!((w.live(STAGE), w.status(next)), (None, Initiated));
    w.service.retired = false;
    w.ok(&Actor::Machine, Command::Advance);
    assert!(w.live(STAGE).is_some(), "it goes on where it was");
}
