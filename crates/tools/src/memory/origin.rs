//! Whose notes they are.
//!
//! What was made from the words of others is kept apart from the owner's notes, with a line that says where it came from. Such
//! a line can lower a label and never raise it, so that it does not matter who wrote it.

use yabby_core::{Confidentiality, Integrity, Label};

use crate::Returns;

/// The folder below `memory/` for notes that are not the owner's.
pub(super) const APART: &str = "untrusted";

const BEGIN: &str = "<!-- label ";
const END: &str = " -->";

/// Whether something with this label may stand among the owner's notes: it is not lowered by being read there.
pub(super) fn is_the_owners(label: &Label) -> bool {
    label.integrity >= Integrity::Config && label.confidentiality <= Confidentiality::Private
}

/// The line that says where a note came from.
pub(super) fn line(label: &Label) -> String {
    // A label can be written always. What stands in it neither ends the comment nor begins another.
    let label = serde_json::to_string(label).unwrap_or_default();
    let label = label.replace('<', "\\u003c").replace('>', "\\u003e");
    format!("{BEGIN}{label}{END}")
}

/// Whether a line of a note is one that says where it came from.
pub(super) fn is_line(line: &str) -> bool {
    line.trim_start().starts_with(BEGIN)
}

/// The text without anything that looks like such a line.
pub(super) fn without_lines(text: &str) -> String {
    text.replace("<!--", "<!- -")
}

/// The label of a note that is kept apart.
pub(super) fn label(path: &str, text: &str) -> Label {
    let all = Label::new(Integrity::Untrusted, Confidentiality::Private, path);
    let written = text.split(BEGIN).skip(1).map(|rest| {
        let label = rest
            .split_once(END)
            .and_then(|(label, _)| serde_json::from_str(label).ok());
        // What cannot be read may have said anything.
        label.unwrap_or_else(|| Label::new(Integrity::Untrusted, Confidentiality::Secret, path))
    });
    written.fold(all, |all, label| all.join(&label))
}

/// The label of the owner's notes, when they are read by the tool `name` for a call with the label `call`.
pub(super) fn owners(name: &str, call: &Label) -> Label {
    Returns::Kept.label(name, call)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn foreign(origin: &str, confidentiality: Confidentiality) -> Label {
        Label::new(Integrity::Untrusted, confidentiality, origin)
    }

    #[test]
    fn only_what_is_not_lowered_stands_among_the_owners_notes() {
        let label = |integrity, confidentiality| Label::new(integrity, confidentiality, "x");
        let contact = Integrity::Contact("ann".to_owned());
        let cases = [
            (label(Integrity::Owner, Confidentiality::Private), true),
            (label(Integrity::Config, Confidentiality::Public), true),
            (label(Integrity::Owner, Confidentiality::Secret), false),
            (label(contact, Confidentiality::Private), false),
            (label(Integrity::Untrusted, Confidentiality::Public), false),
        ];
        for (label, expected) in cases {
            assert_eq!(is_the_owners(&label), expected, "{label:?}");
        }
    }

    #[test]
    fn a_line_lowers_a_label_and_never_raises_it() {
        let owner = Label::new(Integrity::Owner, Confidentiality::Public, "owner");
        let read = label("p", &line(&owner));
        assert_eq!(
            (read.integrity, read.confidentiality),
            (Integrity::Untrusted, Confidentiality::Private)
        );
        let text = format!(
            "- a\n  {}\n- b\n  {}",
            line(&owner),
            line(&foreign("web", Confidentiality::Secret))
        );
        let read = label("p", &text);
        assert_eq!(read.confidentiality, Confidentiality::Secret);
        assert_eq!(read.origins.names().collect::<Vec<_>>(), ["owner", "p", "web"]);
        assert_eq!(
            label("p", "<!-- label {\"i\":").confidentiality,
            Confidentiality::Secret
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(origin in "(?s).{0,20}(-->|<!-- label )?.{0,20}", text in "(?s).{0,40}(<!-- label \\{\\} -->)?") {
            let written = foreign(&origin, Confidentiality::Private);
            let note = format!("- {}\n  {}\n", without_lines(&text), line(&written));
            let expected = foreign("p", Confidentiality::Private).join(&written);
            prop_assert_eq!(label("p", &note), expected);
        }
    }
}
