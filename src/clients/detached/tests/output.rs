//! The output of steps: how much of it is kept, how it is followed, and who cannot disturb that.

use super::*;

on_every_shell!(
    all_of_a_large_output_is_kept,
    of_too_much_beginning_and_end_are_kept,
    followed_from_part_to_part,
    a_child_that_keeps_the_output_open,
    a_disk_that_takes_no_more,
    marks_of_a_step_are_output,
    what_a_step_writes_beside_its_output_makes_no_success,
);

const MIB: usize = 1 << 20;

/// Output in which every 16 bytes tell their own place.
fn lines(from: usize, to: usize) -> Vec<u8> {
    (from / 16..to / 16).flat_map(|line| format!("{line:015}\n").into_bytes()).collect()
}

/// How much of a step's output lies on the disk.
fn kept(host: &Host) -> u64 {
    let entries = fs::read_dir(host.step_file("1", "")).unwrap().flatten();
    let parts = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with("out"));
    parts.map(|part| part.metadata().unwrap().len()).sum()
}

async fn all_of_a_large_output_is_kept(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let mut data = Vec::with_capacity(16 * MIB);
    let mut state = 1_u64;
    while data.len() < 16 * MIB {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        data.extend_from_slice(&state.to_le_bytes());
    }
    fs::write(host.file("data"), &data).unwrap();
    let (ended, out) = host.sh("1", "cat data; exit 4").await;
    assert_eq!(ended, Ended::Exited(4));
    assert!(out == data, "{} bytes", out.len());
    for offset in [12_345, 9 * MIB + 1, 16 * MIB] {
        let (_, out) = host.run_at(&spec("1", ""), offset as u64).await;
        assert!(out == data[offset..]);
    }
}

async fn of_too_much_beginning_and_end_are_kept(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let size = 64 * MIB;
    fs::write(host.file("data"), lines(0, size)).unwrap();
    // No follower while it is written.
    let (seen, task) = host.spawn(spec("1", "echo up; until [ -e go ]; do sleep 0.02; done; cat data; exit 4"), 0);
    seen.reaches(3).await;
    task.abort();
    let _ = task.await;
    for pid in host.followers() {
        kill("KILL", pid);
    }
    fs::write(host.file("go"), "").unwrap();
    until("the end", || host.step_file("1", "status").exists()).await;

    let all = [b"up\n".as_slice(), &lines(0, size)].concat();
    for offset in [0, 30 * MIB] {
        let seen = Seen::at(offset as u64);
        let ended = run(&host, &host.dir, TOKEN, &spec("1", ""), offset as u64, &mut seen.clone()).await;
        assert_eq!(ended.unwrap(), Ended::Exited(4));
        let (bytes, gaps) = (seen.bytes(), seen.gaps());
        let [(head, missing)] = *gaps else { panic!("{gaps:?}") };
        assert!(offset > 0 || head >= 4 * MIB, "{head}");
        assert_eq!(offset + bytes.len() + missing as usize, all.len());
        assert!(bytes[..head] == all[offset..offset + head]);
        let tail = &bytes[head..];
        assert!(tail.len() >= 15 * MIB && all.ends_with(tail), "{}", tail.len());
    }
    let kept = kept(&host);
    assert!(kept <= 26 << 20, "{kept}");
}

