//! Run directories: who may act in them, how they come to be and how they go.

use super::*;

on_every_shell!(
    fenced,
    prepare_and_remove,
    generations,
    one_holder,
    a_pipe_in_the_place_of_a_holder_is_told,
    a_run_that_goes_takes_nothing_from_the_next,
    old_directories_are_swept,
    below_the_home_directory,
    what_another_copy_did_is_not_taken_over,
    two_copies_of_a_process,
    an_overtaken_run_takes_no_end_for_its_own,
    the_last_run_is_vouched_for,
    what_an_earlier_run_left_at_work_is_ended,
    a_step_is_as_old_as_the_host_says,
);

async fn fenced(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    assert_eq!(prepare(&host, &host.dir, TOKEN, OLD, &keys(0)).await.unwrap().made, Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    let sink = &mut Seen::at(0);
    for error in [
        prepare(&host, dir, OTHER, OLD, &keys(0)).await.unwrap_err(),
        run(&host, dir, OTHER, &step, 0, sink).await.unwrap_err(),
        stop(&host, dir, OTHER, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, OTHER).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced { .. }), "{error}");
    }
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("1", "true").await.0, Ended::Exited(0));
}

async fn prepare_and_remove(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    // Many at once: one makes it, none fails.
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { prepare(&host, &host.dir, TOKEN, NEW, &keys(3)).await.unwrap().made })
        })
        .collect();
    let mut counts = HashMap::new();
    for task in tries {
        *counts.entry(task.await.unwrap() == Prepared::New).or_insert(0) += 1;
    }
    assert_eq!(counts.get(&true), Some(&1));
    assert!(["0", "1", "2"].iter().all(|key| host.step_file(key, "alive").exists()));
    host.sh("1", "echo").await;
    for _ in 0..2 {
        remove(&host, &host.dir, TOKEN).await.unwrap();
        assert!(!Path::new(host.dir.path()).exists());
    }
    fs::create_dir(host.dir.path()).unwrap();
    fs::write(Path::new(host.dir.path()).join("precious"), "").unwrap();
    let error = remove(&host, &host.dir, TOKEN).await.unwrap_err();
    assert!(matches!(error, StepError::Refused(_)), "{error}");
    let nowhere = RunDir::new("/proc/nowhere").unwrap();
    let error = prepare(&host, &nowhere, TOKEN, NEW, &keys(0)).await.unwrap_err();
    assert!(error.to_string().contains("cannot be made"), "{error}");
}

async fn generations(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let later = Fence { generation: 10, ..TOKEN };
    assert_eq!(prepare(&host, &host.dir, later, OLD, &keys(0)).await.unwrap().made, Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    for error in [
        prepare(&host, dir, TOKEN, OLD, &keys(0)).await.unwrap_err(),
        run(&host, dir, TOKEN, &step, 0, &mut Seen::at(0)).await.unwrap_err(),
        stop(&host, dir, TOKEN, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, TOKEN).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced { .. }), "{error}");
    }
    assert!(!host.file("count").exists());
    assert_eq!(run(&host, dir, later, &step, 0, &mut Seen::at(0)).await.unwrap(), Ended::Exited(0));
    remove(&host, dir, later).await.unwrap();
    assert!(!Path::new(dir.path()).exists());
}

