//! `dead-letters replay`: the letters' documents are fetched from the source anew.
//!
//! A refused change is never applied by hand. What may have come behind it cannot be told from the change, and putting it over what is there
//! could set a document back. The producer is asked for the *document* instead (a [`Request`] by keys): it reads it at a cluster time behind all
//! that it has published, and puts it into the log there, as a whole document or, where it is gone, as a delete. The
//! workers meet it in its place, it takes the mark off that made deltas follow their letter, and what comes behind it is applied again.
//!
//! Guards: a letter counts as replayed once that is published, not when it is asked for. Left early or refused, it stays open,
//! and may be replayed again without harm. Every open letter of such a document is replayed with it; one that
//! is refused once more (the target's validator still says no, say) comes back as a letter of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    time::Duration,
};

use common::{
    cli::{LetterId, Which},
    control::{Request, RequestState},
    error::{Error, Kind, Result},
    kafka::request as requests,
    namespace::Namespace,
};
use serde_json::value::RawValue;

use super::{
    Desk,
    letter::{About, Letter},
    letters, say,
    shelf::Shelf,
    verdict::{Decision, Verdict},
};

/// Documents of one request, and bytes of their keys: it has to fit the control topic with its progress.
const DOCUMENTS: usize = 500;
const KEY_BYTES: usize = 256 * 1024;

/// A request, by its key, and the documents that it asks for.
type Asked = BTreeMap<String, (Request, Vec<About>)>;

/// What is meant, and every letter that may be replayed with it, by their documents.
struct Meant<'s> {
    ids: BTreeSet<LetterId>,
    letters: BTreeMap<About, Vec<&'s Letter>>,
}

impl<'s> Meant<'s> {
    fn of(meant: &[&'s Letter], shelf: &'s Shelf) -> Self {
        let mut letters: BTreeMap<About, Vec<&Letter>> = BTreeMap::new();
        for letter in shelf.letters() {
            if let Ok(about) = letter.about() {
                letters.entry(about).or_default().push(letter);
            }
        }
        Self { ids: meant.iter().map(|letter| letter.id()).collect(), letters }
    }

    fn of_documents(&self, documents: &[About]) -> impl Iterator<Item = &'s Letter> {
        documents.iter().filter_map(|about| self.letters.get(about)).flatten().copied()
    }

    /// How many of these documents' letters are meant.
    fn count(&self, documents: &[About]) -> usize {
        self.of_documents(documents).filter(|letter| self.ids.contains(&letter.id())).count()
    }

    /// The letters that are replayed with these documents: what is meant, and what is open.
    fn replayed(&self, documents: &[About]) -> Vec<&'s Letter> {
        let is_replayed = |letter: &&Letter| letter.verdict.is_none() || self.ids.contains(&letter.id());
        self.of_documents(documents).filter(is_replayed).collect()
    }
}

impl Desk<'_> {
    /// Replays what is meant.
    pub(super) fn replay(
        &self,
        which: &Which,
        within: Duration,
        is_trial: bool,
        out: &mut impl Write,
    ) -> Result<()> {
        let shelf = self.shelf()?;
        let meant = self.meant(which, &shelf)?;
        let mut left = 0;
        let mut documents = BTreeSet::new();
        for letter in &meant {
            match letter.about() {
                Ok(about) => drop(documents.insert(about)),
                Err(why) => {
                    left += 1;
                    say(out, &format!("{}: cannot be replayed: {why}", letter.id()));
                }
            }
        }
        let asked = asked(documents)?;
        if is_trial || asked.is_empty() {
            tell_of_trial(&asked, left, out);
            return ended(left);
        }
        left += self.carry_out(&asked, &Meant::of(&meant, &shelf), within, out)?;
        ended(left)
    }

    /// Asks, waits, decides; gives how many of the letters are left.
    fn carry_out(
        &self,
        asked: &Asked,
        meant: &Meant<'_>,
        within: Duration,
        out: &mut impl Write,
    ) -> Result<usize> {
        let (kafka, control) = (&self.config.kafka, self.topics.control());
        let written = asked.iter().map(|(key, (request, _))| (key.clone(), request.clone())).collect();
        requests::write(kafka, &control, &written)?;
        let keys: Vec<_> = asked.keys().cloned().collect();
        let found = requests::follow(kafka, &control, &keys, Some(within), |_, _| {})?;
        let mut left = 0;
        for (key, (request, documents)) in asked {
            if let Err(why) = outcome(found.get(key), within) {
                let of_it = meant.count(documents);
                left += of_it;
                say(out, &format!("{}: {} not replayed: {why}", request.ns, letters(of_it)));
                continue;
            }
            let replayed = meant.replayed(documents);
            let ids: Vec<_> = replayed.iter().flat_map(|letter| letter.pieces.iter().copied()).collect();
            self.decide(&Verdict::now(Decision::Replayed, None), &ids)?;
            let (documents, letters) = (count(documents.len()), letters(replayed.len()));
            say(out, &format!("{}: {documents} published anew, {letters} replayed", request.ns));
        }
        Ok(left)
    }
}

