//! Log lines on stderr, for people or as one JSON object each.
//!
//! librdkafka's own lines come in as target `librdkafka`, so one filter rules all. Panics are logged like errors.

use std::{
    io::{IsTerminal, stderr},
    panic::PanicHookInfo,
};

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter, util::SubscriberInitExt};

use crate::{
    config::types::{LogFormat, Telemetry},
    error::{Error, Kind, Result},
};

/// Starts logging for the whole process, to stderr.
///
/// # Errors
/// [`Kind::Misconfigured`] when the filter cannot be understood, [`Kind::Invariant`] when logging was started before.
pub fn init(telemetry: &Telemetry) -> Result<()> {
    let subscriber = subscriber(telemetry, stderr, stderr().is_terminal())?;
    subscriber.try_init().map_err(|e| Error::caused(Kind::Invariant, "cannot start logging twice", e))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Whether a log filter can be understood; the reason when not.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(text: &str) -> Result<(), String> {
    EnvFilter::try_new(text).map(drop).map_err(|e| e.to_string())
}

fn subscriber<W>(telemetry: &Telemetry, writer: W, ansi: bool) -> Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&telemetry.log)
        .map_err(|e| Error::caused(Kind::Misconfigured, "telemetry.log cannot be understood", e))?;
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    Ok(match telemetry.log_format {
        LogFormat::Text => Box::new(lines.with_ansi(ansi).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_current_span(false).finish()),
    })
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(thread = thread.name().unwrap_or("unnamed"), location, "panicked: {message}");
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &str, log_format: LogFormat, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let telemetry = Telemetry { log: log.to_owned(), log_format, ..Telemetry::default() };
        let subscriber = subscriber(&telemetry, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn filter_decides_by_level_and_target() {
        let text = logged("warn,common=debug", LogFormat::Text, || {
            tracing::debug!(topic = "test.users", "ours");
            tracing::info!(target: "librdkafka", "theirs");
        });
        assert!(text.contains("ours topic=\"test.users\"") && !text.contains("theirs"), "{text}");
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let text = logged("info", LogFormat::Json, || tracing::info!(events = 3, "published"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["events"]), (&"published".into(), &3.into()));
    }

    #[test]
    fn bad_filter_is_told() {
        assert!(check_filter("info,producer=debug").is_ok());
        assert!(check_filter("info,producer=loud").is_err());
    }
}
