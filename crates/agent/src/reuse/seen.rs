//! What was asked of whom, and what came of its cache.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use yabby_core::{Attempt, Message, ModelRef, ModelRequest, Outcome, Text, text};
use yabby_store::{Content, Item};

use super::{Change, Part, first_change};
use crate::Note;

/// So many requests are kept to be compared with the next one, all conversations together.
const KEPT: usize = 8;
/// Fewer tokens are not worth a word; servers cache in blocks of up to 128.
const LEAST: u32 = 256;
/// From so many tokens on a person notices the wait.
const NOTICED: u32 = 2_000;

/// Tokens that a server has read again although it had read them for the request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub tokens: u32,
    /// Why.
    pub cause: Cause,
}

/// Why a server has read something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The request does not begin with the one before.
    Changed(Change),
    /// It does, so that the server no longer had it.
    Dropped,
}

/// The last requests of conversations, each with the server that was asked. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reuse(Arc<Mutex<VecDeque<Seen>>>);

#[derive(Debug)]
struct Seen {
    session: String,
    model: ModelRef,
    endpoint: String,
    /// The last thing that was to change the beginning of requests: a new epoch, a compaction.
    epoch: Option<u64>,
    /// Without the bytes of pictures.
    request: ModelRequest,
    /// Its tokens as the server counts them.
    tokens: u32,
    /// Whether the server was seen to have a cache.
    reuses: bool,
    lost: Option<Lost>,
}

// === impl Reuse ===

impl Reuse {
    /// Takes in a request that was answered, the items that it was made of, and what was tried for it. What the server has
    /// read again without need is the result.
    pub(crate) fn saw(
        &self,
        session: &str,
        items: &[Item],
        request: &ModelRequest,
        attempts: &[Attempt],
    ) -> Option<Lost> {
        let attempt = attempts.iter().rfind(|attempt| attempt.outcome == Outcome::Answered)?;
        let tokens = attempt.usage.input_tokens?;
        let is_same = |seen: &Seen| {
            (seen.session.as_str(), &seen.model, &seen.endpoint) == (session, &attempt.model, &attempt.endpoint)
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(is_same);
        let before = place.and_then(|place| kept.remove(place));
        let cached = attempt.usage.cached_tokens;
        let mut now = Seen {
            session: session.to_owned(),
            model: attempt.model.clone(),
            endpoint: attempt.endpoint.clone(),
            epoch: epoch(items),
            request: without_pictures(request),
            tokens,
            reuses: cached.is_some_and(|cached| cached > 0) || before.as_ref().is_some_and(|before| before.reuses),
            lost: None,
        };
        // A request that was refused first may have been sent in another form.
        let again = attempts
            .iter()
            .filter(|other| other.endpoint == attempt.endpoint)
            .count()
            > 1;
        now.lost = before
            .filter(|before| before.epoch == now.epoch && !again)
            // Hosted servers forget what they like, and some have no cache for what is short.
            .filter(|before| attempt.zone.is_own() || before.reuses)
            .and_then(|before| before.lost_by(&now, cached?));
        let lost = now.lost;
        kept.push_back(now);
        if kept.len() > KEPT {
            kept.pop_front();
        }
        lost
    }

    /// What was lost with the last request of a session.
    pub(crate) fn last_of(&self, session: &str) -> Option<Lost> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|seen| seen.session == session)?.lost
    }
}

// === impl Seen ===

impl Seen {
    /// What the server has read again with the next request, of which it had `cached` tokens.
    fn lost_by(&self, next: &Self, cached: u32) -> Option<Lost> {
        let tokens = self.tokens.min(next.tokens).saturating_sub(cached);
        if tokens < LEAST || tokens <= self.tokens / 5 {
            return None;
        }
        let cause = match first_change(&self.request, &next.request) {
            Some(change) => Cause::Changed(change),
            // It was made to fit on its way, so that nobody knows what it began with.
            None if next.tokens < self.tokens => return None,
            None => Cause::Dropped,
        };
        Some(Lost { tokens, cause })
    }
}

// === impl Lost ===

