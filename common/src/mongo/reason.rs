//! The driver's errors in the words an operator needs: what happened, on which server.
//!
//! The driver prints an error with its labels, its source and the server's whole response, which may quote documents.

use mongodb::error::{Error as DriverError, ErrorKind};

/// A driver's error, briefly.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(String);

impl Reason {
    /// The reason for `error`.
    #[must_use]
    pub fn of(error: &DriverError) -> Self {
        Self(match error.kind.as_ref() {
            ErrorKind::Command(command) => format!("{} (code {})", command.code_name, command.code),
            ErrorKind::Io(io) => io.to_string(),
            ErrorKind::ServerSelection { message, .. } => servers(message),
            ErrorKind::Authentication { message, .. } => format!("authentication failed: {message}"),
            other => other.to_string(),
        })
    }
}

/// What each server of a selection that failed had to say, out of the driver's description of the topology.
fn servers(message: &str) -> String {
    let each = message.split("Address: ").skip(1).map(|server| {
        let (address, rest) = server.split_once(',').unwrap_or((server, ""));
        let error = rest.split_once("Error: Kind: ").map(|(_, error)| error);
        let error = error.map(|error| error.split(", labels:").next().unwrap_or(error));
        format!("{address}: {}", error.unwrap_or("no answer yet, or not the member that is needed"))
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() { message.to_owned() } else { each.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_selection_names_each_server_and_its_reason() {
        let message = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: \
                       127.0.0.1:9, Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: \
                       {\"x\"}, source: None } , { Address: b:1, Type: RsSecondary } ] }";
        assert_eq!(
            servers(message),
            "127.0.0.1:9: I/O error: Connection refused (os error 111); b:1: no answer yet, or not the member that is \
             needed"
        );
        assert_eq!(servers("something else"), "something else");
    }
}