async fn one_holder(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let holder = host.file("runs/holder");
    assert!(fs::read_to_string(&holder).unwrap().starts_with("run-17.a\n"));
    let sibling = RunDir::new(host.file("runs/other").display().to_string()).unwrap();
    let error = prepare(&host, &sibling, OTHER, NEW, &keys(1)).await.unwrap_err();
    assert!(matches!(&error, StepError::Stranger(last) if last == "run-17.a"), "{error}");
    assert!(!Path::new(sibling.path()).exists());
    // A later run of the same RMM takes over; the former one starts nothing.
    let next = Fence { token: "run-18", ..TOKEN };
    let vouching = Known { vouched: &["run-17.a".to_owned()], ..NEW };
    let directory = RunDir::new(host.file("runs/next").display().to_string()).unwrap();
    assert_eq!(host.sh("0", "echo known").await.0, Ended::Exited(0));
    assert_eq!(prepare(&host, &directory, next, vouching, &keys(1)).await.unwrap().made, Prepared::New);
    let error = run(&host, &host.dir, TOKEN, &spec("1", "echo x >>count"), 0, &mut Seen::at(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Fenced { .. }), "{error}");
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("0", "").await, (Ended::Exited(0), b"known\n".to_vec()));
    // Another RMM follows only where it vouches for the last one, also when that is over.
    remove(&host, &host.dir, TOKEN).await.unwrap();
    remove(&host, &directory, next).await.unwrap();
    assert!(fs::read_to_string(&holder).unwrap().starts_with("run-18\n"));
    let error = prepare(&host, &sibling, OTHER, NEW, &keys(1)).await.unwrap_err();
    assert!(matches!(&error, StepError::Stranger(last) if last == "run-18"), "{error}");
    let vouching = Known { vouched: &["run-18".to_owned()], ..NEW };
    assert_eq!(prepare(&host, &sibling, OTHER, vouching, &keys(1)).await.unwrap().made, Prepared::New);
    assert!(fs::read_to_string(&holder).unwrap().starts_with("other-17.a\n"));
    // A holder that names no run binds none.
    remove(&host, &sibling, OTHER).await.unwrap();
    fs::write(&holder, "nonsense\n").unwrap();
    assert_eq!(prepare(&host, &sibling, OTHER, NEW, &keys(1)).await.unwrap().made, Prepared::New);
    let names: Vec<_> = fs::read_dir(host.file("runs")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

async fn a_pipe_in_the_place_of_a_holder_is_told(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let holder = Path::new(host.dir.path()).with_file_name("holder");
    std::fs::remove_file(&holder).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&holder).status().unwrap();
    assert!(made.success());
    let error = prepare(&host, &host.dir, TOKEN, OLD, &keys(0)).await.unwrap_err();
    assert!(error.to_string().contains("is not a file of RMM's"), "{error}");
}

async fn a_run_that_goes_takes_nothing_from_the_next(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    let runs: Vec<_> = (0..25)
        .map(|number| {
            let directory = RunDir::new(host.file(&format!("runs/{number}")).display().to_string()).unwrap();
            (directory, format!("run-{number}"))
        })
        .collect();
    let keys = keys(2);
    let fence = |token| Fence { token, ..TOKEN };
    let all: Vec<_> = runs.iter().map(|(_, token)| token.clone()).collect();
    let known = Known { vouched: &all, ..NEW };
    prepare(&host, &runs[0].0, fence(&runs[0].1), known, &keys).await.unwrap();
    for pair in runs.windows(2) {
        let [(old, former), (new, next)] = pair else { unreachable!() };
        let (gone, made) =
            tokio::join!(remove(&host, old, fence(former)), prepare(&host, new, fence(next), known, &keys));
        gone.unwrap();
        made.unwrap();
        let ended = run(&host, new, fence(next), &spec("1", "true"), 0, &mut Seen::at(0)).await;
        assert_eq!(ended.unwrap(), Ended::Exited(0));
    }
}

async fn old_directories_are_swept(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    for (name, token, age) in [
        ("old", "run-1", "2001-01-01"),
        ("foreign", "other-1", "2001-01-01"),
        ("young", "run-2", "1 day ago"),
        ("no run", "", "2001-01-01"),
    ] {
        let dir = host.file("runs").join(name);
        fs::create_dir_all(dir.join("steps")).unwrap();
        if !token.is_empty() {
            fs::write(dir.join("token"), format!("{token}\n")).unwrap();
        }
        assert!(std::process::Command::new("touch").args(["-d", age]).arg(&dir).status().unwrap().success());
    }
    prepare(&host, &host.dir, TOKEN, NEW, &keys(1)).await.unwrap();
    let kept = |name: &str| host.file("runs").join(name).exists();
    assert!(!kept("old") && kept("foreign") && kept("young") && kept("no run"));
}

