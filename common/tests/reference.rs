//! What is written from the configuration's types is current, and the example at the top shows every key.
//!
//! `OPLOGUE_TEST_UPDATE=1` writes the files anew instead of comparing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{
    config::{Config, Role, Sources, reference},
    telemetry::names,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_current(name: &str, text: &str) {
    let path = root().join(name);
    if std::env::var_os("OPLOGUE_TEST_UPDATE").is_some() {
        fs::write(&path, text).expect("the file can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{name} is out of date; run this test with OPLOGUE_TEST_UPDATE=1 and commit it"
    );
}

fn example() -> String {
    fs::read_to_string(root().join("oplogue.toml")).expect("the example is there")
}

fn load(role: Role, text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let file = directory.path().join("oplogue.toml");
    fs::write(&file, text).expect("the file can be written");
    let sources = Sources { file: Some(file), env: vec![], flags: vec![], extra: |_| vec![] };
    Config::load(role, &sources).map(|loaded| loaded.config).map_err(|problems| problems.to_string())
}

#[test]
fn written_files_are_current() {
    is_current("oplogue.schema.json", &reference::json_schema());
    is_current("docs/configuration.md", &reference::markdown());
    is_current("docs/metrics.md", &names::markdown());
}

#[test]
fn example_loads_and_says_the_defaults() {
    let bare = "pipeline = 'demo'\nkafka.brokers = 'localhost:9092'\n\
        source.uri = 'mongodb://localhost:27017/?replicaSet=source'\n\
        target.uri = 'mongodb://localhost:27018/?replicaSet=target'";
    for role in [Role::Producer, Role::Worker] {
        let [example, bare] = [&example(), bare].map(|text| load(role, text).expect("it loads"));
        assert_eq!(format!("{example:?}"), format!("{bare:?}"));
    }
}

/// The example with every commented setting switched on, but for those that exclude their neighbours.
fn switched_on() -> String {
    let is_setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.starts_with("[[")
            || (line.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let is_instead = |setting: &str| {
        ["uri_file", "mask_key_file", "declared_file"].iter().any(|key| setting.starts_with(key))
    };
    let example = example();
    let (before, slices) =
        example.split_once("# [[source.slices]]").expect("the example shows several sources");
    let (_, after) = slices.split_once("\n\n").expect("something follows them");
    let example = format!("{before}\n{after}");
    let lines = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) && !is_instead(setting) => setting.to_owned(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_commented_setting_of_the_example_is_good() {
    for role in [Role::Producer, Role::Worker] {
        let config = load(role, &switched_on()).expect("every commented setting is good");
        assert_eq!((config.rules.len(), config.namespaces.include.len()), (1, 2));
    }
}

#[test]
fn example_shows_every_key_under_its_table_with_its_default() {
    let example = example();
    for (table, name, default) in reference::settings() {
        let list = format!("# [[{table}]]");
        let heading = if example.contains(&list) { list } else { format!("[{table}]") };
        let section = match table.as_str() {
            "" => example.as_str(),
            _ => example.split(&heading).nth(1).unwrap_or_else(|| panic!("{heading} is missing")),
        };
        let section = section.split("\n[").next().unwrap_or_default();
        let shown = section.lines().find_map(|line| {
            line.trim_start_matches("# ").strip_prefix(&name)?.strip_prefix(" = ").map(str::to_owned)
        });
        let shown = shown.unwrap_or_else(|| panic!("{heading} {name} is missing"));
        let is_example = ["null", "[]", "{}", "\"\""].contains(&default.as_str());
        assert!(is_example || shown == default, "{heading} {name}: {shown} is not the default {default}");
    }
}
