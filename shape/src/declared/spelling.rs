//! Paths as people read them, as those of observed schemas: `items.[].price`.

/// One part of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'v> {
    /// A field by its name.
    Field(&'v [u8]),
    /// An array's element.
    Element,
    /// A path as a delta writes it.
    Path(&'v [u8]),
}

/// The path to `last`.
pub(super) fn spelt(at: &[Part<'_>], last: Part<'_>) -> String {
    let mut path = String::new();
    for part in at.iter().chain([&last]) {
        if !path.is_empty() {
            path.push('.');
        }
        match part {
            Part::Element => path.push_str("[]"),
            Part::Path(text) => path.push_str(&String::from_utf8_lossy(text)),
            Part::Field([]) => path.push_str("\\e"),
            Part::Field(b"[]") => path.push_str("\\[]"),
            Part::Field(name) => {
                for c in String::from_utf8_lossy(name).chars() {
                    if matches!(c, '.' | '\\') {
                        path.push('\\');
                    }
                    path.push(c);
                }
            }
        }
    }
    path
}
