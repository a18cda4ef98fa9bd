//! Why verbs that work on files and not through the API are refused, and what to try.

use std::path::Path;

use crate::api_client::Fault;
use crate::domain::fault::cli::{CliFault, CliHint};
use crate::domain::fault::record::RecordFlaw;
use crate::domain::fault::store::StoreFault;
use crate::store::backup::kind::Wrap;

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// RMM uses its data; `then`: a verb to call when it has been stopped.
pub(super) fn running(fault: StoreFault, then: Option<&str>) -> Fault {
    let then = then.map(ToOwned::to_owned);
    Fault::refuses("running", CliFault::Store { fault }).hint(CliHint::StopFirst { then })
}

pub(super) fn database_there(database: &Path) -> Fault {
    Fault::refuses("exists", CliFault::DatabaseThere { file: name(database) }).hint(CliHint::ForceReplacesDatabase)
}

pub(super) fn installation_there(folder: &Path) -> Fault {
    let fault = CliFault::InstallationThere { folder: name(folder) };
    Fault::refuses("exists", fault).hint(CliHint::ForceReplacesInstallation)
}

/// The key of the record is neither here nor there.
pub(super) fn key_missing(here: &Path, there: &Path) -> Fault {
    let fault = CliFault::KeyMissing { here: name(here), there: name(there) };
    Fault::refuses("key_missing", fault).hint(CliHint::BringKey)
}

pub(super) fn other_key(copy: &Path, key: &Path, flaw: RecordFlaw) -> Fault {
    let fault = CliFault::OtherKey { copy: name(copy), key: name(key), flaw };
    Fault::refuses("record_broken", fault).hint(CliHint::ForceRestores)
}

pub(super) fn export_broken(flaw: RecordFlaw) -> Fault {
    Fault::refuses("record_broken", CliFault::ExportBroken { flaw }).hint(CliHint::ForceTakesExport)
}

/// `flaw`: what is wrong with the record, in words.
pub(super) fn record_broken(flaw: String) -> Fault {
    Fault::refused("record_broken", flaw).hint(CliHint::NewKeyMendsNothing)
}

pub(super) fn is_export(file: &Path) -> Fault {
    Fault::refuses("export", CliFault::IsExport { file: name(file) }).hint(CliHint::ImportTakesIt)
}

/// A copy that was packed or encrypted; `open`: the command that undoes it.
pub(super) fn wrapped(file: &Path, how: Wrap, with: &str, open: String) -> Fault {
    let (file, with) = (name(file), with.to_owned());
    let fault = match how {
        Wrap::Encrypted => CliFault::Encrypted { file, with },
        Wrap::Compressed => CliFault::Compressed { file, with },
    };
    Fault::refuses("wrapped", fault).hint(CliHint::OpenFirst { command: open })
}
