//! Tells the service manager that has started RMM how it is, and its watchdog that RMM works.
//!
//! Must not: be needed. Where no service manager waits for it, nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::engine::Engine;

/// Tells a state.
pub fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "the service manager could not be told how RMM is");
    }
}

/// Says that RMM works, twice in the time that the watchdog waits, as long as the database answers. What it answers does not
/// matter: another start would make a full disk no larger.
pub async fn keep_alive(engine: Engine) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let pause = patience / 2;
    loop {
        let asked = engine.store().write(|_| Ok::<_, crate::store::StoreError>(()));
        if tokio::time::timeout(pause.max(Duration::from_secs(1)), asked).await.is_ok() {
            tell(&NotifyState::Watchdog);
        } else {
            tracing::error!("the database does not answer; the watchdog is not told that RMM works");
        }
        tokio::time::sleep(pause).await;
    }
}
