//! `dead-letters list`: one letter a line, for eyes or for programs.

use std::{collections::BTreeMap, io::Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bson::DateTime;
use common::{cli::ListOrder, error::Result};
use serde_json::{Map, Value, json};

use super::{Desk, letter::Letter, letters, say, select::is_wanted};
use crate::columns::columns;

const HEADINGS: [&str; 7] = ["ID", "REFUSED", "NAMESPACE", "OPERATION", "REASON", "STATE", "KEY"];
/// Characters of a key in the list; `show` has all of it.
const KEY: usize = 48;

impl Desk<'_> {
    /// Lists what is wanted.
    pub(super) fn list(&self, order: &ListOrder, out: &mut impl Write) -> Result<()> {
        let shelf = self.shelf()?;
        let is_meant = |letter: &&Letter| {
            order.state.as_ref().is_none_or(|wanted| *wanted == state(letter))
                && is_wanted(&order.wanted, letter)
        };
        let wanted: Vec<_> = shelf.letters().filter(is_meant).collect();
        if order.is_json {
            wanted.iter().for_each(|letter| say(out, &Value::Object(json(letter)).to_string()));
            return Ok(());
        }
        if wanted.is_empty() {
            let there = shelf.letters().count();
            say(out, &format!("no such letter ({} in {})", letters(there), self.topics.dead_letters()));
            return Ok(());
        }
        table(&wanted).iter().for_each(|line| say(out, line));
        say(out, &format!("\n{}", summary(&wanted)));
        Ok(())
    }
}

/// What was decided about it.
pub(super) fn state(letter: &Letter) -> String {
    letter.verdict.as_ref().map_or_else(|| "open".to_owned(), |verdict| verdict.decision.to_string())
}

/// A moment as a text.
pub(super) fn time(millis: i64) -> String {
    DateTime::from_millis(millis).try_to_rfc3339_string().unwrap_or_else(|_| millis.to_string())
}

/// Where the record was read.
pub(super) fn place(letter: &Letter) -> String {
    let (topic, partition, offset) = &letter.place;
    format!("{topic}[{partition}], offset {offset}")
}

fn table(letters: &[&Letter]) -> Vec<String> {
    let cells = |letter: &&Letter| {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
        let ns = letter.ns.as_deref().unwrap_or(&letter.place.0).to_owned();
        let (kind, id) = (letter.kind.to_string(), letter.id().to_string());
        [id, time(letter.time), ns, text(&letter.operation), kind, state(letter), key(letter)]
    };
    columns(HEADINGS, letters.iter().map(cells).collect())
}

fn key(letter: &Letter) -> String {
    let Some(text) = letter.key_text() else { return "-".to_owned() };
    if text.chars().count() <= KEY {
        return text;
    }
    text.chars().take(KEY - 1).chain(['…']).collect()
}

fn summary(wanted: &[&Letter]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    wanted.iter().for_each(|letter| *kinds.entry(&letter.kind).or_default() += 1);
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!("{}: {}", letters(wanted.len()), kinds.join(", "))
}

/// A letter for programs. What its record does not have is left out.
pub(super) fn json(letter: &Letter) -> Map<String, Value> {
    let (topic, partition, offset) = &letter.place;
    let mut json = Map::new();
    let mut put = |name: &str, value: Option<Value>| value.map(|value| json.insert(name.to_owned(), value));
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(Value::from);
    put("id", Some(letter.id().to_string().into()));
    put("state", Some(state(letter).into()));
    put("refused", Some(time(letter.time).into()));
    put("reason", Some((*letter.kind).into()));
    put("text", Some((*letter.reason).into()));
    put("namespace", text(&letter.ns));
    put("operation", text(&letter.operation));
    put("clusterTime", text(&letter.cluster_time));
    put("sequence", text(&letter.sequence));
    put("record", Some(json!({"topic": **topic, "partition": partition, "offset": offset})));
    put("key", letter.key.as_deref().and_then(|key| serde_json::from_slice(key).ok()));
    put("keyBytes", letter.key.as_deref().map(|key| STANDARD.encode(key).into()));
    put("bytes", Some(letter.bytes.into()));
    put("parts", (letter.pieces.len() > 1).then(|| letter.pieces.len().into()));
    put("earlier", (!letter.earlier.is_empty()).then(|| letter.earlier.len().into()));
    if let Some(verdict) = &letter.verdict {
        put("decided", Some(time(verdict.time).into()));
        put("note", verdict.note.as_deref().map(Value::from));
    }
    json
}

#[cfg(test)]
mod tests {
    use common::cli::LetterId;

    use super::{super::letter::tests::record, *};

    fn letter(offset: i64, own: &[(&str, &str)], key: Option<&[u8]>) -> Letter {
        let id = LetterId { partition: 0, offset };
        Letter::read(id, &record(offset, 40 + offset, own, key), |text| text.into()).unwrap()
    }

    #[test]
    fn the_list_stands_in_columns_and_long_keys_are_cut() {
        let own = [("ns", "db.users"), ("op", "insert"), ("ct", "5.6")];
        let long = format!(r#"{{"_id":"{}"}}"#, "x".repeat(80));
        let letters =
            [letter(0, &own, Some(br#"{"_id":{"$numberInt":"7"}}"#)), letter(11, &[], Some(long.as_bytes()))];
        let lines = table(&letters.iter().collect::<Vec<_>>());
        assert_eq!(lines[0], "ID  REFUSED               NAMESPACE  OPERATION  REASON      STATE  KEY");
        assert_eq!(
            lines[1],
            r#"0   1970-01-01T00:00:01Z  db.users   insert     validation  open   {"_id":{"$numberInt":"7"}}"#
        );
        let cut = format!(
            r#"11  1970-01-01T00:00:01Z  t.x        -          validation  open   {{"_id":"{}…"#,
            "x".repeat(39)
        );
        assert_eq!(lines[2], cut);
        assert_eq!(summary(&letters.iter().collect::<Vec<_>>()), "2 dead letters: 2 validation");
    }

    #[test]
    fn a_program_gets_what_is_there() {
        let own = [("ns", "db.users"), ("op", "insert")];
        let json = json(&letter(3, &own, Some(br#"{"_id":{"$numberInt":"7"}}"#)));
        assert_eq!(json["id"], "3");
        assert_eq!(json["record"], json!({"topic": "t.x", "partition": 3, "offset": 43}));
        assert_eq!(json["key"], json!({"_id": {"$numberInt": "7"}}));
        assert_eq!((json["state"].as_str(), json["bytes"].as_i64()), (Some("open"), Some(5)));
        assert!(!json.contains_key("clusterTime") && !json.contains_key("parts"));
    }
}
