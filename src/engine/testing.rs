//! What the tests of several rooms share: an engine over a new database, without services.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::catalog::Catalog;
use super::clock::Clock;
use super::{Engine, Ports};
use crate::clients::health::Prober;
use crate::clients::local::Local;
use crate::clients::local::place::RunPlace;
use crate::config::Config;
use crate::store::{Store, StoreOptions};

/// A clock that stands still until it is moved; seconds since the epoch.
pub(crate) struct Hands(pub AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// The catalog of a configuration, with these variables of the environment.
pub(crate) fn catalog_of(text: &str, variables: &[(&str, &str)]) -> Catalog {
    let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Catalog::new(&Config::parse(text, "rmm.toml", Path::new("/"), &env).unwrap())
}

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
