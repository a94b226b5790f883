//! Raw BSON ⇄ canonical MongoDB Extended JSON v2, streaming, into reused buffers.
//!
//! This is the product's hot path: every event crosses it twice. Bytes go in and bytes come out; there is no tree of
//! values in between, and nothing is allocated per element.
//!
//! ```text
//!   raw::Document ── encode::document ──▶ text ── decode::document ──▶ the same bytes
//!        │                 │
//!        │                 └─ Err(NotUtf8 | Ambiguous | Inexact): the record is sent as raw BSON
//!        └─ a value's wording: encode::value        a wrapper's reading: decode::{compact, wrappers, blocks}
//! ```
//!
//! # The law: exact or refused
//!
//! 1. If encoding succeeds, decoding the text gives the very bytes that were encoded.
//! 2. If decoding succeeds, the bytes have a text (so the first law holds for them).
//! 3. Whatever goes in, nothing panics, and a failed call leaves the output buffer as it was.
//!
//! Nothing is flattened in silence, for a difference of one bit is a difference to whoever compares both sides by hash.
//! What text cannot hold is an [`encode::Error`] that says so; [`encode::Error::fits_bson`] then tells the caller that the
//! record can travel as raw BSON. `docs/adr/0001-exact-or-refused.md` argues this against escapes and approximations.
//!
//! Laws 1 to 3 are what the properties and fuzz targets check (`testing::fuzz`).
//!
//! # What text cannot hold
//!
//! | in BSON | why | error |
//! |---|---|---|
//! | a *nested* document with a field named `$oid`, `$numberInt`, … | the specification makes readers take it for the wrapper, or fail | `Ambiguous` |
//! | a string or name that is not UTF-8 | JSON is Unicode; the server does not check | `NotUtf8` |
//! | a NaN with a sign or payload | all NaNs are worded `NaN`, read back as `0x7FF8000000000000` | `Inexact(Nan)` |
//! | a Decimal128 NaN with a sign, payload or signalling bit; a non-canonical coefficient or infinity | worded as the canonical value | `Inexact(Decimal128)` |
//! | an array whose element names are not 0, 1, 2, … | JSON arrays have no names | `Inexact(ArrayNames)` |
//! | regular expression options out of order | readers sort them | `Inexact(RegexOptions)` |
//! | binary subtype 2 whose inner length is wrong; a boolean byte of 2 | not worded at all | `Inexact(OldBinary)`, `Inexact(Boolean)` |
//!
//! Everything else is carried: deprecated types, -0.0, infinities, Decimal128 exponents and trailing zeros, dates of any
//! year, NUL within strings, repeated, empty, dotted and `$`-prefixed names, up to [`raw::MAX_DEPTH`] levels.
//!
//! # What is a wrapper
//!
//! The specification's rules for parsers decide, and [`encode`] mirrors them: the outermost object is never a wrapper; a
//! nested object that holds a wrapper's key must be exactly that wrapper, keys in any order; any other `$` name is a name.
//! One list of keys serves both directions (`wrapper`), so the encoder refuses exactly the documents that the decoder
//! would not give back. The old Extended JSON v1 (`{"$date": 0}`, …) is read only on request, [`decode::Dialect::V2AndV1`].
//!
//! [`raw::MAX_DEPTH`]: crate::raw::MAX_DEPTH
//!
//! Source: specifications repository, `extended-json`, `bson-corpus`, `bson-decimal128`.

pub mod decode;
pub mod encode;
pub mod hex;
pub mod words;

mod decimal128;
mod number;
mod text;
mod wrapper;
