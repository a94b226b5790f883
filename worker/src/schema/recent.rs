//! The latest drifts of each namespace, for whoever asks a worker.

use std::collections::VecDeque;

use common::namespace::Namespace;
use serde_json::{Value, json};

use super::{
    drift::{Drift, What},
    kind,
};

/// Drifts that are kept of one namespace.
const KEPT: usize = 100;

/// The latest drifts of a namespace, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Drift>);

impl Recent {
    pub(super) fn add(&mut self, drifts: &[Drift]) {
        let new = &drifts[drifts.len().saturating_sub(KEPT)..];
        let beyond = (self.0.len() + new.len()).saturating_sub(KEPT);
        self.0.drain(..beyond);
        self.0.extend(new.iter().cloned());
    }

    /// What is told of a namespace of which so many paths are known.
    pub(super) fn told(&self, ns: &Namespace, paths: usize) -> Value {
        let changed = self.0.iter().map(|drift| drift.at).max().map(|at| at.to_string());
        let drifts: Vec<_> = self.0.iter().map(told).collect();
        json!({"ns": ns.to_string(), "paths": paths, "changed": changed, "drifts": drifts})
    }
}

fn told(drift: &Drift) -> Value {
    let kind = match drift.what {
        What::NewField(kind) | What::Widened { kind, .. } | What::NewType { kind, .. } => {
            Some(kind::name(kind))
        }
        What::Missing | What::Full(_) => None,
    };
    json!({"drift": drift.what.word(), "path": drift.path, "type": kind, "clusterTime": drift.at.to_string()})
}

#[cfg(test)]
mod tests {
    use common::cluster_time::ClusterTime;

    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let drift = |n: u64| Drift { path: format!("p{n}"), at: ClusterTime(n << 32), what: What::Missing };
        let mut recent = Recent::default();
        recent.add(&(0..150).map(drift).collect::<Vec<_>>());
        recent.add(&[drift(150)]);
        let told = recent.told(&Namespace::new("a", "b"), 7);
        let drifts = told["drifts"].as_array().unwrap();
        assert_eq!(
            (drifts.len(), &drifts[0]["path"], &drifts[99]["path"]),
            (KEPT, &json!("p51"), &json!("p150"))
        );
        assert_eq!(
            (&told["ns"], &told["paths"], &told["changed"]),
            (&json!("a.b"), &json!(7), &json!("150.0"))
        );
    }
}
