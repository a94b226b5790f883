//! What a loaded configuration answers beyond its fields.

use super::{Config, secret::Secret, types::Target};
use crate::{
    error::{Error, Kind, Result},
    mapping::Mapping,
    namespace::{Filter, Pattern},
};

impl Config {
    /// Which namespaces are carried.
    ///
    /// # Panics
    /// When a pattern cannot be read, which loading rules out.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let patterns = |texts: &[String]| -> Vec<Pattern> {
            texts.iter().map(|text| text.parse().expect("loading has checked the patterns")).collect()
        };
        Filter::new(patterns(&self.namespaces.include), patterns(&self.namespaces.exclude))
    }

    /// What namespaces are called at the target.
    ///
    /// # Panics
    /// When an entry cannot be read, which loading rules out.
    #[must_use]
    pub fn mapping(&self) -> Mapping {
        let entries = self.map.iter().map(|map| (map.from.as_str(), map.to.as_str()));
        Mapping::new(entries).expect("loading has checked the entries")
    }
}

/// One captured deployment: its events have one order and one position.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Its name within the pipeline.
    pub name: String,
    /// Its partition of the positions topic.
    pub partition: u16,
    /// Its connection string.
    pub uri: Secret,
}

impl Config {
    /// The slices of the pipeline, in their order; loading has made sure of them for the producer.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when a connection string is missing.
    pub fn slices(&self) -> Result<Vec<Slice>> {
        let one = |name: &str, uri: Option<&Secret>, partition| {
            let uri = given("source", uri)?.clone();
            Ok(Slice { name: name.to_owned(), partition, uri })
        };
        if self.source.slices.is_empty() {
            return Ok(vec![one(&self.producer.slice, self.source.uri.as_ref(), 0)?]);
        }
        (0..).zip(&self.source.slices).map(|(i, slice)| one(&slice.name, slice.uri.as_ref(), i)).collect()
    }
}

impl Config {
    /// The slices' names.
    #[must_use]
    pub fn slice_names(&self) -> Vec<&str> {
        match self.source.slices.as_slice() {
            [] => vec![&self.producer.slice],
            slices => slices.iter().map(|slice| slice.name.as_str()).collect(),
        }
    }
}

impl Target {
    /// The connection string; loading has made sure of it for the worker.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when there is none.
    pub fn connection_string(&self) -> Result<&Secret> {
        given("target", self.uri.as_ref())
    }
}

fn given<'a>(end: &str, uri: Option<&'a Secret>) -> Result<&'a Secret> {
    uri.ok_or_else(|| Error::new(Kind::Misconfigured, format!("{end}.uri: missing")))
}