impl Lost {
    /// In words.
    pub fn text(&self) -> Text {
        let tokens = self.tokens;
        match self.cause {
            Cause::Dropped => text!(
                "the server has read {tokens} tokens again: it no longer had this conversation in its cache (it was started anew, or had room for others only)",
                tokens = tokens
            ),
            Cause::Changed(Change::Thinking) => text!(
                "the server has read {tokens} tokens again: how hard the model thinks was changed, which its prompt begins with",
                tokens = tokens
            ),
            Cause::Changed(Change::ToolChoice) => text!(
                "the server has read {tokens} tokens again: without tools, its prompt begins in another way",
                tokens = tokens
            ),
            Cause::Changed(Change::Text { part, byte }) => match part {
                Part::Instructions => text!(
                    "the server has read {tokens} tokens again: the prompt has changed at byte {byte}, in the instructions",
                    tokens = tokens,
                    byte = byte
                ),
                Part::Tools => text!(
                    "the server has read {tokens} tokens again: the prompt has changed at byte {byte}, in the tools",
                    tokens = tokens,
                    byte = byte
                ),
                Part::Message(number) => text!(
                    "the server has read {tokens} tokens again: the prompt has changed at byte {byte}, in message {number}",
                    tokens = tokens,
                    byte = byte,
                    number = number
                ),
            },
        }
    }

    /// The same, when the person has noticed the wait.
    pub(crate) fn notice(&self) -> Option<Text> {
        (self.tokens >= NOTICED).then(|| self.text())
    }
}

/// The last item that was to change the beginning of requests.
fn epoch(items: &[Item]) -> Option<u64> {
    let begins = |item: &&Item| match &item.item.content {
        Content::Summary { .. } => true,
        content => matches!(Note::of(content), Some(Note::Prompt(_) | Note::Stubs { .. })),
    };
    items.iter().filter(begins).map(|item| item.seq).max()
}

