//! Services that are defined in the dashboard: each is the text of one `[[services]]` table, which is read behind the file.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::ids::ServiceName;

use super::document::Document;
use super::report::{Origin, Report, Spot};
use super::{Config, ConfigErrors, EnvVars};

/// Bytes of one definition.
const LARGEST: usize = 64 * 1024;

/// The definition of a service as it is kept in the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The service.
    pub service: ServiceName,
    /// One `[[services]]` table.
    pub text: String,
}

/// A configuration of the file and of the dashboard.
#[derive(Debug)]
pub struct Composed {
    /// What holds.
    pub config: Config,
    /// Services of the dashboard that do not hold beside the file, and why.
    pub aside: BTreeMap<ServiceName, ConfigErrors>,
    /// Services of the dashboard that the file defines, too: it wins.
    pub in_file: Vec<ServiceName>,
}

impl Block {
    /// Whether it is one `[[services]]` table of this service, and nothing else.
    fn check(&self) -> Result<(), ConfigErrors> {
        let document = Document::of_block(self);
        let report = Report::new(&document);
        let whole = Origin { path: String::new(), spot: Spot::File };
        if self.text.len() > LARGEST {
            report.error(&whole, ConfigFault::DefinitionTooLong { most: LARGEST });
            return report.finish().map(|_| ());
        }
        let table = match DeTable::parse(&self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                report.not_toml(&error);
                return report.finish().map(|_| ());
            }
        };
        for key in table.keys().filter(|key| key.get_ref() != "services") {
            let place = Origin { path: key.get_ref().to_string(), spot: Spot::Text(key.span()) };
            report.error(&place, ConfigFault::NotOfDefinition);
        }
        let tables = table.get("services").and_then(|value| value.get_ref().as_array());
        match tables {
            Some(tables) if tables.len() == 1 && can_be_continued(&self.text) => {
                let name = tables[0].get_ref().as_table().and_then(|table| table.get("name"));
                if let Some((name, given)) = name.and_then(|name| Some((name, name.get_ref().as_str()?)))
                    && given != self.service.as_str()
                {
                    let place = Origin { path: "services.name".into(), spot: Spot::Text(name.span()) };
                    let fault = ConfigFault::NameStays { service: self.service.clone() };
                    report.error_hint(&place, fault, ConfigHint::TakeOver);
                }
            }
            Some(_) | None => {
                let text = format!("[[services]]\nname = \"{}\"", self.service);
                report.error_hint(&whole, ConfigFault::OneTable, ConfigHint::Write { text });
            }
        }
        report.finish().map(|_| ())
    }
}

/// Whether another `[[services]]` table may follow: not behind `services = […]`.
fn can_be_continued(text: &str) -> bool {
    DeTable::parse(&format!("{text}\n[[services]]\n")).is_ok()
}

impl Config {
    /// This configuration of a file with services of the dashboard behind it. What cannot be looked up is in `unset`.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong.
    fn with_services(&self, blocks: &[&Block], env: &EnvVars) -> Result<Self, ConfigErrors> {
        let wrong: Vec<_> = blocks.iter().filter_map(|block| block.check().err()).flat_map(|errors| errors.0).collect();
        if !wrong.is_empty() {
            return Err(ConfigErrors(wrong));
        }
        let (name, text) = &self.file;
        let file = Document::of_file(name, text);
        if !blocks.is_empty() && !can_be_continued(text) {
            let report = Report::new(&file);
            let place = Origin { path: "services".into(), spot: Spot::File };
            report.error_hint(&place, ConfigFault::ServicesInline, ConfigHint::BeginServices);
            report.finish()?;
        }
        let document = blocks.iter().fold(file, |document, block| document.and(block));
        let config = Self::read(&document, self.source.1.as_ref(), env)?;
        let dashboard = blocks.iter().map(|block| (block.service.clone(), block.text.clone())).collect();
        Ok(Self { file: self.file.clone(), dashboard, ..config })
    }

    /// This configuration of a file together with the services of the dashboard. `accept` has the last word on what is
    /// read. Services that `may_wait` names are put aside where they do not hold; all others must.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong.
    pub fn compose(
        &self,
        blocks: &[Block],
        env: &EnvVars,
        accept: impl Fn(Self) -> Result<Self, ConfigErrors>,
        may_wait: impl Fn(&ServiceName) -> bool,
    ) -> Result<Composed, ConfigErrors> {
        let is_in_file = |block: &&Block| self.services.iter().any(|service| service.name == block.service);
        let (in_file, blocks): (Vec<&Block>, Vec<&Block>) = blocks.iter().partition(is_in_file);
        let in_file = in_file.into_iter().map(|block| block.service.clone()).collect();
        if blocks.is_empty() {
            return Ok(Composed { config: accept(self.clone())?, aside: BTreeMap::new(), in_file });
        }
        let build = |blocks: &[&Block]| accept(self.with_services(blocks, env)?);
        let all = build(&blocks);
        let (waiting, mut taken): (Vec<&Block>, Vec<&Block>) =
            blocks.into_iter().partition(|block| may_wait(&block.service));
        let mut aside = BTreeMap::new();
        if all.is_ok() || waiting.is_empty() {
            return Ok(Composed { config: all?, aside, in_file });
        }
        let mut config = build(&taken)?;
        for block in waiting {
            taken.push(block);
            match build(&taken) {
                Ok(more) => config = more,
                Err(errors) => {
                    taken.pop();
                    aside.insert(block.service.clone(), errors);
                }
            }
        }
        Ok(Composed { config, aside, in_file })
    }
}

/// The name of the one service that a text defines, where it says one.
#[must_use]
pub fn service_named_in(text: &str) -> Option<String> {
    let table = DeTable::parse(text).ok()?.into_inner();
    let DeValue::Array(services) = table.get("services")?.get_ref() else { return None };
    Some(services.first()?.get_ref().as_table()?.get("name")?.get_ref().as_str()?.to_owned())
}
