//! From a JSON Schema as configured to places. Every keyword is understood or refused: one that was passed over would promise what nobody does.

use common::{config::types::NewField, raw::Kind};
use serde_json::{Map, Value};

use super::{
    kinds::Kinds,
    node::{Node, Place, Places, Policies, Wanted},
};
use crate::Problem;

/// Deepest nesting that a schema may have.
const DEPTH: usize = 64;

/// What was read of a schema.
pub(super) struct Parser<'p> {
    pub(super) policies: Policies,
    pub(super) nodes: Vec<Node>,
    pub(super) problems: &'p mut Vec<Problem>,
}

/// Reads the schema that stands at `at`.
pub(super) fn places(at: &str, schema: &Value, policies: Policies, problems: &mut Vec<Problem>) -> Places {
    let mut parser = Parser { policies, nodes: Vec::new(), problems };
    let (at, schema) = match schema.as_object().filter(|table| table.len() == 1) {
        Some(table) if table.contains_key("$jsonSchema") => {
            (format!("{at}.$jsonSchema"), &schema["$jsonSchema"])
        }
        _ => (at.to_owned(), schema),
    };
    parser.place(&at, schema, 0);
    let root = &parser.nodes[0];
    if !root.kinds.has(Kind::Document) {
        let reason = format!("a document is of type object, and {} is declared", root.kinds.words());
        parser.problem(&at, reason);
    }
    Places(parser.nodes)
}

impl Parser<'_> {
    fn problem(&mut self, at: &str, reason: impl Into<String>) {
        self.problems.push(Problem { path: at.to_owned(), reason: reason.into() });
    }

    fn place(&mut self, at: &str, schema: &Value, depth: usize) -> Place {
        let place = Place(u32::try_from(self.nodes.len()).expect("a schema has few places"));
        self.nodes.push(Node::open());
        let Value::Object(table) = schema else {
            self.problem(at, "a schema is a table");
            return place;
        };
        if depth > DEPTH {
            self.problem(at, format!("nested deeper than {DEPTH} levels"));
            return place;
        }
        let node = self.node(at, table, depth);
        self.nodes[place.0 as usize] = node;
        place
    }

    fn node(&mut self, at: &str, table: &Map<String, Value>, depth: usize) -> Node {
        let mut node = Node::open();
        let types = self.types(at, table);
        node.kinds = types.unwrap_or(Kinds::ANY);
        let mut is_open = !table.contains_key("properties");
        for (keyword, value) in table {
            let at = format!("{at}.{keyword}");
            match (keyword.as_str(), value) {
                ("bsonType" | "type" | "required", _) | ("title" | "description", Value::String(_)) => {}
                ("properties", Value::Object(fields)) => {
                    for (name, schema) in fields {
                        let inner = self.place(&format!("{at}.{name}"), schema, depth + 1);
                        self.field(&at, &mut node, name, inner);
                    }
                }
                ("items", Value::Object(_)) => {
                    node.items = Some(self.place(&at, value, depth + 1));
                }
                ("additionalProperties", Value::Bool(more)) => is_open = *more,
                ("items", _) => self.problem(&at, "must be one schema, which holds for every element"),
                ("additionalProperties", _) => self.problem(&at, "must be true or false"),
                ("properties", _) => self.problem(&at, "must be a table of schemas"),
                ("title" | "description", _) => self.problem(&at, "must be text"),
                (other, _) => {
                    let known = "bsonType, type, properties, required, items, additionalProperties, title, description";
                    self.problem(&at, format!("`{other}` is not understood; what is: {known}"));
                }
            }
        }
        self.required(at, table.get("required"), &mut node);
        // An array of whatever: a number is an element of it.
        if node.items.is_none() && types.is_some_and(|types| types.has(Kind::Array)) {
            node.items = Some(self.open());
        }
        node.is_closed = !is_open && self.policies.new_field != NewField::Accept;
        node
    }

    fn open(&mut self) -> Place {
        self.nodes.push(Node::open());
        Place(u32::try_from(self.nodes.len() - 1).expect("a schema has few places"))
    }

    /// The types that are named; `None` where none is, and every type is meant.
    fn types(&mut self, at: &str, table: &Map<String, Value>) -> Option<Kinds> {
        let (keyword, named) = match (table.get("bsonType"), table.get("type")) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.problem(&format!("{at}.type"), "`bsonType` is given too; give one of them");
                return None;
            }
            (Some(named), None) => ("bsonType", named),
            (None, Some(named)) => ("type", named),
        };
        let list = named.as_array().map_or(std::slice::from_ref(named), Vec::as_slice);
        let mut kinds = Kinds::NONE;
        for name in list {
            let name = name.as_str().unwrap_or_default();
            let known = if keyword == "type" { Kinds::of_json_type(name) } else { Kinds::of_bson_type(name) };
            match known {
                Some(known) => kinds = kinds.and(known),
                None => self.problem(&format!("{at}.{keyword}"), unknown(name, keyword)),
            }
        }
        if list.is_empty() {
            self.problem(&format!("{at}.{keyword}"), "names no type");
        }
        (kinds != Kinds::NONE).then_some(kinds)
    }

    fn required(&mut self, at: &str, required: Option<&Value>, node: &mut Node) {
        let Some(required) = required else { return };
        let at = format!("{at}.required");
        let names: Option<Vec<&str>> =
            required.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        let Some(names) = names else { return self.problem(&at, "must be a list of names") };
        for name in names {
            if node.field(name.as_bytes()).is_none() {
                let inner = self.open();
                self.field(&at, node, name, inner);
            }
            want(node, name.as_bytes());
        }
    }

    fn field(&mut self, at: &str, node: &mut Node, name: &str, inner: Place) {
        if name.contains('\0') {
            return self.problem(at, "a field's name cannot hold a NUL");
        }
        let name = name.as_bytes();
        node.has_dotted |= name.contains(&b'.');
        node.has_numbers |= crate::path::is_numeric(name);
        let at = node.fields.partition_point(|(known, ..)| **known < *name);
        node.fields.insert(at, (name.into(), inner, None));
    }
}

/// Has the field missed where it is not there; its number among those.
pub(super) fn want(node: &mut Node, name: &[u8]) -> usize {
    let field = node.fields.iter_mut().find(|(known, ..)| **known == *name).expect("it is a field");
    *field.2.get_or_insert_with(|| {
        node.wanted.push(Wanted { name: name.into(), default: None });
        node.wanted.len() - 1
    })
}

fn unknown(name: &str, keyword: &str) -> String {
    match keyword {
        "type" => format!(
            "`{name}` is none of object, array, string, number, boolean, null; `bsonType` knows all types of BSON"
        ),
        _ => format!("`{name}` is no type of BSON; write it as in `int`, `string`, `date`, `objectId`"),
    }
}
