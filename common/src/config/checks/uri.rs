//! A MongoDB connection string taken apart without being trusted: what may be shown, and what the driver may be asked about.
//!
//! The driver's error sentences quote pieces of the string, and a password with an unescaped `@`, `/` or `:` ends up in
//! such a piece. So the parts are cut out here, generously in favour of the secret, and the driver sees a string without it.

/// The parts of a connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// `mongodb` or `mongodb+srv`.
    pub(super) scheme: &'a str,
    /// User name and password: everything before the last `@`.
    pub(super) user_info: Option<&'a str>,
    /// The hosts.
    pub(super) hosts: &'a str,
    /// The database, when one is named.
    pub(super) database: &'a str,
    /// The options, as `key=value`, in the order written.
    pub(super) options: Vec<&'a str>,
}

/// Cuts a connection string; what is wrong, without quoting it.
pub(super) fn cut(uri: &str) -> Result<Parts<'_>, String> {
    let (scheme, rest) = match uri.split_once("://") {
        Some((scheme @ ("mongodb" | "mongodb+srv"), rest)) => (scheme, rest),
        _ => return Err("must begin with mongodb:// or mongodb+srv://".to_owned()),
    };
    let (user_info, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    if let Some(user_info) = user_info {
        check_user_info(user_info)?;
    }
    let (before, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = before.split_once('/').unwrap_or((before, ""));
    if !hosts.split(',').all(is_host) {
        return Err("the hosts cannot be understood; write them as host:port,host:port".to_owned());
    }
    let options = options.split('&').filter(|option| !option.is_empty()).collect();
    Ok(Parts { scheme, user_info, hosts, database, options })
}

fn check_user_info(user_info: &str) -> Result<(), String> {
    let is_reserved = |c: char| matches!(c, '/' | '?' | '#' | '[' | ']' | '@');
    if user_info.contains(is_reserved) || user_info.matches(':').count() > 1 {
        return Err(
            "in user name, password and options : / ? # [ ] @ must be percent-encoded (@ is %40)".to_owned()
        );
    }
    let mut escapes = user_info.split('%').skip(1);
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if escapes.all(is_escape) {
        Ok(())
    } else {
        Err("in user name and password a percent sign must be percent-encoded (%25)".to_owned())
    }
}

/// A name, an IPv4 or bracketed IPv6 address or an escaped socket path, with or without a port.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_bracketed = name.starts_with('[') && name.ends_with(']');
    let inner = if is_bracketed { &name[1..name.len() - 1] } else { name };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._%".contains(c) || (is_bracketed && c == ':');
    !inner.is_empty()
        && inner.chars().all(fits)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// What may be shown of a connection string: where it leads, not as whom.
pub(in crate::config) fn masked(uri: &str) -> String {
    match cut(uri) {
        Ok(Parts { scheme, user_info, hosts, .. }) => {
            let user = if user_info.is_some() { "…@" } else { "" };
            format!("{scheme}://{user}{hosts}")
        }
        Err(_) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_and_only_the_place_is_shown() {
        let uri = "mongodb://me:p%40ss@a:1,[::1]:2/db?replicaSet=rs0&appName=x";
        let parts = cut(uri).unwrap();
        assert_eq!((parts.user_info, parts.hosts, parts.database), (Some("me:p%40ss"), "a:1,[::1]:2", "db"));
        assert_eq!(parts.options, ["replicaSet=rs0", "appName=x"]);
        assert_eq!(masked(uri), "mongodb://…@a:1,[::1]:2");
        assert_eq!(masked("mongodb+srv://cluster.example.net/"), "mongodb+srv://cluster.example.net");
        assert_eq!(masked("mongodb://%2Ftmp%2Fmongodb.sock"), "mongodb://%2Ftmp%2Fmongodb.sock");
        assert_eq!(masked("hidden"), "…");
    }

    #[test]
    fn whatever_is_unescaped_the_secret_is_not_quoted() {
        let uris = [
            "mongodb://me:hid@den@h:1",
            "mongodb://me:hid/den@h:1",
            "mongodb://me:hid?den@h:1/?w=1",
            "mongodb://me:hid:den@h:1",
            "mongodb://me:hidden%@h:1",
            "mongodb://me:hidden%aé@h:1",
            "mongodb://me:hidden",
            "mongodb://h:99999/hidden",
            "mongodb://hid den:1",
            "me:hidden@h:1",
            "http://me:hidden@h:1",
        ];
        for uri in uris {
            let reason = cut(uri).unwrap_err();
            assert!(!reason.contains("hid") && !reason.contains("den"), "{uri}: {reason}");
            assert_eq!(masked(uri), "…");
        }
    }
}
