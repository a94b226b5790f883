//! New names: which a field can get, and what they may meet in its document.
//!
//! A shaper sees a delta without its document, so it can never ask whether a name is free there. It decides by the name alone: a
//! field of the source that has the new name of another, and would pass under it, is refused wherever it shows, whether or not the
//! other is there at the moment. Overwriting one with the other would lose a value in silence; refusing only where both
//! are seen would let a delta through that meets the other in the document.

use super::{
    machine::{Entry, Verdict},
    tree::Rename,
};
use crate::path;

/// What is to be done about the new name of a field where it may meet others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// No rule mentions it: a field that has it already is refused when it is seen.
    Free,
    /// The field that has it already is dropped, refused, or gets a new name itself.
    Settled,
    /// It cannot be.
    Refused(String),
}

/// What the new name meets among the names that rules mention in the same document, and the renames there.
pub(super) fn claims(rename: &Rename, mentioned: &[Entry], renames: &[&Rename]) -> Claim {
    let to = rename.to.as_bytes();
    let is_earlier = |other: &&&Rename| other.to == rename.to && other.place < rename.place;
    if let Some(other) = renames.iter().find(is_earlier).filter(|other| last(other) != last(rename)) {
        return Claim::Refused(format!("`{}` gets the same name as `{}`", rename.path, other.path));
    }
    let begins = |entry: &&Entry| entry.name.strip_prefix(to).is_some_and(|rest| rest.starts_with(b"."));
    if let Some(dotted) = mentioned.iter().find(begins) {
        let dotted = String::from_utf8_lossy(&dotted.name);
        return Claim::Refused(format!("`{}` may be taken for the beginning of `{dotted}`", rename.to));
    }
    match mentioned.iter().find(|entry| *entry.name == *to) {
        None => Claim::Free,
        Some(Entry { verdict: Verdict::Drop | Verdict::Taken, .. } | Entry { renamed: Some(_), .. }) => {
            Claim::Settled
        }
        Some(_) => Claim::Refused(format!(
            "another rule names `{}` itself, in the same document, and lets it keep its name: deny or rename it",
            rename.to
        )),
    }
}

/// The name that the field has at the source.
fn last(rename: &Rename) -> &str {
    rename.path.components().last().map_or("", |last| last.name())
}

/// Why a text cannot be the new name of the field at the path.
pub(super) fn refused(rename: &Rename) -> Option<String> {
    let to = rename.to.as_str();
    let last = last(rename);
    if path::is_numeric(last.as_bytes()) || path::is_numeric(to.as_bytes()) {
        return Some("a number may be a place in an array, which has no name".to_owned());
    }
    if to.contains('.') {
        let name = to.rsplit('.').next().unwrap_or_default();
        return Some(format!("a field stays in its document: write the new name alone, `{name}`"));
    }
    let reason = match to {
        "" => "the new name is empty",
        "_id" => "`_id` is the document's own",
        _ if to.starts_with('$') => "a name that begins with `$` cannot be updated by operators",
        _ if to.contains('\0') => "the new name holds a NUL",
        _ if to == last => "it has that name already",
        _ => return None,
    };
    Some(reason.to_owned())
}
