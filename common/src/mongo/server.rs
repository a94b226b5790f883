//! What a MongoDB deployment says of itself.

use bson::{Document, doc};
use mongodb::Client;

use super::failed;
use crate::{
    cluster_time::ClusterTime,
    error::{Error, Kind, Result},
};

/// A server version; patch levels decide features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major, as 6 in 6.0.27.
    pub major: i32,
    /// Minor, as 0 in 6.0.27.
    pub minor: i32,
    /// Patch, as 27 in 6.0.27.
    pub patch: i32,
}

/// Facts about a deployment, asked once when it is connected to.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its version.
    pub version: Version,
    /// Name of its replica set, when it is one.
    pub replica_set: Option<String>,
    /// Whether this is a `mongos`.
    pub is_sharded: bool,
}

impl Server {
    /// Asks the deployment behind `client`.
    ///
    /// # Errors
    /// Transient when no server answers, [`Kind::Misconfigured`] when it refuses the login.
    pub async fn ask(client: &Client, whose: &str) -> Result<Self> {
        let context = || format!("cannot reach the {whose} MongoDB");
        let admin = client.database("admin");
        let hello = admin.run_command(doc! {"hello": 1}).await.map_err(|e| failed(context(), e))?;
        let build = admin.run_command(doc! {"buildInfo": 1}).await.map_err(|e| failed(context(), e))?;
        let version = Version::of(&build).ok_or_else(|| {
            Error::new(Kind::Misconfigured, format!("the {whose} MongoDB names no version"))
        })?;
        Ok(Self {
            version,
            replica_set: hello.get_str("setName").ok().map(str::to_owned),
            is_sharded: hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid"),
        })
    }

    /// Whether transactions and change streams are to be had.
    #[must_use]
    pub const fn is_clustered(&self) -> bool {
        self.replica_set.is_some() || self.is_sharded
    }
}

impl Version {
    /// From `major.minor.patch`.
    #[must_use]
    pub const fn new(major: i32, minor: i32, patch: i32) -> Self {
        Self { major, minor, patch }
    }

    fn of(build_info: &Document) -> Option<Self> {
        let parts = build_info.get_array("versionArray").ok()?;
        let part = |i: usize| parts.get(i).and_then(bson::Bson::as_i32);
        Some(Self::new(part(0)?, part(1)?, part(2)?))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The `operationTime` of a reply.
///
/// # Errors
/// [`Kind::Misconfigured`] when there is none: the server is no replica set.
pub fn operation_time(reply: &Document) -> Result<ClusterTime> {
    reply
        .get_timestamp("operationTime")
        .map(|t| ClusterTime::new(t.time, t.increment))
        .map_err(|_| Error::new(Kind::Misconfigured, "the server's reply holds no operationTime"))
}
