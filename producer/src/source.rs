//! The source deployment: what it is, what time it has, what the user may do.

use bson::doc;
use common::{
    cluster_time::ClusterTime,
    config::Slice,
    error::{Error, Kind, Result},
    mongo::{self, Server},
    retry::retry,
    telemetry::health::Condition,
};
use mongodb::Client;
use tokio_util::sync::CancellationToken;

/// How this process calls itself to source and brokers.
pub const CLIENT: &str = "oplogue-producer";

/// The source deployment behind one connection string.
#[derive(Debug, Clone)]
pub struct Source {
    /// The driver's client.
    pub client: Client,
    /// What the deployment says of itself.
    pub server: Server,
}

impl Source {
    /// Asks what the deployment is and refuses what has no change streams.
    ///
    /// # Errors
    /// Transient when it cannot be reached; [`Kind::Misconfigured`] for a wrong login or a standalone server.
    pub async fn ask(client: Client) -> Result<Self> {
        let server = Server::ask(&client, "source").await?;
        if !server.is_clustered() {
            return Err(Error::new(
                Kind::Misconfigured,
                "the source is a standalone server, which has no change streams; make it a replica set of one: start \
                 mongod with --replSet rs0 and run rs.initiate() once",
            ));
        }
        Ok(Self { client, server })
    }

    /// The source's cluster time now: every write acknowledged before this call is at or before it.
    ///
    /// # Errors
    /// Transient when the source does not answer.
    pub async fn cluster_time(&self) -> Result<ClusterTime> {
        let reply = self.client.database("admin").run_command(doc! {"ping": 1}).await;
        let reply =
            reply.map_err(|error| mongo::failed("cannot ask the source for its cluster time", error))?;
        mongo::operation_time(&reply)
    }

    /// Writes a note to the oplog, so that an idle source's clock passes a chunk's cluster time at once.
    ///
    /// Needs the role action `appendOplogNote`; without it the server's own no-op, every 10 s, does the same.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`] when the role does not allow it.
    pub async fn nudge(&self) -> Result<()> {
        let note = doc! {"appendOplogNote": 1, "data": {"oplogue": "snapshot"}};
        let reply = self.client.database("admin").run_command(note).await;
        reply.map(drop).map_err(|error| mongo::failed("cannot append a note to the oplog", error))
    }
}

/// Connects to the slice's source, for as long as that takes.
///
/// # Errors
/// What does not pass by itself; cancelled when `stop` is.
pub async fn reach(slice: &Slice, stop: &CancellationToken, condition: &Condition) -> Result<Source> {
    retry("reach the source", stop, condition, || connect(slice)).await
}

/// A client of the slice's source that has logged in.
///
/// # Errors
/// As [`Source::ask`].
pub async fn connect(slice: &Slice) -> Result<Source> {
    Source::ask(mongo::connect(&slice.uri, CLIENT).await?).await
}
