//! By which rules each namespace is shaped at the target, and by which it should be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use common::{
    control::{COPIED_PREFIX, Request, RequestState, SHAPED_PREFIX, SNAPSHOT_PREFIX, Shaped},
    namespace::Namespace,
};
use serde::Serialize;

/// What the control topic says of the namespaces, beside what is configured.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    slices: Vec<String>,
    /// Digests of the rules in force, by namespace.
    rules: BTreeMap<Namespace, String>,
    shaped: BTreeMap<Namespace, Shaped>,
    /// The slices that have each namespace.
    copied: BTreeMap<Namespace, BTreeSet<String>>,
    /// Snapshots of whole namespaces for rules' sake: by namespace, the newest of each slice with its id.
    requests: BTreeMap<Namespace, BTreeMap<String, (String, Request)>>,
}

/// How a namespace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Standing {
    /// All its documents are shaped by the rules in force.
    InForce,
    /// Documents written before the rules changed are as they were.
    Affected,
    /// A snapshot for it was asked for.
    Asked,
    /// That is under way.
    Copying,
}

/// A namespace as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    pub(super) namespace: Namespace,
    pub(super) standing: Standing,
    /// Digest of the rules in force.
    pub(super) rules: String,
    /// Digest of the rules by which the documents at the target are shaped; absent before the first worker has seen it.
    pub(super) shaped_by: Option<String>,
    /// Documents that the snapshot under way has copied.
    pub(super) documents: u64,
}

impl Ledger {
    /// Of a pipeline with these slices.
    pub(super) fn new(slices: &[&str]) -> Self {
        Self { slices: slices.iter().map(|slice| (*slice).to_owned()).collect(), ..Self::default() }
    }

    /// A namespace is carried and these are its rules.
    pub(super) fn carries(&mut self, ns: Namespace, rules: String) {
        self.rules.insert(ns, rules);
    }

    /// Takes note of a record of the control topic; others than those it knows are passed over.
    pub(super) fn note(&mut self, key: &str, value: Option<&[u8]>) {
        if let Some(ns) = key.strip_prefix(SHAPED_PREFIX).and_then(|ns| ns.parse().ok()) {
            match value.and_then(|value| serde_json::from_slice(value).ok()) {
                Some(shaped) => drop(self.shaped.insert(ns, shaped)),
                None => drop(self.shaped.remove(&ns)),
            }
        } else if let Some((slice, ns)) =
            key.strip_prefix(COPIED_PREFIX).and_then(|place| place.split_once('/'))
        {
            let Ok(ns) = ns.parse() else { return };
            let slices = self.copied.entry(ns).or_default();
            if value.is_some() {
                slices.insert(slice.to_owned())
            } else {
                slices.remove(slice)
            };
        } else if let Some((slice, id)) =
            key.strip_prefix(SNAPSHOT_PREFIX).and_then(|place| place.split_once('/'))
        {
            let request = value.and_then(|value| serde_json::from_slice::<Request>(value).ok());
            self.asked(slice, id, request);
        }
    }

    fn asked(&mut self, slice: &str, id: &str, request: Option<Request>) {
        let Some(request) = request else {
            // Withdrawn, or forgotten after its end; what it has achieved is noted by then.
            self.requests.values_mut().for_each(|slices| slices.retain(|_, (known, _)| known != id));
            return;
        };
        let is_whole = request.keys.is_empty() && request.filter.is_none();
        if request.rules.is_none() || !is_whole {
            return;
        }
        let slices = self.requests.entry(request.ns.clone()).or_default();
        if slices.get(slice).is_none_or(|(known, _)| known.as_str() <= id) {
            slices.insert(slice.to_owned(), (id.to_owned(), request));
        }
    }

    /// What is to be written down, `now` being the id of this moment: namespaces that nobody has seen before, and those whose
    /// snapshots have ended.
    pub(super) fn news(&self, now: &str) -> Vec<(Namespace, Shaped)> {
        let news = |(ns, rules): (&Namespace, &String)| {
            let since = match self.shaped.get(ns) {
                None => now.to_owned(),
                Some(shaped) if shaped.rules == *rules => return None,
                Some(_) => self.done(ns, rules)?,
            };
            Some((ns.clone(), Shaped { rules: rules.clone(), since }))
        };
        self.rules.iter().filter_map(news).collect()
    }

    /// The id of the last of the snapshots that have brought these rules to all documents.
    fn done(&self, ns: &Namespace, rules: &str) -> Option<String> {
        let requests = self.of_these_rules(ns, rules);
        let all = self.slices_of(ns).into_iter().map(|slice| {
            let (id, request) = requests.get(slice)?;
            (request.state == RequestState::Done).then_some(*id)
        });
        all.collect::<Option<Vec<_>>>()?.into_iter().max().map(str::to_owned)
    }

    /// The snapshots that were asked for with these rules since the last change.
    fn of_these_rules(&self, ns: &Namespace, rules: &str) -> BTreeMap<&str, (&str, &Request)> {
        let since = self.shaped.get(ns).map_or("", |shaped| &shaped.since);
        let requests = self.requests.get(ns).into_iter().flatten();
        let wanted = requests.filter(|(_, (id, request))| {
            id.as_str() > since
                && request.rules.as_deref() == Some(rules)
                && request.state != RequestState::Refused
        });
        wanted.map(|(slice, (id, request))| (slice.as_str(), (id.as_str(), request))).collect()
    }

