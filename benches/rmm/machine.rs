//! What the numbers were measured on.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use crate::table::median;

/// Where everything is kept: cargo's directory for such things, on the disk that is measured.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Cores, processor, disk and load, in one line.
pub fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    let sync = fdatasync().map_or_else(|error| error.to_string(), |micros| format!("{micros:.0} µs"));
    format!("{cores} cores, {model}; fdatasync of 4 KiB {sync}; load average {}", load())
}

/// The load of the machine over one, five and fifteen minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn fdatasync() -> anyhow::Result<f64> {
    fs::create_dir_all(directory())?;
    let path = directory().join("fdatasync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    Ok(median(times))
}
