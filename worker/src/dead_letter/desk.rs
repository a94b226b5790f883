//! The operator's desk: dead letters are looked at and dealt with.
//!
//! ```text
//!   dead-letter topic ─▸ read ─▸ shelf (folds parts and copies, verdicts) ─▸ list │ show
//!          ▲                                                             └─▸ replay ─▸ control topic ─▸ producer
//!          └────────────────────── verdict ◂── discard ◂── what was published ◂────────┘
//! ```
//!
//! Owns the commands `worker dead-letters …`. Guards: nothing is taken out of the topic, for it is the log of what was refused and of what
//! was decided about it; and no refused change is ever applied by hand. A replay asks for the document as the source has it now, which
//! enters the log behind everything published before, so an older version cannot overwrite a newer one
//! (`docs/adr/0010-a-replay-asks-for-the-document.md`).

mod discard;
mod letter;
mod list;
mod read;
mod replay;
mod select;
mod shelf;
mod show;
mod verdict;

use std::io::Write;

use common::{
    cli::{DeadLettersOrder, LetterId},
    config::Config,
    error::{Error, Kind, Result},
    topics::Topics,
};

use self::shelf::Shelf;

/// Carries an order out; what there is to say goes to `out`. Blocks.
///
/// # Errors
/// [`Kind::Misconfigured`] for a letter that is not there; otherwise what could not be done.
pub fn deal(config: &Config, order: &DeadLettersOrder, out: &mut impl Write) -> Result<()> {
    let desk = Desk { config, topics: Topics::new(&config.kafka.topic_prefix, &config.pipeline) };
    match order {
        DeadLettersOrder::List(order) => desk.list(order, out),
        DeadLettersOrder::Show { id, form } => desk.show(*id, *form, out),
        DeadLettersOrder::Replay { which, within, is_trial } => desk.replay(which, *within, *is_trial, out),
        DeadLettersOrder::Discard { which, note, is_trial } => {
            desk.discard(which, note.as_deref(), *is_trial, out)
        }
    }
}

/// What the commands have in common.
struct Desk<'c> {
    config: &'c Config,
    topics: Topics,
}

impl Desk<'_> {
    /// Everything that lies there now.
    fn shelf(&self) -> Result<Shelf> {
        let mut shelf = Shelf::default();
        read::all(&self.config.kafka, &self.topics.dead_letters(), |partition, record| {
            shelf.add(partition, record);
        })?;
        Ok(shelf)
    }

    fn not_there(&self, id: LetterId) -> Error {
        Error::new(
            Kind::Misconfigured,
            format!("there is no dead letter {id} in {}", self.topics.dead_letters()),
        )
    }
}

/// A line for the reader. One who went away (`list | head`) is no failure.
fn say(out: &mut impl Write, line: &str) {
    drop(writeln!(out, "{line}"));
}

/// "1 dead letter", "2 dead letters".
fn letters(count: usize) -> String {
    format!("{count} dead letter{}", if count == 1 { "" } else { "s" })
}
