//! Arbitrary bytes as a BSON document; the body is `common::testing::fuzz::bson`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::testing::fuzz::bson(bytes));