async fn followed_from_part_to_part(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let size = 11 * MIB;
    fs::write(host.file("data"), lines(0, size)).unwrap();
    let (seen, task) = host.spawn(spec("1", "cat data; until [ -e go ]; do sleep 0.02; done; printf end"), 0);
    // All of it is seen while the step is at work.
    seen.reaches(size as u64).await;
    let (late, other) = host.spawn(StepSpec { again: true, ..spec("1", "") }, 5 * MIB as u64);
    late.reaches(size as u64).await;
    assert!(host.step_file("1", "out.4194304").exists());
    fs::write(host.file("go"), "").unwrap();
    assert_eq!((task.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (Ended::Exited(0), Ended::Exited(0)));
    let all = [lines(0, size), b"end".to_vec()].concat();
    assert!(seen.bytes() == all && late.bytes() == all[5 * MIB..]);
    until("the followers' end", || host.followers().is_empty()).await;
}

async fn a_child_that_keeps_the_output_open(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    for (key, said) in [("1", "no newline"), ("2", "lines\n\n"), ("3", "")] {
        let child = "until [ -e go ]; do sleep 0.02; done; echo late && touch written";
        let command = format!("sh -c '{child}' & echo $! >child; printf '{}'; exit 5", said.replace('\n', "\\n"));
        let (ended, out) = host.sh(key, &command).await;
        assert_eq!((ended, &*text(&out)), (Ended::Exited(5), said));
        let child = fs::read_to_string(host.file("child")).unwrap().trim().parse().unwrap();
        assert!(alive(child));
        // It can go on writing, and what it writes is no output of the step.
        fs::write(host.file("go"), "").unwrap();
        until("the child has written", || host.file("written").exists()).await;
        until("the child's end", || !alive(child)).await;
        let (ended, out) = host.sh(key, "").await;
        assert_eq!((ended, &*text(&out)), (Ended::Exited(5), said));
        fs::remove_file(host.file("go")).unwrap();
        fs::remove_file(host.file("written")).unwrap();
    }
}

async fn a_disk_that_takes_no_more(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    // A limit for the size of files, of 32 or 64 KiB, is refused in the same way.
    host.start_with("ulimit -f 64");
    let (ended, out) = host.sh("1", "dd if=/dev/zero bs=65536 count=100 2>/dev/null; echo; touch done; exit 6").await;
    assert_eq!(ended, Ended::Exited(6));
    assert!((1 << 15..=1 << 16).contains(&out.len()), "{}", out.len());
    assert!(host.file("done").exists());
}

async fn marks_of_a_step_are_output(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let noise = "\nrmm:exit:0:0:\nrmm::exit:0:0:\nrmm:00000000000000000000000000000000:exit:0:0:\n";
    let print = format!("printf '{}'", noise.replace('\n', "\\n"));
    let (ended, out) = host.sh("1", &format!("{print}; env | grep rmm_; exit 3")).await;
    assert_eq!((ended, &*text(&out)), (Ended::Exited(3), noise));
    // As a start-up file would write them, into the stream of the answers.
    host.start_with(&format!("{print} >&2"));
    assert_eq!(host.sh("2", "exit 3").await.0, Ended::Exited(3));
}

async fn what_a_step_writes_beside_its_output_makes_no_success(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let files = "cd /proc/$PPID/cwd; echo '0 .' >status; echo '0 .' >end; : >/dev/stdout; echo x >/dev/stderr";
    let (ended, out) = host.sh("1", &format!("echo before; {files}; exit 3")).await;
    assert_eq!((ended, &*text(&out)), (Ended::Exited(3), "before\nx\n"));
    for (key, plant) in [("2", "mkdir status end"), ("3", "ln -s /dev/null status")] {
        let (ended, _) = host.sh(key, &format!("cd /proc/$PPID/cwd; {plant}; exit 3")).await;
        assert_eq!(ended, Ended::Exited(3), "{plant}");
    }
    let (ended, _) = host.sh("4", "cd /proc/$PPID/cwd; echo 0 >stopped; exit 3").await;
    assert_eq!(ended, Ended::Stopped(3));
}

/// A stream of the control without an end and without an answer.
#[tokio::test]
async fn a_line_without_end_is_read_in_bounded_memory_and_the_answer_after_it_is_found() {
    let (mut host, heard) = tokio::io::duplex(1 << 16);
    let speaking = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        host.write_all(b"\nrmm:exit:0:0:\n\nrmm:mark:").await.unwrap();
        for _ in 0..1024 {
            host.write_all(&vec![b'x'; 1 << 16]).await.unwrap();
        }
        for byte in b"\nrmm:mark:exit:7:5:\nab" {
            host.write_all(&[*byte]).await.unwrap();
        }
        host.write_all(b"cde and more").await.unwrap();
        host
    });
    let answer = listen(Box::new(heard), "mark", 0).await.unwrap().unwrap();
    let mut seen = Seen::at(0);
    let output = Output::new(0, &mut seen);
    assert_eq!((answer.word.as_str(), answer.end_of_output(&output)), ("exit", b"abcde".as_slice()));
    speaking.abort();

    let (mut host, heard) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        for _ in 0..64 {
            host.write_all(&vec![b'y'; 1 << 16]).await.unwrap();
        }
    });
    let noise = listen(Box::new(heard), "mark", 0).await.unwrap().unwrap_err();
    assert!(noise.len() < 1 << 17);
    let error = cut(noise, Box::pin(async { Ok(1) })).await.to_string();
    assert!(error.len() < 500, "{error}");
}
