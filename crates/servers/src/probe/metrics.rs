//! Reading single numbers out of the text that Prometheus scrapes
//! (<https://prometheus.io/docs/instrumenting/exposition_formats>).

/// One line: its labels as they stand between the braces, and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    labels: &'a str,
    pub(super) value: f64,
}

/// The samples of one metric.
pub(super) fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Sample<'a>> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        // A time may follow the value.
        let value = value.split_whitespace().next()?.parse().ok()?;
        Some(Sample { labels, value })
    })
}

/// The sum of a metric over all its labels, as a number of things; `None` when the text does not have it.
pub(super) fn total(text: &str, name: &str) -> Option<u32> {
    let mut values = samples(text, name).map(|sample| sample.value).peekable();
    values.peek()?;
    whole(values.sum())
}

/// A whole number that is not negative; fractions are cut.
pub(super) fn whole(value: f64) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value as u32)
}

impl<'a> Sample<'a> {
    /// The value of a label. Escapes in it are left as they are.
    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.labels;
        loop {
            let (found, after) = rest.split_once("=\"")?;
            let end = closing_quote(after)?;
            let value = after.get(..end)?;
            if found == name {
                return Some(value);
            }
            rest = after.get(end + 1..)?.trim_start_matches([',', ' ']);
        }
    }
}

/// The place of the first quote that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_with_and_without_labels() {
        let text = "# HELP a_total words\na_total 3.0\na{m=\"x, \\\"y\\\"=\",engine=\"0\"} 1.0\na{engine=\"1\"} 2 1700\nb NaN\nc -1";
        assert_eq!(
            (total(text, "a"), total(text, "a_total"), total(text, "d")),
            (Some(3), Some(3), None)
        );
        assert_eq!((total(text, "b"), total(text, "c")), (None, None));
        let first = samples(text, "a").next().unwrap();
        assert_eq!(
            (first.label("m"), first.label("engine")),
            (Some("x, \\\"y\\\"="), Some("0"))
        );
        assert_eq!((first.label("n"), whole(22.75)), (None, Some(22)));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(a(\\{[a-z=\",\\\\]{0,12}\\}?)? ?[0-9.eN-]{0,6}\n?){0,4}|\\PC{0,60}") {
            let _ = total(&text, "a");
            for sample in samples(&text, "a") {
                let _ = sample.label("a");
            }
        }
    }
}
