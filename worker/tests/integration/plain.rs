//! Targets that are written without transactions.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use bson::doc;

use crate::support::{Pipe, event::*, until};

/// A `mongod` that is no replica set; killed when dropped.
struct Standalone {
    child: Child,
    uri: String,
    _dir: tempfile::TempDir,
}

impl Standalone {
    fn start() -> Self {
        let stack = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/stack");
        let found = Command::new(stack).args(["which", "mongod"]).output().unwrap();
        let mongod = String::from_utf8(found.stdout).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(mongod.trim())
            .arg("--dbpath")
            .arg(dir.path())
            .args(["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, uri: format!("mongodb://127.0.0.1:{port}/"), _dir: dir }
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_is_written_in_plain_mode_which_is_said_and_never_where_exactly_once_is_asked_for() {
    let standalone = Standalone::start();
    let mut pipe = Pipe::new("standalone").await;
    let target = format!("[target]\nuri = \"{}\"\n", standalone.uri);
    pipe.target = mongodb::Client::with_uri_str(&standalone.uri).await.unwrap().database(&pipe.name);
    let users = pipe.events("users", 2).await;
    pipe.publish(&users, (0..100).map(|id| insert(user(id)))).await;
    let worker = pipe.worker(&target);
    pipe.until_count(&users, 100).await;
    worker.until_log("plain mode");
    until("Kafka has it", async || pipe.committed(&users).into_iter().flatten().sum::<i64>() == 100).await;
    assert_eq!(pipe.positions().count_documents(doc! {}).await.unwrap(), 0);
    assert!(worker.stop().0.success());

    let exactly = format!("{target}[worker]\ndelivery = \"exactly_once\"\n");
    let (status, log) = pipe.worker(&exactly).ended();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("worker.delivery") && log.contains("standalone"), "{log}");
}
