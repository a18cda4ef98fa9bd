//! Run directories: who may act in them, how they come to be and how they go.

use super::*;

on_every_shell!(
    fenced,
    prepare_and_remove,
    generations,
    one_holder,
    a_run_that_goes_takes_nothing_from_the_next,
    old_directories_are_swept,
    below_the_home_directory,
);

async fn fenced(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    assert_eq!(prepare(&host, &host.dir, TOKEN, &keys(0)).await.unwrap(), Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    let sink = &mut Seen::at(0);
    for error in [
        prepare(&host, dir, OTHER, &keys(0)).await.unwrap_err(),
        run(&host, dir, OTHER, &step, 0, sink).await.unwrap_err(),
        stop(&host, dir, OTHER, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, OTHER).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced(_)), "{error}");
    }
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("1", "true").await.0, Ended::Exited(0));
}

async fn prepare_and_remove(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    // Many at once: one makes it, nobody fails.
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { prepare(&host, &host.dir, TOKEN, &keys(3)).await.unwrap() })
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
    let error = prepare(&host, &nowhere, TOKEN, &keys(0)).await.unwrap_err();
    assert!(error.to_string().contains("cannot be made"), "{error}");
}

async fn generations(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let later = Fence { generation: 10, ..TOKEN };
    assert_eq!(prepare(&host, &host.dir, later, &keys(0)).await.unwrap(), Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    for error in [
        prepare(&host, dir, TOKEN, &keys(0)).await.unwrap_err(),
        run(&host, dir, TOKEN, &step, 0, &mut Seen::at(0)).await.unwrap_err(),
        stop(&host, dir, TOKEN, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, TOKEN).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced(_)), "{error}");
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
    let error = prepare(&host, &sibling, OTHER, &keys(1)).await.unwrap_err();
    let file = holder.display().to_string();
    assert!(matches!(&error, StepError::Held { holder, file: f } if holder == "run-17.a" && *f == file), "{error}");
    assert!(!Path::new(sibling.path()).exists());
    // A later run of the same RMM takes over; the former one starts nothing.
    let next = Fence { token: "run-18", ..TOKEN };
    let directory = RunDir::new(host.file("runs/next").display().to_string()).unwrap();
    assert_eq!(host.sh("0", "echo known").await.0, Ended::Exited(0));
    assert_eq!(prepare(&host, &directory, next, &keys(1)).await.unwrap(), Prepared::New);
    let error = run(&host, &host.dir, TOKEN, &spec("1", "echo x >>count"), 0, &mut Seen::at(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Fenced(_)), "{error}");
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("0", "").await, (Ended::Exited(0), b"known\n".to_vec()));
    // A holder whose directory is gone does not count.
    remove(&host, &host.dir, TOKEN).await.unwrap();
    remove(&host, &directory, next).await.unwrap();
    assert!(fs::read_to_string(&holder).unwrap().starts_with("run-18\n"));
    assert_eq!(prepare(&host, &sibling, OTHER, &keys(1)).await.unwrap(), Prepared::New);
    assert!(fs::read_to_string(&holder).unwrap().starts_with("other-17.a\n"));
    let names: Vec<_> = fs::read_dir(host.file("runs")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
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
    let fence = |token| Fence { token, generation: 7 };
    prepare(&host, &runs[0].0, fence(&runs[0].1), &keys).await.unwrap();
    for pair in runs.windows(2) {
        let [(old, former), (new, next)] = pair else { unreachable!() };
        let (gone, made) = tokio::join!(remove(&host, old, fence(former)), prepare(&host, new, fence(next), &keys));
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
    prepare(&host, &host.dir, TOKEN, &keys(1)).await.unwrap();
    let kept = |name: &str| host.file("runs").join(name).exists();
    assert!(!kept("old") && kept("foreign") && kept("young") && kept("no run"));
}

async fn below_the_home_directory(shell: &str) {
    let Some(mut host) = Host::bare(shell) else {
        return;
    };
    host.home = Some(("HOME".to_owned(), SecretString::from(host.root.path().display().to_string())));
    host.dir = RunDir::new("~/.rmm/a b.c/1").unwrap();
    prepare(&host, &host.dir, TOKEN, &keys(1)).await.unwrap();
    assert!(host.file(".rmm/a b.c/1/token").exists());
    let (ended, out) = host.sh("0", "pwd").await;
    assert_eq!((ended, text(&out).trim_end()), (Ended::Exited(0), host.root.path().to_str().unwrap()));
    let env = vec![("HOME".to_owned(), SecretString::from("/"))];
    let (ended, _) = host.run_at(&StepSpec { env, ..spec("1", "true") }, 0).await;
    assert!(matches!(ended, Err(StepError::Invalid(_))));
    remove(&host, &host.dir, TOKEN).await.unwrap();
    assert!(!host.file(".rmm/a b.c/1").exists() && !host.file("~").exists());
}
