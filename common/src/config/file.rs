//! The configuration file: found, read, parsed by its extension.
//!
//! What the parsers say about a syntax error is cut down to place and cause: they quote the line, and the line may hold
//! a secret.

use std::{
    fs,
    path::{Path, PathBuf},
};

use config::{ConfigError, File, FileFormat, Map, Source, Value};

use super::Problem;

/// The file that is read when none is named and it is there.
const DEFAULT: &str = "oplogue.toml";

/// The named file, else the default one if it is there.
pub(super) fn find(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_path_buf).or_else(|| Some(PathBuf::from(DEFAULT)).filter(|path| path.exists()))
}

/// The values of a file.
pub(super) fn read(path: &Path) -> Result<Map<String, Value>, Problem> {
    let problem = |reason: String| Problem::new(path.display().to_string(), reason);
    let format = format(path).ok_or_else(|| problem("must end in .toml, .yaml, .yml or .json".to_owned()))?;
    let text = fs::read_to_string(path).map_err(|e| problem(format!("cannot be read: {e}")))?;
    File::from_str(&text, format).collect().map_err(|e| problem(syntax(&e)))
}

fn format(path: &Path) -> Option<FileFormat> {
    match path.extension()?.to_str()? {
        "toml" => Some(FileFormat::Toml),
        "yaml" | "yml" => Some(FileFormat::Yaml),
        "json" => Some(FileFormat::Json),
        _ => None,
    }
}

/// Place and cause of a syntax error, without the lines that quote the file (`3 | uri = "…"`, `  |  ^`).
fn syntax(error: &ConfigError) -> String {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let is_quote =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let lines: Vec<_> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_quote(line)).collect();
    lines.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Map<String, Value>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        read(&path).map_err(|problem| problem.reason)
    }

    #[test]
    fn three_formats_say_the_same() {
        let toml = read_text("a.toml", "[kafka]\nbrokers = \"k:1\"\n[kafka.options]\n\"linger.ms\" = \"5\"")
            .unwrap();
        let yaml = read_text("a.yaml", "kafka:\n  brokers: k:1\n  options:\n    linger.ms: '5'").unwrap();
        let json =
            read_text("a.json", r#"{"kafka": {"brokers": "k:1", "options": {"linger.ms": "5"}}}"#).unwrap();
        assert_eq!(toml, yaml);
        assert_eq!(toml, json);
    }

    #[test]
    fn syntax_errors_have_a_place_and_never_quote_the_file() {
        let texts = [
            ("a.toml", "pipeline = \"x\"\nuri = \"mongodb://u:hidden@h\nx = 1"),
            ("a.toml", "uri = mongodb://u:hidden@h"),
            ("a.toml", "[source]\nuri = 'hidden'\nuri = 'hidden'"),
            ("a.json", "{\"uri\": \"hidden\", }"),
            ("a.json", "{\"uri\": hidden }"),
            ("a.yaml", "uri: \"hidden\n- x"),
            ("a.yaml", "uri: &hidden {hidden: [}"),
        ];
        for (name, text) in texts {
            let reason = read_text(name, text).unwrap_err();
            assert!(!reason.contains("hidden") && reason.contains("line"), "{name}: {reason}");
        }
    }

    #[test]
    fn unreadable_files_say_why() {
        assert_eq!(read(Path::new("a.ini")).unwrap_err().reason, "must end in .toml, .yaml, .yml or .json");
        let missing = read(Path::new("/nowhere/a.toml")).unwrap_err();
        assert!(
            missing.to_string().starts_with("/nowhere/a.toml: cannot be read: No such file"),
            "{missing}"
        );
    }
}
