//! The worker's binary.

use std::{io::Write, process::ExitCode, sync::Arc};

use common::{
    cli::{DeadLettersOrder, DefinitionsOrder, RulesOrder, SchemaOrder, Seek},
    config::{Config, Problem, Role},
    error::Result,
    service::{self, Context, Service},
    supervision::blocking,
};

/// For librdkafka's pieces, too; `.cargo/config.toml` says how it is set, `docs/memory.md` why.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Reads Kafka, writes the target.
struct Worker;

impl Service for Worker {
    const ROLE: Role = Role::Worker;
    const CONDITIONS: &'static [&'static str] = worker::pipeline::CONDITIONS;

    fn problems(config: &Config) -> Vec<Problem> {
        worker::pipeline::problems(config)
    }

    async fn connect(config: Arc<Config>) -> Result<Vec<String>> {
        worker::pipeline::connect(&config).await
    }

    async fn seek(config: Arc<Config>, seek: Seek) -> Result<Vec<String>> {
        worker::seek::seek(&config, &seek).await
    }

    async fn dead_letters(
        config: Arc<Config>,
        order: DeadLettersOrder,
        mut out: impl Write + Send + 'static,
    ) -> Result<()> {
        blocking(move || worker::dead_letter::desk::deal(&config, &order, &mut out)).await
    }

    async fn schema(
        config: Arc<Config>,
        order: SchemaOrder,
        mut out: impl Write + Send + 'static,
    ) -> Result<()> {
        blocking(move || worker::schema::print(&config, &order, &mut out)).await
    }

    async fn rules(
        config: Arc<Config>,
        order: RulesOrder,
        mut out: impl Write + Send + 'static,
    ) -> Result<()> {
        blocking(move || worker::reshape::carry_out(&config, &order, &mut out)).await
    }

    async fn definitions(
        config: Arc<Config>,
        order: DefinitionsOrder,
        mut out: impl Write + Send + 'static,
    ) -> Result<()> {
        worker::ddl::restore(&config, &order, &mut out).await
    }

    async fn run(config: Arc<Config>, context: Context) -> Result<()> {
        worker::pipeline::run(config, &context).await
    }
}

fn main() -> ExitCode {
    service::main::<Worker>()
}
