//! Paths of a schema as text: names joined by dots, `[]` for "each element". Pure.
//!
//! A name's own dots and backslashes are escaped as in field rules (`a\.b`, `a\\b`, `\e` for an empty name), and a field whose name *is* `[]`
//! is `\[]`.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// Each element of an array.
    Element,
    /// The field of this name.
    Field(String),
}

/// Adds a field's name to a path.
pub(super) fn push_field(path: &mut String, name: &str) {
    begin(path);
    match name {
        "" => path.push_str("\\e"),
        "[]" => path.push_str("\\[]"),
        name => {
            for c in name.chars() {
                if matches!(c, '.' | '\\') {
                    path.push('\\');
                }
                path.push(c);
            }
        }
    }
}

/// Adds "each element" to a path.
pub(super) fn push_element(path: &mut String) {
    begin(path);
    path.push_str("[]");
}

fn begin(path: &mut String) {
    if !path.is_empty() {
        path.push('.');
    }
}

/// The steps of a path.
pub(super) fn steps(path: &str) -> Vec<Step> {
    let (mut steps, mut name, mut is_plain, mut chars) = (Vec::new(), String::new(), true, path.chars());
    let end = |name: &mut String, is_plain: bool| match (std::mem::take(name), is_plain) {
        (name, true) if name == "[]" => Step::Element,
        (name, _) => Step::Field(name),
    };
    while let Some(c) = chars.next() {
        match c {
            '.' => {
                steps.push(end(&mut name, is_plain));
                is_plain = true;
            }
            '\\' => {
                is_plain = false;
                name.extend(chars.next().filter(|c| *c != 'e'));
            }
            c => name.push(c),
        }
    }
    if !path.is_empty() {
        steps.push(end(&mut name, is_plain));
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(steps: &[Step]) -> String {
        let mut path = String::new();
        for step in steps {
            match step {
                Step::Element => push_element(&mut path),
                Step::Field(name) => push_field(&mut path, name),
            }
        }
        path
    }

    #[test]
    fn plain_names_look_as_they_are() {
        let field = |name: &str| Step::Field(name.to_owned());
        assert_eq!(text(&[field("items"), Step::Element, field("price")]), "items.[].price");
        assert_eq!(steps("items.[].price"), [field("items"), Step::Element, field("price")]);
        assert!(steps("").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in prop::collection::vec(prop::option::of("[a-e.\\\\\\[\\]$]{0,4}"), 1..5)) {
            let names = names.into_iter().map(|name| name.map_or(Step::Element, Step::Field));
            let wanted: Vec<_> = names.collect();
            prop_assert_eq!(steps(&text(&wanted)), wanted);
        }
    }
}
