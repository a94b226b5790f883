//! Which namespaces get the documents that stand beside their changes, and what of an event is theirs.
//!
//! Pure. The stream is one for all namespaces: it shows the document after and before a change wherever the source keeps these images. Guards:
//! a namespace that did not ask for them has none in its records; where an image is not to be had, the event is what it would be without.

use common::{
    config::{Config, types::Image},
    error::{Error, Kind, Result},
    event::{ChangeEvent, Operation},
    mongo::Version,
    namespace::{ByPattern, Namespace, Pattern},
    raw::{self, Element, Kind as Type, Writer},
};

/// Since when sources keep images (manual, "`changeStreamPreAndPostImages`").
const SINCE: Version = Version::new(6, 0, 0);

/// What a namespace asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// The document after an update.
    pub post: bool,
    /// The document before a change.
    pub pre: bool,
}

/// What all namespaces ask for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    entries: ByPattern<Beside>,
}

impl Wanted {
    /// As configured.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when this source keeps no images.
    pub fn new(config: &Config, version: Version) -> Result<Self> {
        let mut entries = Vec::new();
        for (place, images) in config.images.iter().enumerate() {
            let beside =
                Beside { post: images.post == Image::Available, pre: images.pre == Image::Available };
            if beside != Beside::default() && version < SINCE {
                let context = format!(
                    "images[{place}]: the source is MongoDB {version}, and documents stand beside changes from {SINCE} on"
                );
                return Err(Error::new(Kind::Misconfigured, context));
            }
            let pattern: Pattern = images.namespace.parse().expect("loading has checked the patterns");
            entries.push((pattern, beside));
        }
        Ok(Self { entries: ByPattern::new(entries) })
    }

    /// Whether the stream has to show them.
    #[must_use]
    pub fn are_some(&self) -> bool {
        self.entries.values().any(|beside| *beside != Beside::default())
    }

    /// What a namespace asks for; `None` where the stream shows nothing that would have to be left out.
    #[must_use]
    pub fn of(&self, namespace: &Namespace) -> Option<Beside> {
        self.are_some().then(|| self.entries.first(namespace).copied().unwrap_or_default())
    }
}

impl Beside {
    /// Writes the event with what was asked for; `false` where it is that already.
    ///
    /// # Errors
    /// Malformed BSON.
    pub fn write(self, event: &ChangeEvent<'_>, out: &mut Writer) -> std::result::Result<bool, raw::Error> {
        let mut is_other = false;
        for element in event.bytes.elements() {
            is_other |= !self.keeps(&element?, event.operation);
        }
        if !is_other {
            return Ok(false);
        }
        out.clear();
        out.begin();
        for element in event.bytes.elements() {
            let element = element?;
            if self.keeps(&element, event.operation) {
                out.element(&element);
            }
        }
        out.end();
        Ok(true)
    }

    fn keeps(self, element: &Element<'_>, operation: Operation<'_>) -> bool {
        let is_there = element.kind != Type::Null;
        match element.name {
            b"fullDocument" if operation == Operation::Update => self.post && is_there,
            b"fullDocumentBeforeChange" => self.pre && is_there,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, doc};

    use super::*;

    fn left(beside: Beside, event: &Document) -> Document {
        let bytes = event.to_vec().unwrap();
        let event = ChangeEvent::parse(raw::Document::new(&bytes).unwrap()).unwrap();
        let mut out = Writer::new();
        let bytes = if beside.write(&event, &mut out).unwrap() { out.as_bytes() } else { &*bytes };
        Document::from_reader(bytes).unwrap()
    }

    #[test]
    fn what_was_not_asked_for_or_is_not_to_be_had_is_left_out() {
        let update = |post: Bson, pre: Bson| {
            doc! {"_id": {}, "operationType": "update", "fullDocument": post, "ns": {"db": "a"}, "fullDocumentBeforeChange": pre}
        };
        let bare = doc! {"_id": {}, "operationType": "update", "ns": {"db": "a"}};
        let (none, post) = (Beside::default(), Beside { post: true, pre: false });
        let both = Beside { post: true, pre: true };
        let shown = update(doc! {"x": 1}.into(), doc! {"x": 2}.into());
        assert_eq!(left(none, &shown), bare);
        assert_eq!(left(both, &shown), shown);
        assert_eq!(left(both, &update(Bson::Null, Bson::Null)), bare);
        let mut after = bare.clone();
        after.insert("fullDocument", doc! {"x": 1});
        assert_eq!(left(post, &shown).len(), after.len());
        let insert = doc! {"_id": {}, "operationType": "insert", "fullDocument": {"x": 1}};
        assert_eq!(left(none, &insert), insert);
    }

    #[test]
    fn the_most_specific_namespace_holds_and_old_sources_are_refused_by_name() {
        let config = serde_json::json!({"pipeline": "p", "kafka": {"brokers": "k:1"}, "images": [
            {"namespace": "a.*", "post": "available"}, {"namespace": "a.b", "pre": "available"},
        ]});
        let config: Config = serde_json::from_value(config).unwrap();
        let wanted = Wanted::new(&config, Version::new(6, 0, 5)).unwrap();
        assert_eq!(wanted.of(&Namespace::new("a", "b")), Some(Beside { post: false, pre: true }));
        assert_eq!(wanted.of(&Namespace::new("a", "c")), Some(Beside { post: true, pre: false }));
        assert_eq!(wanted.of(&Namespace::new("x", "c")), Some(Beside::default()));
        assert_eq!(Wanted::default().of(&Namespace::new("x", "c")), None);
        let error = Wanted::new(&config, Version::new(5, 0, 4)).unwrap_err();
        assert!(error.context.contains("images[0]") && error.context.contains("5.0.4"), "{error}");
    }
}
