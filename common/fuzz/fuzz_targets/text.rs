//! Arbitrary bytes as Extended JSON; the body is `common::testing::fuzz::text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::testing::fuzz::text(bytes));
