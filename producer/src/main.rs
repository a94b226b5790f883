//! The producer's binary.

use std::{process::ExitCode, sync::Arc};

use common::{
    cli::SnapshotOrder,
    config::{Config, Problem, Role},
    error::Result,
    service::{self, Context, Service},
    supervision::blocking,
};

/// For librdkafka's pieces, too; `.cargo/config.toml` says how it is set, `docs/memory.md` why.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Reads the source, publishes to Kafka.
struct Producer;

impl Service for Producer {
    const ROLE: Role = Role::Producer;
    const CONDITIONS: &'static [&'static str] = producer::pipeline::CONDITIONS;

    fn problems(config: &Config) -> Vec<Problem> {
        producer::life::problems(config)
    }

    async fn connect(config: Arc<Config>) -> Result<Vec<String>> {
        producer::pipeline::reach(&config).await
    }

    async fn snapshot(
        config: Arc<Config>,
        order: SnapshotOrder,
        tell: impl Fn(String) + Send + 'static,
    ) -> Result<()> {
        blocking(move || producer::order::snapshot(&config, &order, tell)).await
    }

    async fn run(config: Arc<Config>, context: Context) -> Result<()> {
        producer::pipeline::run(config, &context).await
    }
}

fn main() -> ExitCode {
    service::main::<Producer>()
}