async fn below_the_home_directory(shell: &str) {
    let Some(mut host) = Host::bare(shell) else {
        return;
    };
    host.home = Some(("HOME".to_owned(), SecretString::from(host.root.path().display().to_string())));
    host.dir = RunDir::new("~/.rmm/a b.c/1").unwrap();
    prepare(&host, &host.dir, TOKEN, NEW, &keys(1)).await.unwrap();
    assert!(host.file(".rmm/a b.c/1/token").exists());
    let (ended, out) = host.sh("0", "pwd").await;
    assert_eq!((ended, text(&out).trim_end()), (Ended::Exited(0), host.root.path().to_str().unwrap()));
    let env = vec![("HOME".to_owned(), SecretString::from("/"))];
    let (ended, _) = host.run_at(&StepSpec { env, ..spec("1", "true") }, 0).await;
    assert!(matches!(ended, Err(StepError::Invalid(_))));
    remove(&host, &host.dir, TOKEN).await.unwrap();
    assert!(!host.file(".rmm/a b.c/1").exists() && !host.file("~").exists());
}

async fn what_another_copy_did_is_not_taken_over(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let copy = Fence { generation: 8, process: "copy", ..TOKEN };
    assert_eq!(host.sh("0", "echo x >>count").await.0, Ended::Exited(0));
    // For a run that is not on record as prepared, steps that have begun belong to another RMM.
    let error = prepare(&host, &host.dir, copy, NEW, &keys(2)).await.unwrap_err();
    assert!(matches!(error, StepError::Foreign(_)), "{error}");
    assert_eq!(prepare(&host, &host.dir, copy, OLD, &keys(2)).await.unwrap().made, Prepared::Same);
    // And so is a step that this process has never begun; one that it may have begun is found again.
    let step = spec("0", "echo x >>count");
    let error = run(&host, &host.dir, copy, &step, 0, &mut Seen::at(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Foreign(_)), "{error}");
    let again = StepSpec { again: true, ..step };
    let ended = run(&host, &host.dir, copy, &again, 0, &mut Seen::at(0)).await;
    assert_eq!((ended.unwrap(), fs::read_to_string(host.file("count")).unwrap().as_str()), (Ended::Exited(0), "x\n"));
    // Nor is it done once more when it is over.
    remove(&host, &host.dir, copy).await.unwrap();
    let older = Fence { generation: 9, process: "older", ..TOKEN };
    let error = prepare(&host, &host.dir, older, NEW, &keys(2)).await.unwrap_err();
    assert!(matches!(error, StepError::Foreign(_)), "{error}");
    assert!(!Path::new(host.dir.path()).exists());
}

async fn two_copies_of_a_process(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let copy = Fence { process: "copy", ..TOKEN };
    let error = prepare(&host, &host.dir, copy, OLD, &keys(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Fenced { .. }), "{error}");
    assert_eq!(host.sh("0", "true").await.0, Ended::Exited(0));
    // The process that works there learns of it once.
    let seen = TurnedAway { token: "run-17.a".into(), generation: 7, process: "copy".into(), by: None };
    let ready = prepare(&host, &host.dir, TOKEN, OLD, &keys(0)).await.unwrap();
    assert_eq!((ready.made, ready.turned_away), (Prepared::Same, Some(seen.clone())));
    run(&host, &host.dir, copy, &spec("1", "true"), 0, &mut Seen::at(0)).await.unwrap_err();
    assert_eq!(remove(&host, &host.dir, TOKEN).await.unwrap(), Some(seen));
    assert_eq!(remove(&host, &host.dir, TOKEN).await.unwrap(), None);
}

async fn an_overtaken_run_takes_no_end_for_its_own(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let copy = Fence { generation: 8, process: "copy", ..TOKEN };
    let (seen, task) = host.spawn(spec("1", "echo started; while [ ! -e go ]; do sleep 0.02; done"), 0);
    seen.reaches(8).await;
    let ready = prepare(&host, &host.dir, copy, OLD, &keys(2)).await.unwrap();
    assert_eq!(ready.processes, [(7, "one".to_owned()), (8, "copy".to_owned())]);
    let again = StepSpec { again: true, ..spec("1", "false") };
    fs::write(host.file("go"), "").unwrap();
    assert_eq!(run(&host, &host.dir, copy, &again, 0, &mut Seen::at(0)).await.unwrap(), Ended::Exited(0));
    let overtaken = |error: StepError| {
        let StepError::Fenced { by, .. } = error else { panic!("{error}") };
        by
    };
    let by = Successor::Process(8, "copy".into());
    assert_eq!(overtaken(task.await.unwrap().unwrap_err()), by);
    // Its word comes after the other one's last look.
    assert_eq!(remove(&host, &host.dir, copy).await.unwrap(), None);
    protest(&host, &host.dir, TOKEN, &by).await.unwrap();
    let alive = TurnedAway { token: "run-17.a".into(), generation: 7, process: "one".into(), by: Some(by.clone()) };
    assert_eq!(met(&host, &host.dir, copy).await.unwrap(), Some(alive));
    assert_eq!(met(&host, &host.dir, copy).await.unwrap(), None);
    // Files that the other one has deleted were not lost by the host.
    assert_eq!(overtaken(run(&host, &host.dir, TOKEN, &again, 0, &mut Seen::at(0)).await.unwrap_err()), by);
    assert_eq!(overtaken(prepare(&host, &host.dir, TOKEN, OLD, &keys(2)).await.unwrap_err()), by);
    assert!(!Path::new(host.dir.path()).exists());
}

