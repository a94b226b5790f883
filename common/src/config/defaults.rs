//! What holds when a key is not set. Sized for two processors and 256 MiB a process; the benchmark says what more would bring.

use super::types::{
    Ddl, DdlPolicy, Delivery, HistoryLost, LogFormat, OtherDdl, Producer, SchemaSettings, Snapshot, Start,
    Telemetry, Worker,
};

impl Default for Producer {
    fn default() -> Self {
        Self {
            slice: "rs0".to_owned(),
            instance: None,
            start: Start::default(),
            history_lost: HistoryLost::default(),
            batch_events: 1000,
            memory_mib: 256,
            transaction_mib: 4,
            transaction_timeout_ms: 15_000,
            snapshot: Snapshot::default(),
        }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { chunk_mib: 4, parallel: 2 }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            delivery: Delivery::default(),
            batch_statements: 1000,
            connections: 2,
            memory_mib: 256,
            partition_mib: 4,
            commit_interval_ms: 1000,
            drain_timeout_ms: 20_000,
            ddl: Ddl::default(),
            schema: SchemaSettings::default(),
            mask_key: None,
            mask_key_file: None,
        }
    }
}

impl Default for Ddl {
    fn default() -> Self {
        Self {
            drop: DdlPolicy::Apply,
            rename: DdlPolicy::Apply,
            indexes: DdlPolicy::Apply,
            create: DdlPolicy::Apply,
            differing: OtherDdl::Fail,
            modify: DdlPolicy::Apply,
            other: OtherDdl::Ignore,
        }
    }
}

impl Default for SchemaSettings {
    fn default() -> Self {
        Self { observe: true, paths: 2000 }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { listen: None, log: "info".to_owned(), log_format: LogFormat::Text }
    }
}
