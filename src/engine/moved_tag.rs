//! A new release whose tag stands for another commit already: the repository is asked before anything follows from it.

use super::source::Source;
use super::{Engine, Failure};
use crate::clients::git::Unresolved;
use crate::domain::cause::Cause;
use crate::domain::command::NewRelease;
use crate::domain::env::Env;
use crate::domain::ids::Commit;
use crate::domain::person::{Actor, Right};
use crate::domain::rule::{Invalid, Rule};
use crate::store::{releases, runs};

impl Engine {
    /// Where a release that is on its way, or what production runs, stands for the same tag at another commit than the new
    /// one, asks the repository which is right, and notes that in `new`. On the caller's word alone nothing is cancelled.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the repository says otherwise, or cannot be asked.
    pub async fn ask_for_moved_tag(&self, actor: &Actor, new: &mut NewRelease) -> Result<(), Failure> {
        actor.may(Right::Create, Some(&new.service), false).map_err(Failure::Refused)?;
        let (Some(tag), Some(told)) = (new.tag.clone(), new.commit.clone()) else { return Ok(()) };
        let catalog = self.catalog();
        let Some(service) = catalog.service(&new.service) else { return Ok(()) };
        let Some(source) = Source::of(&catalog, &new.service) else { return Ok(()) };
        let (name, wanted) = (new.service.clone(), tag.clone());
        let known: Vec<Commit> = self
            .read(move |conn| {
                let candidate = releases::active_candidate(conn, &name, Some(&wanted), None)?;
                let production = runs::environment(conn, &name, Env::Production)?.current;
                let running = production.filter(|version| version.tag.as_ref() == Some(&wanted));
                Ok(candidate
                    .and_then(|release| release.commit)
                    .into_iter()
                    .chain(running.and_then(|it| it.commit))
                    .collect())
            })
            .await?;
        // A newer candidate takes others out, so it has to be there, too.
        if known.iter().all(|commit| *commit == told) && !service.supersede {
            return Ok(());
        }
        match source.resolve(&tag).await {
            Ok(tagged) if tagged.is_meant_by(&told) => {
                (new.commit, new.commit_checked) = (Some(tagged.commit), true);
                Ok(())
            }
            Ok(tagged) => Err(Invalid::new("commit", Rule::CommitOfTag { tag, commit: tagged.commit }).into()),
            Err(Unresolved::NoTag(why)) if known.is_empty() => {
                Err(Invalid::new("tag", Rule::InRepository { why: Box::new(why) }).into())
            }
            // The release waits until the repository says which commit it is, and takes no other release out before.
            Err(Unresolved::ForNow(_)) if known.iter().all(|commit| *commit == told) => {
                new.commit = None;
                Ok(())
            }
            Err(Unresolved::NoTag(why) | Unresolved::ForGood(why) | Unresolved::ForNow(why)) => {
                Err(Cause::TagUnchecked { tag: tag.to_string(), why }.into())
            }
        }
    }
}
