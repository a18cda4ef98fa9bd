//! What the tests of several rooms share: an engine over a new database, without services.

use std::path::Path;
use std::sync::Arc;

use super::catalog::Catalog;
use super::clock::Clock;
use super::{Engine, Ports};
use crate::clients::health::Prober;
use crate::clients::local::Local;
use crate::clients::local::place::RunPlace;
use crate::store::{Store, StoreOptions};

/// An engine whose database is `rmm.db` in a folder.
pub(crate) fn engine_in(folder: &Path, clock: Arc<dyn Clock>) -> Engine {
    let store = Store::open(&StoreOptions::new(folder.join("rmm.db"), folder.join("audit.key"))).unwrap();
    let ports = Ports {
        local: Arc::new(Local::new()),
        prober: Prober::new().unwrap(),
        run_place: RunPlace::at("/nowhere"),
        instance: "test".into(),
        generation: 1,
        process: "test".into(),
    };
    Engine::new(store, Catalog::default(), clock, ports)
}
