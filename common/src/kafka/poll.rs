//! Waiting for a consumer without work in between.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{BaseConsumer, ConsumerContext},
    error::KafkaResult,
    message::BorrowedMessage,
};

/// Events of librdkafka (statistics, say) that may stand before a record, each of which looks like an empty queue.
const EVENTS: usize = 8;

/// Has this thread woken when there is something to poll.
pub fn wakes_this_thread<C: ConsumerContext>(consumer: &mut BaseConsumer<C>) {
    let thread = thread::current();
    consumer.set_nonempty_callback(move || thread.unpark());
}

/// As the consumer's own `poll`, which asks again and again while less than a millisecond of `timeout` is left (read: rdkafka 0.39,
/// `poll_queue`): this one sleeps. For the thread that [`wakes_this_thread`] was called on.
pub fn poll<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    timeout: Duration,
) -> Option<KafkaResult<BorrowedMessage<'_>>> {
    let until = Instant::now() + timeout;
    loop {
        let polled = (0..EVENTS).find_map(|_| consumer.poll(Duration::ZERO));
        let left = until.saturating_duration_since(Instant::now());
        if polled.is_some() || left.is_zero() {
            return polled;
        }
        thread::park_timeout(left);
    }
}
