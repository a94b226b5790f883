//! Building MongoDB clients.

use std::time::Duration;

use mongodb::{Client, options::ClientOptions};

use crate::{
    config::secret::Secret,
    error::{Error, Kind, Result},
};

/// How long the driver looks for a usable server before it reports that there is none.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a farewell may take; servers forget sessions by themselves.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A client for the deployment behind `uri`; connects in the background.
///
/// # Errors
/// [`Kind::Misconfigured`] when the connection string cannot be understood. The error never holds the string.
pub async fn connect(uri: &Secret, application: &str) -> Result<Client> {
    let mut options = ClientOptions::parse(uri.expose()).await.map_err(|error| {
        let kind = if super::classify(&error) == Kind::Transient && is_lookup(&error) {
            Kind::Transient
        } else {
            Kind::Misconfigured
        };
        Error::new(kind, format!("the connection string is not usable: {}", reason(&error)))
    })?;
    options.app_name = Some(application.to_owned());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    Client::with_options(options).map_err(|error| {
        Error::new(Kind::Misconfigured, format!("cannot build a client: {}", reason(&error)))
    })
}

/// Ends its sessions and tasks. Without that the driver does so when the last copy is dropped, in a task that meets the end of the runtime and panics
/// (`mongodb` 3.9.1, `connection_requester.rs`).
pub async fn close(client: Client) {
    // A server that does not answer need not know.
    drop(tokio::time::timeout(CLOSE_WITHIN, client.shutdown().immediate(true)).await);
}

fn is_lookup(error: &mongodb::error::Error) -> bool {
    matches!(*error.kind, mongodb::error::ErrorKind::DnsResolve { .. })
}

/// The driver's reason without anything that could quote the connection string.
fn reason(error: &mongodb::error::Error) -> String {
    match error.kind.as_ref() {
        mongodb::error::ErrorKind::InvalidArgument { message, .. } if !message.contains('@') => {
            message.clone()
        }
        mongodb::error::ErrorKind::DnsResolve { .. } => "its host name cannot be resolved".to_owned(),
        _ => "see the manual, \"Connection Strings\"".to_owned(),
    }
}
