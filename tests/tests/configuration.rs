//! Configurations that cannot be worked with: every problem at once, each with its path.

use std::process::Output;

use e2e::{Pipeline, process::Binary, settings::CANARY};
use serde_json::json;

/// Runs to the end what ends at once.
fn run(binary: Binary, pipeline: &Pipeline, arguments: &[&str]) -> Output {
    pipeline.write_settings();
    let output = binary.command().args(arguments).current_dir(pipeline.folder()).output();
    output.expect("the binary can be started")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Ends with status 2 and names every path, and no secret.
fn refuses(binary: Binary, pipeline: &Pipeline, paths: &[&str]) {
    for arguments in [&["check"][..], &["run"], &[]] {
        let output = run(binary, pipeline, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{binary:?} {arguments:?}: {said}");
        for path in paths {
            let is_named = said.lines().any(|line| line.starts_with(&format!("{path}: ")));
            assert!(is_named, "{binary:?} {arguments:?} does not name {path}:\n{said}");
        }
        assert!(!said.contains(CANARY), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_is_told_at_once_with_its_path() {
    let mut pipeline = Pipeline::new("problems").await;
    pipeline.settings["pipline"] = json!("x");
    pipeline.settings["kafka"]["partitons"] = json!(3);
    pipeline.settings["kafka"]["partitions"] = json!("many");
    pipeline.settings["kafka"]["options"]["isolation.level"] = json!("read_uncommitted");
    pipeline.settings["producer"]["start"] = json!("yesterday");
    pipeline.settings["namespaces"]["include"] = json!(["users", "/shop.(/"]);
    pipeline.settings["namespaces"]["exclude"] = json!(["."]);
    pipeline.settings["rules"] = json!([
        {"namespace": "nodot", "allow": ["a"]},
        {"namespace": "shop.orders", "allow": ["x"]},
        {"namespace": "shop.orders", "allow": ["y"]},
    ]);
    let paths = [
        "pipline",
        "kafka.partitons",
        "kafka.partitions",
        "kafka.options.isolation.level",
        "producer.start",
        "namespaces.include[0]",
        "namespaces.include[1]",
        "namespaces.exclude[0]",
        "rules[0].namespace",
        "rules[2].namespace",
    ];
    refuses(Binary::Producer, &pipeline, &paths);
    refuses(Binary::Worker, &pipeline, &paths);
    pipeline.discard().await;
}

/// What rules say is the worker's business.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradictory_rules_are_refused() {
    let mut pipeline = Pipeline::new("rules").await;
    pipeline.settings["rules"] = json!([
        {"namespace": "shop.users", "allow": ["a", "b.c"], "deny": ["a"]},
        {"namespace": "shop.orders", "deny": ["_id"]},
        {"namespace": "shop.carts", "allow": ["a..b"]},
        {"namespace": "shop.names", "rename": {"a": "b", "c": "b", "d.e": "f.g", "_id": "id"}},
        {"namespace": "shop.masks", "deny": ["x"], "mask": {"x": "hash", "a.b": "hide", "c": {"truncate": 0}, "d": "redact", "d.e": "hash"}},
    ]);
    pipeline.settings["map"] = json!([
        {"from": "shop.a", "to": "crm.x"},
        {"from": "shop.b", "to": "admin.x"},
        {"from": "shop.*", "to": "crm.all"},
    ]);
    let paths = [
        "rules[0].allow[0]",
        "rules[1].deny[0]",
        "rules[2].allow[0]",
        "rules[3].rename._id",
        "rules[3].rename.d.e",
        "rules[4].mask.x",
        "rules[4].mask.a.b",
        "rules[4].mask.c.truncate",
        "rules[4].mask.d.e",
        "map[1].to",
        "map[2].to",
        "worker.mask_key",
    ];
    refuses(Binary::Worker, &pipeline, &paths);
    pipeline.discard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_shows_what_was_understood_without_secrets() {
    let mut pipeline = Pipeline::new("check").await;
    let password = "a-password-in-a-uri";
    pipeline.settings["source"]["uri"] =
        json!(format!("mongodb://user:{password}@127.0.0.1:1/?replicaSet=rs"));
    pipeline.settings["target"]["uri"] = pipeline.settings["source"]["uri"].clone();
    pipeline.allow("users", &["firstname"]);
    for binary in [Binary::Producer, Binary::Worker] {
        let output = run(binary, &pipeline, &["check"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(&pipeline.name) && said.contains("firstname"), "{said}");
        assert!(!said.contains(password) && !said.contains(CANARY), "{said}");
    }
    pipeline.discard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_connect_reaches_the_services() {
    let pipeline = Pipeline::new("check_connect").await;
    for (binary, names) in [(Binary::Producer, ["source", "kafka"]), (Binary::Worker, ["target", "kafka"])] {
        let output = run(binary, &pipeline, &["check", "--connect"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        for name in names {
            let is_reached = said.lines().any(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
            assert!(is_reached, "{binary:?} does not say that it reached {name}:\n{said}");
        }
    }
    pipeline.discard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environment_and_flags_win_over_the_file() {
    let mut pipeline = Pipeline::new("layers").await;
    let uri = pipeline.settings["source"]["uri"].clone();
    let secret = pipeline.folder().join("uri");
    std::fs::write(&secret, format!("{}\n", uri.as_str().expect("a text"))).expect("target/ can be written");
    pipeline.settings["source"] = json!({"uri_file": secret});
    pipeline.write_settings();
    let output = Binary::Producer
        .command()
        .args(["check", "--pipeline", "from-flag"])
        .env("OPLOGUE_PIPELINE", "from-environment")
        .env("OPLOGUE_KAFKA__TOPIC_PREFIX", "prefix-of-topics")
        .env("OPLOGUE_NAMESPACES__INCLUDE", "a.b,c.d")
        .current_dir(pipeline.folder())
        .output()
        .expect("the binary can be started");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for text in ["from-flag", "prefix-of-topics", "a.b", "c.d"] {
        assert!(said.contains(text), "no `{text}` in {said}");
    }
    assert!(!said.contains("from-environment\""), "the flag wins: {said}");
    pipeline.discard().await;
}