/// The request with the hashes of pictures in place of their bytes, which are long.
fn without_pictures(request: &ModelRequest) -> ModelRequest {
    let mut bare = request.clone();
    for message in &mut bare.messages {
        if let Message::User { text, images } = message {
            for image in std::mem::take(images) {
                let _ = write!(text, "[{:x}]", Sha256::digest(image.base64()));
            }
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use yabby_core::{Lang, Phase, Thinking, Usage, Zone};

    use super::*;

    fn request(words: &[&str]) -> ModelRequest {
        ModelRequest {
            system: Some("You are here.".to_owned()),
            messages: words.iter().map(|word| Message::user(*word)).collect(),
            ..ModelRequest::default()
        }
    }

    fn answered(endpoint: &str, zone: Zone, tokens: u32, cached: Option<u32>) -> Attempt {
        Attempt {
            model: "a/b".parse().unwrap(),
            endpoint: endpoint.to_owned(),
            zone,
            outcome: Outcome::Answered,
            decision: None,
            phase: Phase::Done,
            queued_ms: 0,
            sent_ms: None,
            head_ms: None,
            first_token_ms: None,
            total_ms: 0,
            bytes: 0,
            usage: Usage {
                input_tokens: Some(tokens),
                cached_tokens: cached,
                ..Usage::default()
            },
            cost: None,
        }
    }

    fn near(tokens: u32, cached: u32) -> Vec<Attempt> {
        vec![answered("http://here", Zone::Machine, tokens, Some(cached))]
    }

    fn item(seq: u64, content: Content) -> Item {
        let item = yabby_store::NewItem {
            id: seq.to_string(),
            turn: None,
            at: yabby_core::Time(0),
            content,
            label: yabby_core::Label::of_nothing(),
            attempts: Vec::new(),
            files: Vec::new(),
        };
        Item { seq, item }
    }

    #[test]
    fn what_a_server_reads_again_is_told_with_its_cause() {
        let reuse = Reuse::default();
        let saw = |words: &[&str], attempts: &[Attempt]| reuse.saw("s", &[], &request(words), attempts);
        // The first one has nothing before it; then most is there already, as far as blocks go.
        assert_eq!(saw(&["a"], &near(3_000, 0)), None);
        assert_eq!(saw(&["a", "b"], &near(3_200, 2_900)), None);
        assert_eq!(saw(&["a", "b", "c"], &near(3_400, 3_072)), None);
        let dropped = Lost {
            tokens: 3_400,
            cause: Cause::Dropped,
        };
        assert_eq!(saw(&["a", "b", "c", "d"], &near(3_600, 0)), Some(dropped));
        assert_eq!(reuse.last_of("s"), Some(dropped));
        assert_eq!(reuse.last_of("t"), None);
        // The next one is as it should be, and nothing is told any more.
        assert_eq!(saw(&["a", "b", "c", "d", "e"], &near(3_800, 3_600)), None);
        assert_eq!(reuse.last_of("s"), None);
        let lost = saw(&["a", "x", "c", "d", "e"], &near(3_800, 1_000)).unwrap();
        let begun = "You are here.".len() + "[]".len() + 2 * r#"{"role":"user","text":""#.len() + r#"a"}"#.len();
        let part = Part::Message(2);
        let change = Change::Text { part, byte: begun };
        assert_eq!(
            lost,
            Lost {
                tokens: 2_800,
                cause: Cause::Changed(change)
            }
        );
        assert!(lost.text().render(Lang::En).contains("in message 2"));
    }

    #[test]
    fn what_was_to_change_is_no_loss() {
        let reuse = Reuse::default();
        let summary = item(
            7,
            Content::Summary {
                text: "short".to_owned(),
                from: 1,
                to: 6,
            },
        );
        assert_eq!(reuse.saw("s", &[], &request(&["a"]), &near(3_000, 0)), None);
        assert_eq!(reuse.saw("s", &[summary], &request(&["b"]), &near(3_000, 0)), None);
    }

    #[test]
    fn what_nobody_can_compare_is_no_loss() {
        let saw = |first: Attempt, then: Vec<Attempt>| {
            let reuse = Reuse::default();
            reuse.saw("s", &[], &request(&["a"]), &[first]);
            reuse.saw("s", &[], &request(&["a", "b"]), &then)
        };
        let of = |endpoint: &str, zone, tokens, cached| answered(endpoint, zone, tokens, cached);
        let first = || of("http://here", Zone::Machine, 3_000, Some(0));
        // Another server; one that says nothing of its cache; a request that was made shorter, or sent twice.
        assert_eq!(
            saw(first(), vec![of("http://there", Zone::Machine, 3_200, Some(0))]),
            None
        );
        assert_eq!(saw(first(), vec![of("http://here", Zone::Machine, 3_200, None)]), None);
        assert_eq!(saw(first(), near(2_500, 0)), None);
        let refused = Attempt {
            outcome: Outcome::Failed {
                error: yabby_core::ErrorKind::BadRequest,
                message: "no".to_owned(),
            },
            ..first()
        };
        assert_eq!(saw(first(), [vec![refused], near(3_200, 0)].concat()), None);
        // A hosted server that was never seen to have a cache.
        let hosted = |tokens, cached| of("https://far", Zone::Hosted, tokens, Some(cached));
        assert_eq!(saw(hosted(3_000, 0), vec![hosted(3_200, 0)]), None);
        assert!(saw(hosted(3_000, 2_000), vec![hosted(3_200, 0)]).is_some());
    }

    #[test]
    fn only_the_last_requests_are_kept() {
        let reuse = Reuse::default();
        for session in 0..20 {
            reuse.saw(&session.to_string(), &[], &request(&["a"]), &near(3_000, 0));
        }
        assert_eq!(reuse.0.lock().unwrap().len(), KEPT);
        let lost = reuse.saw("19", &[], &request(&["a", "b"]), &near(3_000, 0));
        assert!(lost.is_some());
        assert_eq!(reuse.saw("0", &[], &request(&["a", "b"]), &near(3_000, 0)), None);
    }

    #[test]
    fn each_cause_has_its_words() {
        let text = |part| Cause::Changed(Change::Text { part, byte: 5_120 });
        let causes = [
            Cause::Dropped,
            Cause::Changed(Change::Thinking),
            Cause::Changed(Change::ToolChoice),
            text(Part::Instructions),
            text(Part::Tools),
            text(Part::Message(12)),
        ];
        let words = causes.map(|cause| Lost { tokens: 3_000, cause }.text().render(Lang::En));
        insta::assert_snapshot!(words.join("\n"));
        let noticed = |tokens| {
            let cause = Cause::Dropped;
            Lost { tokens, cause }.notice().is_some()
        };
        assert_eq!([noticed(1_999), noticed(2_000)], [false, true]);
    }

    #[test]
    fn pictures_are_compared_and_not_kept() {
        let picture = |byte: u8| {
            let image = yabby_core::Image::new(&[b"GIF89a".as_slice(), &[byte; 1_000]].concat()).unwrap();
            ModelRequest {
                messages: vec![Message::User {
                    text: "look".to_owned(),
                    images: vec![image],
                }],
                thinking: Some(Thinking::Off),
                ..ModelRequest::default()
            }
        };
        let (one, same, other) = (picture(1), picture(1), picture(2));
        assert_eq!(without_pictures(&one), without_pictures(&same));
        assert_ne!(without_pictures(&one), without_pictures(&other));
        assert!(format!("{:?}", without_pictures(&one)).len() < 1_000);
    }
}
