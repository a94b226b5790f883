//! BSON as a tree, for generators to grow and models to change.

use crate::raw::{Kind, Writer};

/// The fields of a document in order; names may repeat, but hold no NUL.
pub type Fields = Vec<(String, Value)>;

/// A BSON value.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A document.
    Document(Fields),
    /// An array.
    Array(Vec<Value>),
    /// Code with scope.
    CodeWithScope(String, Fields),
    /// Any other kind, by the bytes that an element of it has after its name.
    Scalar(Kind, Vec<u8>),
}

impl Value {
    /// A string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::Scalar(Kind::String, string_bytes(text))
    }

    /// An `Int32`.
    #[must_use]
    pub fn int(value: i32) -> Self {
        Self::Scalar(Kind::Int32, value.to_le_bytes().to_vec())
    }

    /// A double.
    #[must_use]
    pub fn double(value: f64) -> Self {
        Self::Scalar(Kind::Double, value.to_le_bytes().to_vec())
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Document(_) => Kind::Document,
            Self::Array(_) => Kind::Array,
            Self::CodeWithScope(..) => Kind::CodeWithScope,
            Self::Scalar(kind, _) => *kind,
        }
    }

    /// Appends the value as a field.
    pub fn write(&self, name: &str, writer: &mut Writer) {
        let name = name.as_bytes();
        match self {
            Self::Document(fields) => {
                writer.begin_document(name);
                write_fields(fields, writer);
                writer.end();
            }
            Self::Array(items) => {
                writer.begin_array(name);
                items.iter().enumerate().for_each(|(index, item)| item.write(&index.to_string(), writer));
                writer.end();
            }
            Self::CodeWithScope(code, scope) => {
                let mut bytes = [string_bytes(code), to_bson(scope)].concat();
                let len = u32::try_from(bytes.len() + 4).expect("a generated value is small");
                bytes.splice(..0, len.to_le_bytes());
                writer.value(Kind::CodeWithScope, name, &bytes);
            }
            Self::Scalar(kind, bytes) => writer.value(*kind, name, bytes),
        }
    }
}

/// One line per scalar: failures are read by people.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Document(fields) => f.debug_map().entries(fields.iter().map(|(n, v)| (n, v))).finish(),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::CodeWithScope(code, scope) => write!(f, "code {code:?} with {scope:?}"),
            Self::Scalar(kind, bytes) => write!(f, "{} {:?}", kind.alias(), bytes.escape_ascii().to_string()),
        }
    }
}

/// A string's bytes: length, text, NUL.
pub(super) fn string_bytes(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len() + 1).expect("a generated string is small");
    [&len.to_le_bytes()[..], text.as_bytes(), &[0]].concat()
}

fn write_fields(fields: &Fields, writer: &mut Writer) {
    fields.iter().for_each(|(name, value)| value.write(name, writer));
}

/// The bytes of a document with these fields.
#[must_use]
pub fn to_bson(fields: &Fields) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin();
    write_fields(fields, &mut writer);
    writer.end();
    writer.into_bytes()
}