async fn the_last_run_is_vouched_for(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    let known = ["run-1".to_owned(), "run-2-ab".to_owned()];
    let place = |name: &str| RunDir::new(host.file(&format!("runs/{name}")).display().to_string()).unwrap();
    // The former one, from before there were words, may be gone or not.
    for (former, token) in [(None, "run-1"), (Some("run-1"), "run-2-ab"), (Some("run-2-ab"), "run-3-cd")] {
        let (dir, fence) = (place(token), Fence { token, ..TOKEN });
        let ready = prepare(&host, &dir, fence, Known { prepared: false, vouched: &known }, &keys(1)).await.unwrap();
        assert_eq!((ready.made, ready.former.as_deref()), (Prepared::New, former));
    }
    remove(&host, &place("run-3-cd"), Fence { token: "run-3-cd", ..TOKEN }).await.unwrap();
    // A copy of the database gives the number once more, and knows nothing of the other one.
    let (dir, fence) = (place("run-3-ef"), Fence { token: "run-3-ef", ..TOKEN });
    let error = prepare(&host, &dir, fence, Known { prepared: false, vouched: &known }, &keys(1)).await.unwrap_err();
    assert!(matches!(&error, StepError::Stranger(token) if token == "run-3-cd"), "{error}");
    assert!(!Path::new(dir.path()).exists());
    let last = last(&host, &dir, fence).await.unwrap();
    assert_eq!((last.token.as_deref(), last.at_work), (Some("run-3-cd"), 0));
    // Nor does another installation.
    let (dir, fence) = (place("other-1"), Fence { token: "other-1-aa", ..TOKEN });
    let error = prepare(&host, &dir, fence, NEW, &keys(1)).await.unwrap_err();
    assert!(matches!(&error, StepError::Stranger(token) if token == "run-3-cd"), "{error}");
    let known = Known { vouched: &["run-3-cd".to_owned()], ..NEW };
    assert_eq!(prepare(&host, &dir, fence, known, &keys(1)).await.unwrap().former.as_deref(), Some("run-3-cd"));
}

