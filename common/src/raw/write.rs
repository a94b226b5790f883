//! Writing BSON into a reused buffer.

use super::{Document, Element, Kind};

/// Appends one document after another to a buffer; lengths are patched when a document is closed.
///
/// A writer starts with no open document. [`Writer::begin`] opens the outermost one, [`Writer::begin_document`] and
/// [`Writer::begin_array`] nest, [`Writer::end`] closes the innermost. Calls that do not pair up are a bug of the caller
/// and panic.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    open: Vec<usize>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that appends to `bytes`, whose capacity is kept.
    #[must_use]
    pub const fn over(bytes: Vec<u8>) -> Self {
        Self { bytes, open: Vec::new() }
    }

    /// Forgets what was written, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.open.clear();
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written; complete once every opened document is closed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Ends the writing and hands out the buffer.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        assert!(self.open.is_empty(), "a document was opened and not closed");
        self.bytes
    }

    /// Opens an outermost document.
    pub fn begin(&mut self) {
        self.open.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// Opens a document field.
    pub fn begin_document(&mut self, name: &[u8]) {
        self.header(Kind::Document, name);
        self.begin();
    }

    /// Opens an array field.
    pub fn begin_array(&mut self, name: &[u8]) {
        self.header(Kind::Array, name);
        self.begin();
    }

    /// Closes the innermost open document or array.
    pub fn end(&mut self) {
        let start = self.open.pop().expect("`end` pairs with a `begin`");
        self.bytes.push(0);
        let len = u32::try_from(self.bytes.len() - start).expect("a BSON document is under 4 GiB");
        self.bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }

    /// Appends an element whose value bytes are already in BSON form.
    pub fn value(&mut self, kind: Kind, name: &[u8], value: &[u8]) {
        self.header(kind, name);
        self.bytes.extend_from_slice(value);
    }

    /// Appends an element as it is.
    pub fn element(&mut self, element: &Element<'_>) {
        self.value(element.kind, element.name, element.value);
    }

    /// Appends a finished document as a field.
    pub fn document(&mut self, name: &[u8], document: Document<'_>) {
        self.value(Kind::Document, name, document.as_bytes());
    }

    /// Appends a string field.
    pub fn str(&mut self, name: &[u8], text: &str) {
        self.header(Kind::String, name);
        let len = u32::try_from(text.len() + 1).expect("a BSON string is under 4 GiB");
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// Appends an `Int32` field.
    pub fn i32(&mut self, name: &[u8], value: i32) {
        self.value(Kind::Int32, name, &value.to_le_bytes());
    }

    /// Appends an `Int64` field.
    pub fn i64(&mut self, name: &[u8], value: i64) {
        self.value(Kind::Int64, name, &value.to_le_bytes());
    }

    /// Appends a `Boolean` field.
    pub fn bool(&mut self, name: &[u8], value: bool) {
        self.value(Kind::Boolean, name, &[u8::from(value)]);
    }

    /// Appends a `Binary` field of the subtype for UUIDs, 4.
    pub fn uuid(&mut self, name: &[u8], uuid: &[u8; 16]) {
        self.header(Kind::Binary, name);
        self.bytes.extend_from_slice(&[16, 0, 0, 0, 4]);
        self.bytes.extend_from_slice(uuid);
    }

    /// Appends a `Timestamp` field from its packed 64 bits.
    pub fn timestamp(&mut self, name: &[u8], packed: u64) {
        self.value(Kind::Timestamp, name, &packed.to_le_bytes());
    }

    fn header(&mut self, kind: Kind, name: &[u8]) {
        debug_assert!(!name.contains(&0), "a field name holds no NUL");
        self.bytes.push(kind as u8);
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
    }
}
