//! Connection strings and their options: what the driver cannot read, and what the guarantees do not allow.

use mongodb::options::ConnectionString;

use super::uri::{Parts, cut};
use crate::config::{Problem, secret::Secret};

/// An option that is refused, unless it says what is done anyway.
#[derive(Debug)]
pub(in crate::config) struct Refused {
    /// The option.
    pub(in crate::config) name: &'static str,
    /// Values (in lower case) that only say what is done anyway.
    pub(in crate::config) allowed: &'static [&'static str],
    /// Why others are refused.
    pub(in crate::config) reason: &'static str,
}

/// Options of a connection string that the guarantees rest on.
pub(in crate::config) const REFUSED: [Refused; 8] = [
    Refused {
        name: "w",
        allowed: &["majority"],
        reason: "what is reported as written must survive an election, so every write waits for the majority",
    },
    Refused {
        name: "journal",
        allowed: &["true"],
        reason: "what is reported as written must survive a crash",
    },
    Refused {
        name: "wtimeoutMS",
        allowed: &["0"],
        reason: "a write that stops waiting for the majority leaves open whether it holds",
    },
    Refused {
        name: "readConcernLevel",
        allowed: &["majority"],
        reason: "positions and documents are only read once the majority holds them",
    },
    Refused {
        name: "readPreference",
        allowed: &["primary"],
        reason: "positions, collections and snapshot chunks are read from the primary; a secondary may not know them yet",
    },
    Refused {
        name: "readPreferenceTags",
        allowed: &[],
        reason: "it only means something with a read preference other than primary",
    },
    Refused {
        name: "maxStalenessSeconds",
        allowed: &[],
        reason: "it only means something with a read preference other than primary",
    },
    Refused {
        name: "loadBalanced",
        allowed: &["false"],
        reason: "transactions and change streams must stay with one server, which the driver has to choose itself",
    },
];

/// Options whose values are secrets; the driver is not asked about them.
const SECRET: [&str; 3] = ["authmechanismproperties", "tlscertificatekeyfilepassword", "proxypassword"];

/// Checks a connection string.
pub(super) fn check(path: &str, uri: &Secret, problems: &mut Vec<Problem>) {
    let parts = match cut(uri.expose()) {
        Ok(parts) => parts,
        Err(reason) => return problems.push(Problem::new(path, reason)),
    };
    let refused = parts.options.iter().filter_map(|option| refusal(option));
    problems.extend(refused.map(|reason| Problem::new(path, reason)));
    if let Err(error) = ConnectionString::parse(harmless(&parts)) {
        problems.push(Problem::new(path, sentence(&error)));
    }
}

fn refusal(option: &str) -> Option<String> {
    let (name, value) = option.split_once('=')?;
    let refused = REFUSED.iter().find(|refused| refused.name.eq_ignore_ascii_case(name))?;
    let is_allowed = refused.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(value));
    (!is_allowed).then(|| format!("the option {} is refused: {}", refused.name, refused.reason))
}

/// The connection string without its secrets.
fn harmless(parts: &Parts<'_>) -> String {
    let Parts { scheme, user_info, hosts, database, options } = parts;
    let is_shown = |option: &&str| {
        let name = option.split('=').next().unwrap_or_default().to_lowercase();
        !SECRET.contains(&name.as_str())
    };
    let shown: Vec<_> = options.iter().copied().filter(is_shown).collect();
    let user =
        user_info.map(|user| if user.contains(':') { "user:password@" } else { "user@" }).unwrap_or_default();
    format!("{scheme}://{user}{hosts}/{database}?{}", shown.join("&"))
}

/// The driver's own words, without its wrapping.
fn sentence(error: &mongodb::error::Error) -> String {
    match error.kind.as_ref() {
        mongodb::error::ErrorKind::InvalidArgument { message, .. } => message.clone(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(uri: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check("source.uri", &Secret::new(uri), &mut problems);
        problems.into_iter().map(|problem| problem.reason).collect()
    }

    #[test]
    fn usual_connection_strings_pass() {
        let uris = [
            "mongodb://localhost",
            "mongodb://a:1,b:2,c:3/?replicaSet=rs0&directConnection=false",
            "mongodb+srv://me:p%40ss@cluster0.example.mongodb.net/?retryWrites=true&w=majority&appName=x",
            "mongodb://me:x@a/admin?authMechanism=SCRAM-SHA-256&tls=true&readPreference=primary&maxPoolSize=5",
            "mongodb://a/?authMechanism=MONGODB-X509&tls=true",
        ];
        for uri in uris {
            assert_eq!(problems(uri), Vec::<String>::new(), "{uri}");
        }
    }

    #[test]
    fn options_that_break_a_guarantee_are_refused_by_name() {
        let reasons = problems(
            "mongodb://me:hidden@a/?W=1&readPreference=secondary&readConcernLevel=local&journal=false",
        );
        let names: Vec<_> =
            reasons.iter().map(|reason| reason.split(" is refused").next().unwrap()).collect();
        let expected = [
            "the option w",
            "the option readPreference",
            "the option readConcernLevel",
            "the option journal",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn driver_is_never_told_the_secret() {
        for uri in [
            "mongodb://me:hidden@a/?wrongOption=1",
            "mongodb://me:hidden@a/?tls=maybe",
            "mongodb://me:hidden@a/d$b",
            "mongodb://me:hidden@a/?authMechanismProperties=AWS_SESSION_TOKEN:hidden&w",
            "mongodb+srv://me:hidden@a:1/",
        ] {
            let reasons = problems(uri);
            assert!(!reasons.is_empty() && !reasons.concat().contains("hidden"), "{uri}: {reasons:?}");
        }
    }
}
