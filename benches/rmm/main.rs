//! Measures RMM against its targets: `cargo bench`, or `cargo bench -- post lists pages memory start steps ssh rollback fleet bot record redact original year` for some of it.
//! `RMM_STATIC` names another binary that is measured, such as that of `cargo dist`.
//!
//! Everything is measured on the real binary, started as a process, with the load generator on the same machine, and
//! every answered write on disk. Timing is printed, never asserted: the exit status tells only whether it ran.

mod bare;
mod bot;
mod fleet;
mod hosts;
mod http;
mod lists;
mod machine;
mod memory;
mod original;
mod pages;
mod post;
mod record;
mod redact;
mod rollback;
mod seed;
mod server;
mod ssh;
mod start;
mod steps;
mod table;
mod year;

use std::process::ExitCode;

use crate::table::Table;

type Scenario = (&'static str, fn(&mut Table) -> anyhow::Result<()>);

const SCENARIOS: [Scenario; 14] = [
    ("post", post::measure),
    ("lists", lists::measure),
    ("pages", pages::measure),
    ("memory", memory::measure),
    ("start", start::measure),
    ("steps", steps::measure),
    ("ssh", ssh::measure),
    ("rollback", rollback::measure),
    ("fleet", fleet::measure),
    ("bot", bot::measure),
    ("record", record::measure),
    ("redact", redact::measure),
    ("original", original::measure),
    ("year", year::measure),
];

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let names: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = asked.iter().find(|name| !names.contains(&name.as_str())) {
        eprintln!("there is no benchmark {unknown}; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let mut table = Table::default();
    let mut broken = false;
    println!("{}", machine::line());
    println!("{}", server::binary_line());
    for (name, measure) in SCENARIOS {
        if !asked.is_empty() && !asked.iter().any(|one| one == name) {
            continue;
        }
        eprintln!("… {name}");
        if let Err(error) = measure(&mut table) {
            eprintln!("{name} could not be measured: {error:#}");
            broken = true;
        }
    }
    println!("{table}");
    println!("load average afterwards: {}", machine::load());
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
