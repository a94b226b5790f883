use common::telemetry::health::Health;
use serde_json::json;

use super::*;

/// A life whose source nobody listens for.
fn life() -> Life {
    let health = Health::new(&[]);
    let condition = |name: &str| health.condition(name);
    let conditions =
        Conditions { source: condition("source"), slice: condition("slice"), kafka: condition("kafka") };
    let uri = "mongodb://127.0.0.1:1/?replicaSet=nobody";
    let config = json!({"pipeline": "p", "source": {"uri": uri}, "kafka": {"brokers": "127.0.0.1:1"}});
    let config: Config = serde_json::from_value(config).unwrap();
    let slice = config.slices().unwrap().remove(0);
    let limits = Arc::new(Limits::new(&config.kafka));
    Life { config: Arc::new(config), slice, conditions, limits, stop: CancellationToken::new() }
}

/// 1. A rebalance hands a slice out and takes it back while its source is not reached yet. 2. What its beginning then ends with must not end the
///    producer, which may have other slices or has to stand by.
#[tokio::test]
async fn a_slice_that_is_let_go_while_it_begins_has_ended_well() {
    let life = life();
    let stop = life.stop.clone();
    let running = tokio::spawn(async move { life.run().await.map_err(|error| error.chain()) });
    tokio::task::yield_now().await;
    stop.cancel();
    assert_eq!(running.await.unwrap(), Ok(()));
}
