//! A rule's path as it is written: names between dots, `\.` for a dot inside a name, `\\` for a backslash, `\e` for a name that is
//! empty.

use std::fmt;

/// One name of a rule's path, unescaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Component(String);

/// A rule's path, at least one component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Component>);

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing at all.
    #[error("the path is empty")]
    Empty,
    /// Nothing between two dots, before the first or after the last.
    #[error("the path has an empty part; write a dot inside a name as `\\.`, a name that is empty as `\\e`")]
    EmptyPart,
    /// A backslash before something else than a dot, a backslash, or an `e` that is all there is between two dots.
    #[error("`\\` stands only before a dot, another `\\`, or alone with an `e`")]
    Escape,
    /// A name with a NUL, which no field can have.
    #[error("the path holds a NUL")]
    Nul,
}

impl Component {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether the name itself holds a dot, so that only a field of exactly this name is meant.
    #[must_use]
    pub fn has_dot(&self) -> bool {
        self.0.contains('.')
    }
}

impl Path {
    /// Reads a path as a user writes it.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        let (mut names, mut empty) = (vec![String::new()], 0);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let name = names.last_mut().expect("there is always a name being read");
            match c {
                '\0' => return Err(PathError::Nul),
                '.' => names.push(String::new()),
                '\\' if name.is_empty() && is_empty_name(chars.as_str()) => {
                    chars.next();
                    empty += 1;
                }
                '\\' => name.push(chars.next().filter(|c| matches!(c, '.' | '\\')).ok_or(PathError::Escape)?),
                c => name.push(c),
            }
        }
        if names.iter().filter(|name| name.is_empty()).count() > empty {
            return Err(PathError::EmptyPart);
        }
        Ok(Self(names.into_iter().map(Component).collect()))
    }

    /// The names from the root on.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.0
    }
}

/// Whether an `e` and then the end of the name follow.
fn is_empty_name(rest: &str) -> bool {
    rest.strip_prefix('e').is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, component) in self.0.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            let name = if component.0.is_empty() { "\\e" } else { component.0.as_str() };
            let escaped = || name.replace('\\', "\\\\").replace('.', "\\.");
            write!(f, "{dot}{}", if component.0.is_empty() { name.to_owned() } else { escaped() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_and_writes_its_names() {
        let cases: [(&str, &[&str]); 7] = [
            ("a", &["a"]),
            ("items.price", &["items", "price"]),
            ("a\\.b.0", &["a.b", "0"]),
            ("$x.a\\\\", &["$x", "a\\"]),
            (" ", &[" "]),
            ("\\e", &[""]),
            ("a.\\e.e.\\\\e", &["a", "", "e", "\\e"]),
        ];
        for (text, names) in cases {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.components().iter().map(Component::name).collect::<Vec<_>>(), names);
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, error) in [
            ("", PathError::Empty),
            (".", PathError::EmptyPart),
            ("a..b", PathError::EmptyPart),
            ("a.", PathError::EmptyPart),
            ("a\\", PathError::Escape),
            ("a\\n", PathError::Escape),
            ("a\\e", PathError::Escape),
            ("\\ea", PathError::Escape),
            ("a\0", PathError::Nul),
        ] {
            assert_eq!(Path::parse(text), Err(error), "{text}");
        }
    }
}