    /// The slices that have the namespace, as far as is known; else all.
    pub(super) fn slices_of(&self, ns: &Namespace) -> Vec<&str> {
        let has = |slice: &&String| self.copied.get(ns).is_some_and(|slices| slices.contains(*slice));
        let having: Vec<_> = self.slices.iter().filter(has).map(String::as_str).collect();
        if having.is_empty() { self.slices.iter().map(String::as_str).collect() } else { having }
    }

    /// All namespaces.
    pub(super) fn view(&self) -> Vec<View> {
        let view = |(ns, rules): (&Namespace, &String)| {
            let shaped_by = self.shaped.get(ns).map(|shaped| shaped.rules.clone());
            let requests = self.of_these_rules(ns, rules);
            let documents = requests.values().map(|(_, request)| request.documents).sum();
            let standing = if shaped_by.as_ref().is_none_or(|shaped| shaped == rules) {
                Standing::InForce
            } else if requests.is_empty() {
                Standing::Affected
            } else if requests.values().all(|(_, request)| request.state == RequestState::Asked) {
                Standing::Asked
            } else {
                Standing::Copying
            };
            View { namespace: ns.clone(), standing, rules: rules.clone(), shaped_by, documents }
        };
        self.rules.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "shaped/a.b";

    fn ledger(rules: &str) -> Ledger {
        let mut ledger = Ledger::new(&["rs0"]);
        ledger.carries(ns(), rules.to_owned());
        ledger
    }

    fn ns() -> Namespace {
        Namespace::new("a", "b")
    }

    fn ask(ledger: &mut Ledger, key: &str, rules: &str, state: &str) {
        let value = format!(r#"{{"ns":"a.b","rules":"{rules}","state":"{state}","documents":7}}"#);
        ledger.note(key, Some(value.as_bytes()));
    }

    fn write(ledger: &mut Ledger, now: &str) -> Option<String> {
        let (_, shaped) = ledger.news(now).pop()?;
        ledger.note(KEY, Some(&serde_json::to_vec(&shaped).unwrap()));
        Some(shaped.since)
    }

    fn standing(ledger: &Ledger) -> Standing {
        ledger.view()[0].standing
    }

    #[test]
    fn a_change_of_the_rules_affects_a_namespace_until_its_snapshot_has_ended() {
        let mut ledger = ledger("old");
        assert_eq!(write(&mut ledger, "5").as_deref(), Some("5"));
        assert_eq!(write(&mut ledger, "6"), None);
        ledger.carries(ns(), "new".to_owned());
        assert_eq!((standing(&ledger), write(&mut ledger, "7")), (Standing::Affected, None));
        for (state, then) in
            [("asked", Standing::Asked), ("copying", Standing::Copying), ("refused", Standing::Affected)]
        {
            ask(&mut ledger, "snapshot/rs0/8", "new", state);
            assert_eq!((standing(&ledger), write(&mut ledger, "9")), (then, None), "{state}");
        }
        ask(&mut ledger, "snapshot/rs0/9", "new", "done");
        assert_eq!(write(&mut ledger, "10").as_deref(), Some("9"));
        assert_eq!(standing(&ledger), Standing::InForce);
    }

    #[test]
    fn an_old_snapshot_says_nothing_about_rules_that_come_back() {
        let mut ledger = ledger("one");
        write(&mut ledger, "1");
        ask(&mut ledger, "snapshot/rs0/2", "one", "done");
        ledger.carries(ns(), "two".to_owned());
        ask(&mut ledger, "snapshot/rs0/3", "two", "done");
        assert_eq!(write(&mut ledger, "4").as_deref(), Some("3"));
        ledger.carries(ns(), "one".to_owned());
        assert_eq!((standing(&ledger), write(&mut ledger, "5")), (Standing::Affected, None));
        // Nor does one of single documents, or one that was asked for without a thought of rules.
        ledger.note("snapshot/rs0/6", Some(br#"{"ns":"a.b","rules":"one","filter":{"x":1},"state":"done"}"#));
        ledger.note("snapshot/rs0/7", Some(br#"{"ns":"a.b","state":"done"}"#));
        assert_eq!(standing(&ledger), Standing::Affected);
    }

    #[test]
    fn every_slice_that_has_the_namespace_has_to_copy_it() {
        let mut ledger = Ledger::new(&["north", "south", "west"]);
        ledger.carries(ns(), "old".to_owned());
        write(&mut ledger, "1");
        ledger.carries(ns(), "new".to_owned());
        for slice in ["north", "south"] {
            ledger.note(&format!("copied/{slice}/a.b"), Some(b"{}"));
        }
        ask(&mut ledger, "snapshot/north/2", "new", "done");
        assert_eq!((standing(&ledger), write(&mut ledger, "4")), (Standing::Copying, None));
        ask(&mut ledger, "snapshot/south/3", "new", "done");
        assert_eq!(write(&mut ledger, "4").as_deref(), Some("3"));
    }
}
