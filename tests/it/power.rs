//! The power goes: of what RMM has written, the disk holds what it was made to confirm. The calls of the process are traced, and
//! the files are put together again as they were confirmed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use serde_json::json;

use crate::world::{Setup, World, eventually};

const CALLS: &str = "lseek,write,pwrite64,ftruncate,fdatasync,fsync";

/// Traces the calls that reach files.
fn traced(pid: u32, into: &Path) -> Option<Child> {
    let spawned = Command::new("strace")
        .args(["-f", "-qq", "-y", "-xx", "-s", "200000", "-e", &format!("trace={CALLS}"), "-e", "signal=none", "-o"])
        .arg(into)
        .args(["-p", &pid.to_string()])
        .stderr(Stdio::null())
        .spawn();
    if spawned.is_err() {
        eprintln!("skipped: there is no strace here");
    }
    spawned.ok()
}

/// A file: what the disk has confirmed, and what was written since.
#[derive(Default)]
struct Disk {
    confirmed: Vec<u8>,
    since: Vec<Write>,
}

enum Write {
    At(usize, Vec<u8>),
    Cut(usize),
}

impl Disk {
    fn confirm(&mut self) {
        for write in std::mem::take(&mut self.since) {
            match write {
                Write::At(at, bytes) => {
                    let end = at + bytes.len();
                    self.confirmed.resize(self.confirmed.len().max(end), 0);
                    self.confirmed[at..end].copy_from_slice(&bytes);
                }
                Write::Cut(length) => self.confirmed.resize(length, 0),
            }
        }
    }
}

/// Calls that two lines tell are told in one.
fn calls(trace: &str) -> Vec<String> {
    let (mut begun, mut whole) = (BTreeMap::new(), Vec::new());
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread.to_owned(), beginning.to_owned());
        } else if let Some((_, end)) = call.split_once(" resumed>") {
            whole.extend(begun.remove(thread).map(|beginning: String| beginning + end));
        } else {
            whole.push(call.to_owned());
        }
    }
    whole
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.split("\\x").skip(1).map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}

/// Plays the calls on the files that are known.
fn play(trace: &str, files: &mut BTreeMap<PathBuf, Disk>) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls(trace) {
        let Some((name, rest)) = call.split_once('(') else { continue };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { continue };
        let Some((descriptor, rest)) = arguments.split_once('<') else { continue };
        let Some((path, rest)) = rest.split_once('>') else { continue };
        let path = PathBuf::from(String::from_utf8_lossy(&bytes_of(path)).into_owned());
        let (Some(file), Ok(result)) = (files.get_mut(&path), result.trim().parse::<usize>()) else { continue };
        // Results are aligned by spaces.
        let words: Vec<_> = rest.trim_end().trim_end_matches(')').split(", ").collect();
        let place = places.entry(descriptor.to_owned()).or_default();
        match name {
            "lseek" => *place = result,
            "write" => {
                file.since.push(Write::At(*place, bytes_of(words[1])[..result].to_vec()));
                *place += result;
            }
            "pwrite64" => {
                let at = words[3].parse().unwrap();
                file.since.push(Write::At(at, bytes_of(words[1])[..result].to_vec()));
            }
            "ftruncate" => file.since.push(Write::Cut(words[1].parse().unwrap())),
            _ => file.confirm(),
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_power_was_gone() {
    let world = World::new(Setup::new()).await;
    world.deployed("v1").await;
    let files = ["rmm.db", "rmm.db-wal"].map(|name| world.data().join(name));
    let trace = world.path("trace");
    let Some(mut tracing) = traced(world.pid(), &trace) else { return };
    let write = async |name: &str| {
        world.operator().post("/api/v1/tokens", &json!({ "name": name, "role": "viewer" })).await.ok();
    };
    // Until the trace has begun, what is there counts as confirmed.
    let mut number = 0;
    let begun = eventually("calls are traced", async || {
        number += 1;
        write(&format!("before {number}")).await;
        let is_traced =
            std::fs::read_to_string(&trace).is_ok_and(|text| text.contains("fdatasync") || text.contains("fsync"));
        (is_traced || tracing.try_wait().unwrap().is_some()).then_some(is_traced)
    })
    .await;
    if !begun {
        eprintln!("skipped: processes cannot be traced here");
        return;
    }
    let mut disks: BTreeMap<_, _> = files
        .iter()
        .map(|file| (file.clone(), Disk { confirmed: std::fs::read(file).unwrap(), since: Vec::new() }))
        .collect();
    let mut answered = Vec::new();
    for turn in 0..12 {
        let names: Vec<_> = (0..8).map(|other| format!("answered {turn} {other}")).collect();
        futures_util::future::join_all(names.iter().map(|name| write(name))).await;
        answered.extend(names);
    }
    world.kill();
    tracing.wait().unwrap();
    let text = std::fs::read_to_string(&trace).unwrap();
    play(&text, &mut disks);
    let open: usize = disks.values().map(|disk| disk.since.len()).sum();
    assert!(text.contains("sync("), "{open} writes were not confirmed");
    for (file, disk) in disks {
        std::fs::write(file, disk.confirmed).unwrap();
    }
    let _ = std::fs::remove_file(world.data().join("rmm.db-shm"));
    world.start().await;
    assert_eq!(world.rmm(&["audit", "verify"]).0, Some(0));
    let conn = Connection::open(world.database()).unwrap();
    let mut statement = conn.prepare("SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?1)").unwrap();
    for name in answered {
        assert!(statement.query_row([&name], |row| row.get::<_, bool>(0)).unwrap(), "{name} is lost");
    }
    world.is_sound().await;
}
