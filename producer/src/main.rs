//! The producer's binary.

use std::{process::ExitCode, sync::Arc};

use common::{
    config::{Config, Role},
    error::Result,
    service::{self, Context, Service},
};

/// Reads the source, publishes to Kafka.
struct Producer;

impl Service for Producer {
    const ROLE: Role = Role::Producer;
    const CONDITIONS: &'static [&'static str] = producer::pipeline::CONDITIONS;

    async fn connect(config: Arc<Config>) -> Result<Vec<String>> {
        producer::pipeline::reach(&config).await
    }

    async fn run(config: Arc<Config>, context: Context) -> Result<()> {
        producer::pipeline::run(config, &context).await
    }
}

fn main() -> ExitCode {
    service::main::<Producer>()
}
