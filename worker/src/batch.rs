//! Interim batch.
use std::{sync::Arc, collections::BTreeMap};
use common::{config::Config, error::{Result}, telemetry::health::Condition, event::Operation};
use mongodb::{Client, bson::{doc, Document, RawDocumentBuf}};
use crate::{apply::{Apply, Outcome}, consume::intake::{Settled, Taken}, dead_letter::{DeadLetters, Letter, Reason}, decode};

pub struct Parts { pub client: Client, pub dead_letters: DeadLetters, pub target: Condition }
#[derive(Clone)]
pub struct Batches(Arc<Parts>);
impl Batches { pub fn new(_c: &Config, parts: Parts) -> Result<Self> { parts.target.ready(); Ok(Self(Arc::new(parts))) } }
impl Apply for Batches {
    async fn apply(self, taken: Vec<Taken>) -> Outcome {
        let mut cmds: BTreeMap<String, BTreeMap<String, Vec<Document>>> = BTreeMap::new();
        let mut dead: Vec<(usize, usize, Reason)> = vec![];
        for (ti, t) in taken.iter().enumerate() { for (ri, r) in t.records.iter().enumerate() {
            let mut arena = Vec::new();
            let res = (|| { let h = decode::headers(r)?; let range = decode::value(r, &h, &mut arena)?; let e = decode::event(&arena[range], &h)?;
                let ns = e.ns.unwrap();
                let key = e.document_key.or(e.full_document).unwrap();
                let q = Document::from_reader(key.as_bytes()).unwrap();
                let q = doc!{"_id": q.get("_id").unwrap().clone()};
                let st = match e.operation { Operation::Delete => None, _ => e.full_document.map(|d| doc!{"q": q.clone(), "u": Document::from_reader(d.as_bytes()).unwrap(), "upsert": true}) };
                if let Some(st) = st { cmds.entry(ns.db.to_owned()).or_default().entry(ns.coll.unwrap().to_owned()).or_default().push(st); }
                Ok::<_, decode::Poison>(()) })();
            if let Err(p) = res { dead.push((ti, ri, Reason { kind: "poison", text: p.to_string() })); }
        } }
        for (db, m) in cmds { for (coll, sts) in m {
            let c = doc!{"update": coll, "updates": sts, "writeConcern": {"w": "majority"}};
            let r = self.0.client.database(&db).run_raw_command(RawDocumentBuf::try_from(&c).unwrap()).await;
            if let Err(e) = &r { tracing::error!(%e, "write"); }
        } }
        let letters: Vec<_> = dead.iter().map(|(t, r, reason)| Letter { partition: &taken[*t].partition, record: &taken[*t].records[*r], reason }).collect();
        self.0.dead_letters.write(&letters, &taken[0].gone).await.unwrap();
        Outcome { settled: taken.iter().map(|t| Settled { lane: t.lane, head: Some(t.records.last().unwrap().offset + 1), delivered: t.delivered.clone(), rest: vec![] }).collect(), failure: None }
    }
}
