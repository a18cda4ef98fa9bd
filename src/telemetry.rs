//! Logs of RMM itself: readable on a terminal, JSON elsewhere; `RMM_LOG` chooses what (as in `RMM_LOG=debug`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets logging up, once.
pub fn init() {
    let filter = EnvFilter::try_from_env("RMM_LOG").unwrap_or_else(|_| EnvFilter::new("info,refinery_core=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (in tests) changes nothing.
    let _ =
        if std::io::stderr().is_terminal() { builder.with_target(false).try_init() } else { builder.json().try_init() };
}
