//! Kafka Connect beside the shared services, and the connectors of `connect-configs/` in it.
//!
//! A connector's file is given to Connect as it is: what it says of databases and topics holds for the tests, too. So all of them share
//! the database `test`, and only one test at a time has its turn.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Stack,
    waiting::{DEADLINE, ensure, eventually},
};

/// The database that the files name.
pub const DATABASE: &str = "test";

const REQUEST_WITHIN: Duration = Duration::from_secs(10);
static TURN: Mutex<()> = Mutex::const_new(());

/// A turn with Connect: no connector runs, the database and its topics are gone.
pub struct Connect {
    url: String,
    /// The services.
    pub stack: Arc<Stack>,
    _turn: MutexGuard<'static, ()>,
}

impl Connect {
    /// Waits for the turn; starts Connect where nobody has.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn turn() -> Self {
        let turn = TURN.lock().await;
        let stack = Stack::shared();
        let url = tokio::task::block_in_place(|| stack.connect());
        let connect = Self { url, stack, _turn: turn };
        connect.clear().await;
        connect
    }

    /// Ends what a test before has left.
    async fn clear(&self) {
        let left = self.ask(Method::GET, "/connectors", None).await.expect("Connect answers");
        for name in left.as_array().into_iter().flatten().filter_map(Value::as_str) {
            Connector { connect: self, name: name.to_owned() }.forget().await;
        }
        for side in ["source", "target"] {
            let client = self.stack.client(side).await;
            client.database(DATABASE).drop().await.expect("the server answers");
        }
        self.remove_topics().await;
    }

    async fn remove_topics(&self) {
        let config = ClientConfig::new().set("bootstrap.servers", self.stack.brokers()).clone();
        let consumer: BaseConsumer = config.create().expect("librdkafka takes these options");
        let admin: AdminClient<DefaultClientContext> =
            config.create().expect("librdkafka takes these options");
        eventually("the topics of former tests are gone", DEADLINE, async || {
            let left = tokio::task::block_in_place(|| topics(&consumer))?;
            let names: Vec<&str> = left.iter().map(String::as_str).collect();
            if !names.is_empty() {
                let removed = admin.delete_topics(&names, &AdminOptions::new()).await;
                removed.map_err(|error| error.to_string())?;
            }
            ensure(names.is_empty(), || format!("{left:?} are still there"))
        })
        .await;
    }

    /// Starts a connector from its file.
    ///
    /// # Panics
    /// When it does not run in time.
    pub async fn start(&self, name: &str) -> Connector<'_> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../connect-configs/{name}.json"));
        let config = fs::read_to_string(&file).expect("connect-configs/ has the file");
        let connector = Connector { connect: self, name: name.to_owned() };
        connector.ask(Method::PUT, "/config", Some(config)).await.expect("Connect takes the file");
        eventually(format!("{name} runs"), DEADLINE, async || connector.runs().await).await;
        connector
    }

    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Value, String> {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        let request = request.header(CONTENT_TYPE, "application/json").body(body.unwrap_or_default());
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|error| error.to_string())?);
        ensure(status.is_success(), || format!("{status}: {text}"))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// Topics of events of the database, by whichever connector.
fn topics(consumer: &BaseConsumer) -> Result<BTreeSet<String>, String> {
    let metadata = consumer.fetch_metadata(None, REQUEST_WITHIN).map_err(|error| error.to_string())?;
    let named = metadata.topics().iter().map(|topic| topic.name().to_owned());
    Ok(named.filter(|name| name.split('.').take(2).any(|part| part == DATABASE)).collect())
}

/// A connector that was started.
pub struct Connector<'c> {
    connect: &'c Connect,
    name: String,
}

impl Connector<'_> {
    async fn ask(&self, method: Method, what: &str, body: Option<String>) -> Result<Value, String> {
        self.connect.ask(method, &format!("/connectors/{}{what}", self.name), body).await
    }

    /// Whether it runs, with all its tasks.
    ///
    /// # Errors
    /// Says what it does instead.
    ///
    /// # Panics
    /// When it has failed: that does not pass.
    pub async fn runs(&self) -> Result<(), String> {
        let status = self.ask(Method::GET, "/status", None).await?;
        let tasks = status["tasks"].as_array().ok_or("no tasks are told")?;
        let states = || tasks.iter().chain([&status["connector"]]).map(|one| one["state"].as_str());
        assert!(!states().any(|state| state == Some("FAILED")), "{} has failed: {status}", self.name);
        ensure(!tasks.is_empty() && states().all(|state| state == Some("RUNNING")), || status.to_string())
    }

    /// Ends its tasks; its position stays.
    ///
    /// # Panics
    /// When they do not end in time.
    pub async fn stop(&self) {
        self.ask(Method::PUT, "/stop", None).await.expect("Connect answers");
        eventually(format!("{} has stopped", self.name), DEADLINE, async || {
            let status = self.ask(Method::GET, "/status", None).await?;
            let is_idle = status["tasks"].as_array().is_some_and(Vec::is_empty);
            ensure(is_idle && status["connector"]["state"] == "STOPPED", || status.to_string())
        })
        .await;
    }

    /// Its resume token, once it has committed one that is not the copy's.
    ///
    /// # Panics
    /// When it does not do so in time.
    pub async fn token(&self) -> Value {
        eventually(format!("{} has committed a token after its copy", self.name), DEADLINE, async || {
            let offsets = self.ask(Method::GET, "/offsets", None).await?;
            let position = &offsets["offsets"][0]["offset"];
            ensure(position.get("copy").is_none(), || format!("still copying: {position}"))?;
            let token = position["_id"].as_str().ok_or_else(|| format!("no token: {offsets}"))?;
            serde_json::from_str(token).map_err(|error| format!("{error}: {token}"))
        })
        .await
    }

    /// Ends it and what Connect knows of it.
    ///
    /// # Panics
    /// When Connect does not do so in time.
    pub async fn forget(self) {
        self.stop().await;
        eventually(format!("{} is forgotten", self.name), DEADLINE, async || {
            self.ask(Method::DELETE, "/offsets", None).await?;
            self.ask(Method::DELETE, "", None).await
        })
        .await;
    }
}
