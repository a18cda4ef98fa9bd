use super::*;

const MINUTE: i64 = 60;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * MINUTE).unwrap()
}

fn minutes(minutes: i64) -> Option<SignedDuration> {
    Some(SignedDuration::from_mins(minutes))
}

/// The runs of a service, each some minutes long, tagged at minute 0.
struct Runs(Vec<EndedRun>);

impl Runs {
    fn add(mut self, release: i64, environment: Env, kind: RunKind, went_well: bool, started: i64, ended: i64) -> Self {
        self.0.push(EndedRun {
            service: Arc::new(ServiceName::parse("service", "shop").unwrap()),
            release: ReleaseId(release),
            environment,
            kind,
            went_well,
            created: at(started),
            started: Some(at(started)),
            ended: at(ended),
            tagged: at(0),
        });
        self
    }

    fn deploy(self, release: i64, went_well: bool, started: i64, ended: i64) -> Self {
        self.add(release, Env::Production, RunKind::Deploy, went_well, started, ended)
    }

    fn rollback(self, release: i64, went_well: bool, started: i64, ended: i64) -> Self {
        self.add(release, Env::Production, RunKind::Rollback, went_well, started, ended)
    }

    fn history(self) -> History {
        History::of(self.0)
    }
}

#[test]
fn a_release_that_goes_well_tells_how_long_each_part_took() {
    let runs = Runs(Vec::new())
        .add(1, Env::Stage, RunKind::Deploy, true, 1, 3)
        .add(1, Env::Stage, RunKind::Rehearsal, true, 3, 8)
        .deploy(1, true, 20, 26);
    let deploys = runs.history().deploys;
    let phases = Phases { stage: minutes(2), rehearsal: minutes(5), approval: minutes(12), production: minutes(6) };
    assert_eq!((deploys[0].lead, deploys[0].phases, deploys[0].failure), (minutes(26), phases, None));
}

#[test]
fn a_failed_deploy_recovers_with_its_rollback_and_the_next_one_is_rework() {
    let runs =
        Runs(Vec::new()).deploy(1, false, 0, 5).rollback(1, true, 5, 9).deploy(2, true, 30, 31).deploy(3, true, 40, 41);
    let history = runs.history();
    assert_eq!(history.deploys.iter().map(Deploy::recovery).collect::<Vec<_>>(), [minutes(4), None, None]);
    assert_eq!(history.deploys.iter().map(|deploy| deploy.is_rework).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(history.deploys[0].lead, None, "it never was in production");
    assert_eq!(history.deploys[0].phases.production, minutes(5), "it took its time all the same");
    assert_eq!(history.measures(at(0), at(50)).phases.production, minutes(1), "those that went well");
}

#[test]
fn a_deploy_that_is_rolled_back_later_counts_as_failed_from_the_decision_on() {
    let history = Runs(Vec::new()).deploy(1, true, 0, 5).rollback(1, true, 60, 64).history();
    assert_eq!(history.deploys[0].failure, Some(Failure { seen: at(60), recovered: Some(at(64)) }));
    assert_eq!(history.deploys[0].lead, minutes(5));
}

#[test]
fn where_the_rollback_fails_too_the_next_run_that_goes_well_recovers() {
    let history = Runs(Vec::new()).deploy(1, false, 0, 5).rollback(1, false, 5, 9).deploy(2, true, 30, 35).history();
    assert_eq!(history.deploys[0].recovery(), minutes(30));
    let open = Runs(Vec::new()).deploy(1, false, 0, 5).history();
    assert_eq!(open.deploys[0].failure, Some(Failure { seen: at(5), recovered: None }));
}

#[test]
fn what_touched_nothing_is_no_deploy_and_what_a_rehearsal_caught_none_either() {
    let mut runs = Runs(Vec::new()).deploy(1, false, 0, 1).add(1, Env::Stage, RunKind::Rehearsal, false, 2, 3);
    runs.0[0].started = None;
    let history = runs.history();
    assert_eq!((history.deploys.len(), history.caught.len()), (0, 1));
    assert_eq!(history.measures(at(0), at(10)).failure_rate(), None);
}

#[test]
fn a_period_stands_beside_the_one_before_and_falls_into_parts() {
    let mut runs = Runs(Vec::new());
    for (release, ended) in [(1, 5), (2, 15), (3, 16), (4, 25)] {
        runs = runs.deploy(release, release != 3, ended - 1, ended);
    }
    let insights = Insights::of(&runs.history(), vec![at(10), at(20), at(30)]);
    assert_eq!((insights.all.now.deploys, insights.all.before.deploys), (3, 1));
    assert_eq!(insights.parts.iter().map(|part| part.deploys).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((insights.parts[0].failed, insights.parts[1].rework), (1, 1));
    assert_eq!(insights.services.len(), 1);
    assert_eq!(insights.all.now.lead, minutes(20), "between 15 and 25");
    assert_eq!(Insights::of(&History::default(), Vec::new()).all, Compared::default());
}

#[test]
fn quantiles_lie_between_the_values() {
    let values = [10, 20, 30, 40].map(SignedDuration::from_mins);
    assert_eq!(quantile(&values, 0.5), minutes(25));
    assert_eq!(quantile(&values, 1.0), minutes(40));
    assert_eq!(quantile(&values[..1], 0.9), minutes(10));
    assert_eq!(quantile(&[], 0.5), None);
}
