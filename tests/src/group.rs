//! A member of a Kafka group that speaks for itself: what no client can be asked to do.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

const ANSWERS_IN: Duration = Duration::from_secs(30);
/// How long the brokers go on counting the member, which says no more.
const SESSION: Duration = Duration::from_secs(45);

/// Joins an empty group as `instance`, hands out nothing, and goes without a word: who joins under the same name meanwhile is given what it had.
/// Blocks.
///
/// # Panics
/// When the broker does not play along.
pub fn hand_out_nothing(broker: &str, group: &str, instance: &str, topic: &str) {
    let mut stream = TcpStream::connect(broker).expect("the broker listens");
    stream.set_read_timeout(Some(ANSWERS_IN)).expect("a socket has a time-out");

    // JoinGroup, version 5.
    let mut join = Message::default();
    let millis = i32::try_from(SESSION.as_millis()).expect("less than a month");
    join.text(group).int(millis).int(millis).text("").text(instance).text("consumer").int(1);
    let mut subscription = Message::default();
    subscription.short(1).int(1).text(topic).int(-1).int(0);
    join.text("cooperative-sticky").bytes(&subscription.0);
    let answer = ask(&mut stream, 11, 5, &join);
    // Behind time and error: the generation, the protocol's name, the leader, and the member, here one and the same.
    let (_, rest) = answer.split_at(4);
    assert_eq!(rest[..2], [0, 0], "the broker lets nobody join");
    let generation = i32::from_be_bytes(rest[2..6].try_into().expect("four bytes"));
    let (_protocol, rest) = text(&rest[6..]);
    let (leader, rest) = text(rest);
    let (member, _) = text(rest);
    assert_eq!(leader, member, "the group was not empty");

    // SyncGroup, version 3.
    let mut sync = Message::default();
    let mut assignment = Message::default();
    assignment.short(1).int(0).int(-1);
    sync.text(group).int(generation).text(member).text(instance).int(1).text(member).bytes(&assignment.0);
    let answer = ask(&mut stream, 14, 3, &sync);
    assert_eq!(answer[4..6], [0, 0], "the broker takes no assignment");
}

/// Numbers and texts as Kafka's protocol has them, in versions without tagged fields.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn short(&mut self, number: i16) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn int(&mut self, number: i32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.short(text.len().try_into().expect("a short text")).0.extend(text.as_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.int(bytes.len().try_into().expect("a few bytes")).0.extend(bytes);
        self
    }
}

fn ask(stream: &mut TcpStream, key: i16, version: i16, body: &Message) -> Vec<u8> {
    let mut request = Message::default();
    request.short(key).short(version).int(0).text("oplogue-e2e").0.extend(&body.0);
    let mut framed = Message::default();
    framed.bytes(&request.0);
    stream.write_all(&framed.0).expect("the broker listens");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("the broker answers");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("the broker answers");
    // Without the correlation.
    answer.split_off(4)
}

fn text(bytes: &[u8]) -> (&str, &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let (text, rest) = bytes[2..].split_at(length);
    (std::str::from_utf8(text).expect("names are text"), rest)
}
