//! Reaching the target, and which way it is written: in its transactions or without.

use common::{
    config::{Config, types::Delivery},
    error::{Error, Kind, Result},
    mongo::{self, Server, Version},
    retry::retry,
    service::Context,
    telemetry::health::Condition,
};
use mongodb::Client;

use crate::{checkpoint::Store, shard_keys::ShardKeys, sink::Deployment};

/// Sessions for collections that are made in transactions.
const MAKING: usize = 2;

/// The target, ready to be written.
pub(crate) struct Reached {
    pub(crate) deployment: Deployment,
    pub(crate) version: Version,
    pub(crate) shard_keys: ShardKeys,
    /// The pipeline's collections, where changes are applied exactly once.
    pub(crate) store: Option<Store<Deployment>>,
}

/// Reaches the target and says which way it will be written.
pub(crate) async fn reach(config: &Config, context: &Context, condition: &Condition) -> Result<Reached> {
    let reached = retry("reach the target", &context.shutdown, condition, || ready(config)).await;
    let (reached, server) = reached?;
    let version = server.version;
    let kind = if server.is_clustered() { "a cluster" } else { "a standalone" };
    if reached.store.is_some() {
        tracing::info!(%version, "the target is {kind}; exactly once: changes and offsets in its transactions");
    } else {
        tracing::info!(
            %version,
            "the target is {kind}; plain mode: every change at least once, converging to the source's state"
        );
    }
    Ok(reached)
}

async fn ready(config: &Config) -> Result<(Reached, Server)> {
    let (client, server) = connect(config).await?;
    let (version, shard_keys) = (server.version, ShardKeys::read(config, &client, &server).await?);
    if !is_exact(config.worker.delivery, &server)? {
        return Ok((
            Reached { deployment: Deployment::plain(client), version, shard_keys, store: None },
            server,
        ));
    }
    // One for each batch, and some for collections that are made.
    let sessions = usize::from(config.worker.connections) + MAKING;
    let deployment = Deployment::with_sessions(client, sessions).await;
    let deployment = deployment.map_err(|error| mongo::failed("the target gives no sessions", error))?;
    let store = Store::new(deployment.clone(), &config.pipeline);
    store.prepare().await?;
    Ok((Reached { deployment, version, shard_keys, store: Some(store) }, server))
}

/// A client of the target that has logged in.
pub(crate) async fn connect(config: &Config) -> Result<(Client, Server)> {
    let client = mongo::connect(config.target.connection_string()?, "oplogue-worker").await?;
    let server = Server::ask(&client, "target").await?;
    Ok((client, server))
}

/// Whether changes are applied exactly once.
pub(crate) fn is_exact(delivery: Delivery, server: &Server) -> Result<bool> {
    match delivery {
        Delivery::Auto => Ok(server.is_clustered()),
        Delivery::AtLeastOnce => Ok(false),
        Delivery::ExactlyOnce if server.is_clustered() => Ok(true),
        Delivery::ExactlyOnce => {
            let context = "worker.delivery is `exactly_once`, but the target is a standalone: it has no transactions. \
                           Make it a replica set (one member is enough), or set `auto`";
            Err(Error::new(Kind::Misconfigured, context))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_once_is_for_those_who_have_transactions() {
        let server = |set: Option<&str>, is_sharded| Server {
            version: Version::new(6, 0, 5),
            replica_set: set.map(str::to_owned),
            is_sharded,
        };
        let (standalone, set, sharded) = (server(None, false), server(Some("rs"), false), server(None, true));
        for cluster in [&set, &sharded] {
            assert!(
                is_exact(Delivery::Auto, cluster).unwrap()
                    && is_exact(Delivery::ExactlyOnce, cluster).unwrap()
            );
            assert!(!is_exact(Delivery::AtLeastOnce, cluster).unwrap());
        }
        assert!(!is_exact(Delivery::Auto, &standalone).unwrap());
        assert_eq!(is_exact(Delivery::ExactlyOnce, &standalone).unwrap_err().kind, Kind::Misconfigured);
    }
}
