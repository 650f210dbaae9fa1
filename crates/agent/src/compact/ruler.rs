//! How many tokens parts of a request have.

use yabby_core::{Message, ModelRequest};
use yabby_servers::{Estimator, Features};

/// Measures parts of a request, so that together they have as many tokens as were counted of the whole. Pure, and quick
/// enough to measure each message.
#[derive(Clone, Debug)]
pub struct Ruler {
    estimator: Estimator,
    /// Tokens counted, for so many estimated ones.
    counted: u32,
    estimated: u32,
}

impl Default for Ruler {
    /// One by which everything has as many tokens as is usual.
    fn default() -> Self {
        Self {
            estimator: Estimator::default(),
            counted: 1,
            estimated: 1,
        }
    }
}

// === impl Ruler ===

impl Ruler {
    /// One by which `request` has `counted` tokens.
    pub fn of(request: &ModelRequest, counted: u32) -> Self {
        let usual = Self::default();
        let estimated = usual.request(request).max(1);
        // A count of nothing is a mistake of whoever counted.
        let counted = counted.max(estimated / 8).max(1);
        Self {
            counted,
            estimated,
            ..usual
        }
    }

    /// The tokens of a message.
    pub fn message(&self, message: &Message) -> u32 {
        let with = ModelRequest {
            messages: vec![message.clone()],
            ..ModelRequest::default()
        };
        let bare = self.estimator.estimate(&Features::of(&ModelRequest::default()));
        self.scaled(self.estimator.estimate(&Features::of(&with)).saturating_sub(bare))
    }

    /// The tokens of a request.
    pub fn request(&self, request: &ModelRequest) -> u32 {
        self.scaled(self.estimator.estimate(&Features::of(request)))
    }

    /// The tokens of a text.
    pub fn text(&self, text: &str) -> u32 {
        self.scaled(self.estimator.estimate(&Features::of_text(text)))
    }

    /// The longest beginning of a text that has so many tokens at most, of whole lines.
    pub(crate) fn beginning<'a>(&self, text: &'a str, most: u32) -> &'a str {
        if self.text(text) <= most {
            return text;
        }
        let mut ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        if ends.len() < 2 {
            ends = text.char_indices().map(|(at, _)| at).collect();
        }
        let of = |end: usize| text.get(..end).unwrap_or_default();
        let fitting = ends.partition_point(|end| self.text(of(*end)) <= most);
        ends.get(fitting.wrapping_sub(1)).map_or("", |end| of(*end))
    }

    /// Rounded up: parts that were rounded down would be more than their sum.
    fn scaled(&self, tokens: u32) -> u32 {
        let scaled = (u64::from(tokens) * u64::from(self.counted)).div_ceil(u64::from(self.estimated));
        u32::try_from(scaled).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_together_what_was_counted() {
        let messages: Vec<Message> = (0..20)
            .map(|at| Message::user(format!("{at} words of a person")))
            .collect();
        let request = ModelRequest {
            system: Some("You are here to help. ".repeat(9)),
            messages: messages.clone(),
            ..ModelRequest::default()
        };
        let ruler = Ruler::of(&request, 1000);
        assert_eq!(ruler.request(&request), 1000);
        let bare = ModelRequest {
            messages: Vec::new(),
            ..request
        };
        let parts = ruler.request(&bare) + messages.iter().map(|message| ruler.message(message)).sum::<u32>();
        assert!((1000..1040).contains(&parts), "{parts}");
    }

    #[test]
    fn a_beginning_has_whole_lines() {
        let ruler = Ruler::default();
        let text = "one\ntwo\nthree four five six seven eight nine ten\n";
        assert_eq!(ruler.beginning(text, 6), "one\ntwo");
        assert_eq!(ruler.beginning("one two three four", 2), "one two ");
        assert_eq!(ruler.beginning(text, 0), "");
    }
}