/// One request for each namespace of a slice, more where the documents are many.
fn asked(documents: BTreeSet<About>) -> Result<Asked> {
    let mut by_place: BTreeMap<(String, Namespace), Vec<About>> = BTreeMap::new();
    for about in documents {
        by_place.entry((about.slice.clone(), about.ns.clone())).or_default().push(about);
    }
    let (mut asked, stamp) = (Asked::new(), requests::id());
    for ((slice, ns), documents) in by_place {
        for documents in portions(documents) {
            let mut request = Request::of(ns.clone());
            for about in &documents {
                let key = RawValue::from_string(about.key.clone());
                request
                    .keys
                    .push(key.map_err(|error| Error::caused(Kind::Invariant, "a key has no JSON", error))?);
            }
            let key = Request::key(&slice, &format!("{stamp}-{}", asked.len()));
            asked.insert(key, (request, documents));
        }
    }
    Ok(asked)
}

fn portions(documents: Vec<About>) -> Vec<Vec<About>> {
    let (mut portions, mut bytes) = (vec![Vec::new()], 0);
    for about in documents {
        let last = portions.last_mut().expect("there is one from the beginning");
        bytes += about.key.len();
        if !last.is_empty() && (last.len() >= DOCUMENTS || bytes > KEY_BYTES) {
            bytes = about.key.len();
            portions.push(vec![about]);
        } else {
            last.push(about);
        }
    }
    portions
}

/// What became of a request.
fn outcome(found: Option<&Option<Request>>, within: Duration) -> Result<(), String> {
    let Some(found) = found else {
        let seconds = within.as_secs();
        return Err(format!(
            "no producer has finished within {seconds} s; the request stands, and one that runs carries it out"
        ));
    };
    match found {
        None => Err("the request was withdrawn".to_owned()),
        Some(request) if request.state == RequestState::Refused => Err(format!(
            "the producer refuses: {}",
            request.reason.as_deref().unwrap_or("it does not say why")
        )),
        Some(_) => Ok(()),
    }
}

fn tell_of_trial(asked: &Asked, left: usize, out: &mut impl Write) {
    for (request, documents) in asked.values() {
        say(out, &format!("{}: {} would be published anew", request.ns, count(documents.len())));
    }
    if asked.is_empty() && left == 0 {
        say(out, "nothing to replay");
    }
}

/// "1 document", "2 documents".
fn count(documents: usize) -> String {
    format!("{documents} document{}", if documents == 1 { "" } else { "s" })
}

fn ended(left: usize) -> Result<()> {
    match left {
        0 => Ok(()),
        left => Err(Error::new(Kind::Transient, format!("{} not replayed", letters(left)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(slice: &str, coll: &str, id: usize) -> About {
        let key = format!(r#"{{"_id":{id}}}"#);
        About { slice: slice.to_owned(), ns: Namespace::new("db", coll), key }
    }

    #[test]
    fn a_request_is_for_one_namespace_of_one_slice_and_not_too_large() {
        let mut documents: BTreeSet<_> = (0..1100).map(|id| about("rs0", "a", id)).collect();
        documents.extend([about("rs0", "b", 1), about("rs1", "a", 1)]);
        let asked = asked(documents).unwrap();
        let sizes: Vec<_> = asked.values().map(|(request, _)| request.keys.len()).collect();
        assert_eq!((sizes.iter().sum::<usize>(), sizes.iter().max(), asked.len()), (1102, Some(&500), 5));
        let of_others = asked.keys().filter(|key| key.starts_with("snapshot/rs1/")).count();
        assert_eq!(of_others, 1);
        let large = About { key: format!(r#"{{"_id":"{}"}}"#, "x".repeat(200_000)), ..about("rs0", "a", 0) };
        let portions = portions(vec![large.clone(), about("rs0", "a", 1), large]);
        assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn only_what_is_published_counts() {
        let within = Duration::from_secs(9);
        let mut request = Request::of(Namespace::new("a", "b"));
        assert!(outcome(None, within).unwrap_err().contains("within 9 s"));
        assert!(outcome(Some(&None), within).unwrap_err().contains("withdrawn"));
        (request.state, request.reason) = (RequestState::Refused, Some("the collection is gone".to_owned()));
        let refused = outcome(Some(&Some(request.clone())), within).unwrap_err();
        assert!(refused.contains("the collection is gone"));
        request.state = RequestState::Done;
        assert_eq!(outcome(Some(&Some(request)), within), Ok(()));
        assert!(ended(0).is_ok() && ended(2).unwrap_err().context.contains("2 dead letters"));
    }
}
