//! What the control topic says of sweeps: which are under way, how far they are, which topic is theirs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use common::{
    control::{Request, RequestState},
    namespace::Namespace,
};
use serde_json::value::RawValue;
use tokio::sync::Notify;

/// The sweeps under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<Namespace, String>,
    requests: BTreeMap<String, (Namespace, Option<Box<RawValue>>)>,
}

/// A sweep under way.
#[derive(Debug, Clone)]
pub(crate) struct Sweeping {
    /// Key of the request.
    pub(crate) request: String,
    /// What is swept.
    pub(crate) ns: Namespace,
    /// Its topic.
    pub(crate) topic: String,
    /// The key that the producer's answers have come to.
    pub(crate) swept: Option<Box<RawValue>>,
}

impl Wanted {
    /// A namespace has this topic.
    pub fn topic(&self, ns: &Namespace, topic: &str) {
        self.state().topics.insert(ns.clone(), topic.to_owned());
    }

    /// Takes note of a request, or that it is withdrawn.
    pub fn note(&self, key: &str, value: Option<&[u8]>) {
        let request = value.and_then(|value| serde_json::from_slice::<Request>(value).ok());
        match request.filter(|request| request.state == RequestState::Sweeping) {
            Some(request) => {
                self.state().requests.insert(key.to_owned(), (request.ns, request.swept));
                self.inner.news.notify_one();
            }
            None => drop(self.state().requests.remove(key)),
        }
    }

    /// Waits for a sweep that has begun or moved on. Cancel safe.
    pub(crate) async fn news(&self) {
        self.inner.news.notified().await;
    }

    /// All that are under way and whose topic is known.
    pub(crate) fn open(&self) -> Vec<Sweeping> {
        let state = self.state();
        let sweeping = |(request, (ns, swept)): (&String, &(Namespace, Option<Box<RawValue>>))| {
            let topic = state.topics.get(ns)?.clone();
            Some(Sweeping { request: request.clone(), ns: ns.clone(), topic, swept: swept.clone() })
        };
        state.requests.iter().filter_map(sweeping).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_under_way_from_the_copys_end_to_its_own() {
        let wanted = Wanted::default();
        let key = "snapshot/rs0/1";
        let is = |state: &str| {
            let value = format!(r#"{{"ns":"a.b","reconcile":true,"state":"{state}","swept":{{"_id":7}}}}"#);
            wanted.note(key, Some(value.as_bytes()));
            wanted.open().len()
        };
        assert_eq!(is("sweeping"), 0, "its topic is not known yet");
        wanted.topic(&Namespace::new("a", "b"), "p.a.b");
        assert_eq!((is("copying"), is("sweeping")), (0, 1));
        let open = wanted.open().remove(0);
        assert_eq!((open.topic.as_str(), open.swept.unwrap().get()), ("p.a.b", r#"{"_id":7}"#));
        assert_eq!((is("done"), is("sweeping")), (0, 1));
        wanted.note(key, None);
        assert!(wanted.open().is_empty());
    }
}
