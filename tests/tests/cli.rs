//! The command line.

use std::process::Output;

use e2e::process::Binary;

const BINARIES: [Binary; 2] = [Binary::Producer, Binary::Worker];

fn run(binary: Binary, arguments: &[&str]) -> Output {
    binary.command().args(arguments).output().expect("the binary can be started")
}

fn printed(binary: Binary, arguments: &[&str]) -> String {
    let output = run(binary, arguments);
    assert_eq!(output.status.code(), Some(0), "{binary:?} {arguments:?}");
    assert!(output.stderr.is_empty(), "{binary:?} {arguments:?}");
    String::from_utf8(output.stdout).expect("text is UTF-8")
}

#[test]
fn help_names_commands_settings_environment_and_exit_statuses() {
    for binary in BINARIES {
        let help = printed(binary, &["--help"]);
        for text in
            ["run", "check", "completions", "--config", "--brokers", "OPLOGUE_KAFKA__BROKERS", "Exit status"]
        {
            assert!(help.contains(text), "no `{text}` in {help}");
        }
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(110), "{help}");
    }
}

#[test]
fn version_is_one_line_that_begins_with_the_name() {
    for binary in BINARIES {
        let version = printed(binary, &["--version"]);
        assert!(version.starts_with(&format!("{} 0.", binary.name())), "{version}");
        assert_eq!(version.lines().count(), 1, "{version}");
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    for binary in BINARIES {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = printed(binary, &["completions", shell]);
            assert!(script.contains(binary.name()) && script.contains("check"), "{shell}: {script}");
        }
    }
}

#[test]
fn mistakes_on_the_command_line_end_with_status_2() {
    for binary in BINARIES {
        for arguments in [&["--no-such-flag"][..], &["nonsense"], &["completions", "tcsh"], &["--config"]] {
            let output = run(binary, arguments);
            assert_eq!(output.status.code(), Some(2), "{binary:?} {arguments:?}");
            assert!(!output.stderr.is_empty(), "{binary:?} {arguments:?}");
        }
    }
}
