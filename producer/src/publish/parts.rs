//! Values that no record of their topic can hold are cut into parts (pure).
//!
//! Guards: the parts put together again in their order are the value to the byte, and every one of them, with key, headers and
//! frames, is below what the topic takes.
//!
//! # What counts towards a topic's limit
//! The broker compares `max.message.bytes` with the size of a whole record *batch* as it lies in the log (Kafka,
//! `UnifiedLog.analyzeAndValidateRecords`: `batch.sizeInBytes`), and again after it has written a batch anew for a topic with
//! another `compression.type`. librdkafka puts a record that is larger than `batch.size` into a batch of its own, and compares
//! `message.max.bytes` with key, value, headers and its own worst frame, all uncompressed (`rd_kafka_msg_new00`). So these are
//! taken off the limit before a value is cut:
//!
//! ```text
//!   limit ─┬─ 1/16: what a codec adds to bytes that do not compress (lz4 n/255, snappy n/6 in theory and n/1000 on data), and
//!          │        the `dead.*` headers, should the record ever go to a dead-letter topic with the same limit
//!          ├─ 1 KiB: frame of the batch (61) and of the record (36), our headers (650: a namespace has 255 bytes at most)
//!          ├─ the key, which every part repeats
//!          └─ what is left is the room for a value
//! ```
//!
//! Compression is not counted on: whether a value fits must not hang on its bytes.

use common::headers::Part;

/// Frames and headers of a record, whatever it holds.
const BESIDE: usize = 1024;
/// The room of a topic that takes hardly more than frames and keys: parts so small would be nothing but frames.
const LEAST_ROOM: usize = 512;

/// A part's bytes at most, where the topic would take more: a reader has at least one record of every partition in memory.
const PIECE: usize = 1024 * 1024;

/// Bytes that a batch of records may have where the topic takes `limit`.
pub(super) const fn batch(limit: usize) -> usize {
    limit - limit / 16
}

/// Bytes of a value that fit a record beside a key of this length; `None` where that is next to nothing.
pub(super) fn room(limit: usize, key: usize) -> Option<usize> {
    batch(limit).checked_sub(BESIDE + key).filter(|room| *room >= LEAST_ROOM)
}

/// The value in pieces of up to `room` bytes, each with its place; a value that fits is whole and has none. One that does not is cut into pieces
/// of a megabyte at most.
pub(super) fn cut(value: &[u8], room: usize) -> impl Iterator<Item = (Option<Part>, &[u8])> {
    let most = if value.len() > room { room.min(PIECE) } else { room };
    let of = value.len().div_ceil(most).max(1);
    // Even pieces: a small rest would be a record as good as empty.
    let size = value.len().div_ceil(of).max(1);
    (0..of).map(move |index| {
        let piece = &value[(index * size).min(value.len())..((index + 1) * size).min(value.len())];
        (place(index, of), piece)
    })
}

fn place(index: usize, of: usize) -> Option<Part> {
    let count = |n: usize| u32::try_from(n).expect("a value is under 4 GiB");
    (of > 1).then(|| Part { number: count(index + 1), of: count(of) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_stays_whole_and_has_no_place() {
        for length in [0, 1, 99, 100] {
            let value = vec![7; length];
            assert_eq!(cut(&value, 100).collect::<Vec<_>>(), [(None, value.as_slice())]);
        }
        let value = vec![7; 101];
        let sizes: Vec<_> =
            cut(&value, 100).map(|(part, piece)| (part.unwrap().to_string(), piece.len())).collect();
        assert_eq!(sizes, [("1/2".to_owned(), 51), ("2/2".to_owned(), 50)]);
    }

    #[test]
    fn what_does_not_fit_a_large_record_goes_in_small_ones() {
        let value = vec![7; 3 * PIECE];
        assert_eq!(cut(&value, 3 * PIECE).count(), 1);
        let sizes: Vec<_> = cut(&value, 3 * PIECE - 1).map(|(_, piece)| piece.len()).collect();
        assert_eq!(sizes, [PIECE; 3]);
    }

    #[test]
    fn a_key_as_large_as_the_topic_takes_leaves_no_room() {
        assert!(room(65_536, 50).is_some_and(|room| room > 60_000));
        assert_eq!(room(65_536, 65_000), None);
        assert_eq!(room(0, 0), None);
    }

    proptest! {
        #[test]
        fn parts_together_are_the_value(value in prop::collection::vec(any::<u8>(), 0..5000), room in 1_usize..1500) {
            let parts: Vec<_> = cut(&value, room).collect();
            let together: Vec<u8> = parts.iter().flat_map(|(_, piece)| piece.iter().copied()).collect();
            prop_assert_eq!(&together, &value);
            prop_assert!(parts.iter().all(|(_, piece)| piece.len() <= room));
            prop_assert!(parts.len() == 1 || parts.iter().all(|(_, piece)| !piece.is_empty()));
            for (index, (part, _)) in parts.iter().enumerate() {
                let wanted = (parts.len() > 1).then(|| format!("{}/{}", index + 1, parts.len()));
                prop_assert_eq!(part.map(|part| part.to_string()), wanted);
            }
        }
    }
}
