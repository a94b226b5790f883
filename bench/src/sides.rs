//! Where to write and to watch, as the command line says it.

use clap::Args;

/// A collection.
#[derive(Debug, Args)]
pub(crate) struct Collection {
    /// Database; at the source, where the target's may differ.
    #[arg(long)]
    pub(crate) db: String,
    /// Collection.
    #[arg(long, default_value = "c")]
    pub(crate) coll: String,
}

/// A collection that is at both sides.
#[derive(Debug, Args)]
pub(crate) struct Sides {
    /// Connection string of the source.
    #[arg(long)]
    pub(crate) source: String,
    /// Connection string of the target.
    #[arg(long)]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) collection: Collection,
}
