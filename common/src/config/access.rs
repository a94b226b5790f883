//! What a loaded configuration answers beyond its fields.

use super::{
    Config,
    secret::Secret,
    types::{Source, Target},
};
use crate::{
    error::{Error, Kind, Result},
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
}

impl Source {
    /// The connection string; loading has made sure of it for the producer.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when there is none.
    pub fn connection_string(&self) -> Result<&Secret> {
        given("source", self.uri.as_ref())
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