async fn what_an_earlier_run_left_at_work_is_ended(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    let place = |name: &str| RunDir::new(host.file(&format!("runs/{name}")).display().to_string()).unwrap();
    let (old, new) = (Fence { token: "run-1-ab", ..TOKEN }, Fence { token: "run-2-cd", ..TOKEN });
    let elsewhere = Fence { token: "other-1-ab", ..TOKEN };
    prepare(&host, &place("other"), elsewhere, NEW, &keys(1)).await.unwrap();
    let begin = |dir: RunDir, fence: Fence<'static>, key: &str, command: &str| {
        let (host, seen, spec) = (host.clone(), Seen::at(0), spec(key, command));
        let mut sink = seen.clone();
        (seen, tokio::spawn(async move { run(&host, &dir, fence, &spec, 0, &mut sink).await }))
    };
    let (seen, others) = begin(place("other"), elsewhere, "0", "echo up; exec sleep 1000");
    seen.reaches(3).await;
    fs::remove_file(host.file("runs/holder")).unwrap();
    // Removing the mark of another RMM says that it is gone for good.
    let ready = prepare(&host, &place("old"), old, NEW, &keys(4)).await.unwrap();
    assert_eq!(ready.ended, [("other-1-ab".to_owned(), "0".to_owned())]);
    assert_eq!(others.await.unwrap().unwrap(), Ended::Stopped(143));
    // One that ends when it is asked to, one that does not and has a process group of its own, one whose watcher is gone,
    // and one that is through.
    let (seen, gentle) = begin(place("old"), old, "0", "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done");
    seen.reaches(3).await;
    let (seen, deaf) =
        begin(place("old"), old, "1", "timeout 1000 sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done'");
    seen.reaches(3).await;
    let (seen, alone) = begin(place("old"), old, "2", "echo $$; exec sleep 1000");
    seen.reaches(2).await;
    let child: i32 = text(&seen.bytes()).trim().parse().unwrap();
    let claim = fs::read_to_string(host.file("runs/old/steps/2/claim")).unwrap();
    kill("KILL", claim.split(' ').next().unwrap().parse().unwrap());
    assert!(matches!(alone.await.unwrap().unwrap(), Ended::Lost(_)));
    let (_, well) = begin(place("old"), old, "3", "sleep 1000 & echo $! >left");
    well.await.unwrap().unwrap();
    assert_eq!(last(&host, &place("new"), new).await.unwrap().at_work, 3);

    let vouched = ["run-1-ab".to_owned()];
    let known = Known { prepared: false, vouched: &vouched };
    let ready = prepare(&host, &place("new"), new, known, &keys(1)).await.unwrap();
    let mut ended = ready.ended;
    ended.sort();
    let wanted = ["0", "1", "2"].map(|key| ("run-1-ab".to_owned(), key.to_owned()));
    assert_eq!((ready.former.as_deref(), ended), (Some("run-1-ab"), wanted.to_vec()));
    assert!(!alive(child));
    assert_eq!(gentle.await.unwrap().unwrap(), Ended::Stopped(5));
    // Whichever of its processes the shell had waited for.
    assert!(matches!(deaf.await.unwrap().unwrap(), Ended::Stopped(137 | 143)));
    assert_eq!(result(&host, &place("old"), old, "0").await.unwrap(), Ended::Stopped(5));
    assert_eq!(result(&host, &place("old"), old, "3").await.unwrap(), Ended::Exited(0));
    assert!(matches!(result(&host, &place("old"), old, "2").await.unwrap(), Ended::Lost(_)));
    // Nothing starts there any more, and what a step left behind on purpose stays.
    let error = run(&host, &place("old"), old, &spec("9", "true"), 0, &mut Seen::at(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Fenced { .. }), "{error}");
    let left: i32 = fs::read_to_string(host.file("left")).unwrap().trim().parse().unwrap();
    assert!(alive(left));
    kill("KILL", left);
    assert_eq!(last(&host, &place("new"), new).await.unwrap().at_work, 0);
    assert!(prepare(&host, &place("new"), new, OLD, &keys(1)).await.unwrap().ended.is_empty());
    assert!(clear(&host, &place("any"), new).await.unwrap().is_empty());
}

async fn a_step_is_as_old_as_the_host_says(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    assert_eq!(age(&host, &host.dir, TOKEN, "1").await.unwrap(), None);
    let (seen, task) = host.spawn(spec("1", "echo started; while [ ! -e go ]; do sleep 0.02; done"), 0);
    seen.reaches(8).await;
    let young = age(&host, &host.dir, TOKEN, "1").await.unwrap().unwrap();
    assert!(young < Duration::from_secs(60), "{young:?}");
    // As if it had been started when the machine was.
    let claim = fs::read_to_string(host.step_file("1", "claim")).unwrap();
    let mut words: Vec<_> = claim.split(' ').collect();
    words[1] = "0";
    fs::write(host.step_file("1", "claim"), words.join(" ")).unwrap();
    let uptime: f64 = fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse().unwrap();
    let old = age(&host, &host.dir, TOKEN, "1").await.unwrap().unwrap();
    assert!((old.as_secs_f64() - uptime).abs() < 60.0, "{old:?} since {uptime}");
    fs::write(host.file("go"), "").unwrap();
    task.await.unwrap().unwrap();
    fs::write(host.step_file("1", "claim"), "1 2 another-boot one\n").unwrap();
    assert_eq!(age(&host, &host.dir, TOKEN, "1").await.unwrap(), None);
}
