//! The bodies of the fuzz targets in `common/fuzz`, plain functions so that properties drive them on stable Rust too.

use crate::{
    codec::{
        decode::{self, Dialect},
        encode,
    },
    raw::Document,
};

/// Bytes taken as a BSON document: encoding refuses them and leaves no trace, or writes text that decodes to them.
///
/// # Panics
/// When the codec breaks its law.
pub fn bson(bytes: &[u8]) {
    let Ok(document) = Document::new(bytes) else { return };
    let mut text = b"before".to_vec();
    match encode::document(document, &mut text) {
        Err(_) => assert_eq!(text, b"before"),
        Ok(()) => {
            let mut back = Vec::new();
            decode::document(&text[6..], &mut back).expect("our own text is read");
            assert_eq!(back, bytes, "text stands for other bytes");
        }
    }
}

/// Bytes taken as text: decoding refuses them and leaves no trace, or writes BSON that text carries exactly.
///
/// # Panics
/// When the codec breaks its law.
pub fn text(text: &[u8]) {
    for dialect in [Dialect::V2, Dialect::V2AndV1] {
        let mut bytes = b"before".to_vec();
        match decode::document_in(dialect, text, &mut bytes) {
            Err(_) => assert_eq!(bytes, b"before"),
            Ok(()) => {
                let document = Document::new(&bytes[6..]).expect("decoded bytes are a document");
                encode::document(document, &mut Vec::new()).expect("decoded documents have an exact text");
                bson(&bytes[6..]);
            }
        }
    }
}
