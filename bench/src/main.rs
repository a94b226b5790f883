//! What `scripts/bench` measures with. Each command does one thing and prints one line of JSON about it.
//!
//! | command | does |
//! |---|---|
//! | `load` | writes documents to a source, as fast as it takes them |
//! | `floor` | copies with nothing between: the same reads and writes, with and without Kafka; the limit for any pipeline |
//! | `latency` | writes at a fixed rate and watches the target: how long until each write is visible there |
//!
//! It shares no code with the pipeline.

mod command;
mod documents;
mod floor;
mod latency;
mod load;
mod percentiles;
mod sides;

use clap::{Parser, Subcommand};

/// What scripts/bench measures with.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Load(load::Load),
    Floor(floor::Floor),
    Latency(latency::Latency),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the result")]
async fn main() -> anyhow::Result<()> {
    let result = match Cli::parse().action {
        Action::Load(load) => load.run().await?,
        Action::Floor(floor) => floor.run().await?,
        Action::Latency(latency) => latency.run().await?,
    };
    println!("{result}");
    Ok(())
}
