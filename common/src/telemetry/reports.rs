//! What a service has to tell beyond metrics, as JSON under `/api/v1/<name>`.
//!
//! A report is made when somebody asks. It must be quick, and hold no document's value.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

type Report = Arc<dyn Fn() -> Value + Send + Sync>;

/// The reports of a process, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<BTreeMap<&'static str, Report>>>);

impl Reports {
    /// From now on `report` answers under this name.
    pub fn answer(&self, name: &'static str, report: impl Fn() -> Value + Send + Sync + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(report));
    }

    /// What there is to tell under this name.
    pub(super) fn told(&self, name: &str) -> Option<Value> {
        let report = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        report.map(|report| report())
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(reports.keys()).finish()
    }
}
