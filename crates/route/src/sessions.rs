//! What a person was told in a session: which model answered last, and what is wrong with which.
//!
//! A fallback is told once, not on every turn as long as it lasts; and so is the return.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use yabby_core::{ErrorKind, ModelRef, Text, text};

/// More sessions than this are not remembered; the one that was heard of longest ago goes first.
const MOST: usize = 4096;

/// The most characters that are told of a name that a server gives.
const LONGEST_NAME: usize = 128;

/// What was told, by session. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    sessions: BTreeMap<String, Told>,
    turns: u64,
}

#[derive(Debug, Default)]
struct Told {
    /// The model that answered last.
    answered: Option<ModelRef>,
    /// The names that servers gave for models, where they were others.
    names: BTreeMap<ModelRef, String>,
    /// The models that were passed over, and why.
    troubles: BTreeMap<ModelRef, ErrorKind>,
    /// When it was heard of, in turns.
    at: u64,
}

impl Sessions {
    /// Whether a person has to be told that a model is passed over for this reason. It is noted as told.
    pub(crate) fn is_news(&self, session: &str, model: &ModelRef, kind: ErrorKind) -> bool {
        let mut known = self.lock();
        let told = known.of(session);
        let before = told.troubles.get(model).copied();
        // That it rests is what comes of the trouble that was told.
        if before.is_some() && kind == ErrorKind::Resting {
            return false;
        }
        told.troubles.insert(model.clone(), kind);
        before != Some(kind)
    }

    /// A model has answered; what is to be told of it.
    pub(crate) fn answered(&self, session: &str, primary: &ModelRef, model: &ModelRef) -> Option<Text> {
        let mut known = self.lock();
        let told = known.of(session);
        told.troubles.remove(model);
        let before = told.answered.replace(model.clone());
        let returned = model == primary && before.is_some_and(|before| before != *model);
        returned.then(|| text!("{model} answers again", model = model))
    }

    /// A server says that it has used a model of another name than was asked for; what is to be told of it. That one is a version
    /// of the other is no news.
    pub(crate) fn served(&self, session: &str, model: &ModelRef, name: &str) -> Option<Text> {
        if is_version(model.model(), name) {
            return None;
        }
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let before = self.lock().of(session).names.insert(model.clone(), name.clone());
        (before.as_ref() != Some(&name)).then(|| {
            text!(
                "{model} was asked, and its server says that {name} answered",
                model = model,
                name = name
            )
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(&mut self, session: &str) -> &mut Told {
        self.turns += 1;
        if self.sessions.len() >= MOST && !self.sessions.contains_key(session) {
            let oldest = self.sessions.iter().min_by_key(|(_, told)| told.at);
            if let Some(oldest) = oldest.map(|(session, _)| session.clone()) {
                self.sessions.remove(&oldest);
            }
        }
        let told = self.sessions.entry(session.to_owned()).or_default();
        told.at = self.turns;
        told
    }
}

/// Whether two names are those of one model: `gpt-4o` is `gpt-4o-2024-08-06`, and `qwen3` is `/models/qwen3.gguf`.
fn is_version(asked: &str, served: &str) -> bool {
    let own = |name: &str| {
        let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = name.to_lowercase();
        let name = name.strip_suffix(".gguf").unwrap_or(&name);
        let latest = name.strip_suffix("-latest").or_else(|| name.strip_suffix(":latest"));
        without_date(latest.unwrap_or(name)).to_owned()
    };
    own(asked) == own(served)
}

/// A name without the date at its end: `-2024-08-06`, `-20250929`, `@20250514`, `-0613`.
fn without_date(name: &str) -> &str {
    let cut = |name: &'_ str, digits: usize| -> Option<usize> {
        let at = name.rfind(['-', '@'])?;
        let last = name.get(at + 1..)?;
        (last.len() >= digits && last.bytes().all(|byte| byte.is_ascii_digit())).then_some(at)
    };
    let before = |name| Some(name).zip(cut(name, 2)).and_then(|(name, at)| name.get(..at));
    let in_parts = before(name).and_then(before);
    let whole = in_parts.filter(|rest| cut(rest, 4).is_some()).unwrap_or(name);
    cut(whole, 4).and_then(|at| whole.get(..at)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_and_the_return_are_told_once() {
        let sessions = Sessions::default();
        let (near, far): (ModelRef, ModelRef) = ("near/m".parse().unwrap(), "far/m".parse().unwrap());
        assert!(sessions.is_news("s", &near, ErrorKind::Refused));
        assert_eq!(sessions.answered("s", &near, &far), None);
        for kind in [ErrorKind::Refused, ErrorKind::Resting] {
            assert!(!sessions.is_news("s", &near, kind));
            assert_eq!(sessions.answered("s", &near, &far), None);
        }
        assert!(sessions.is_news("s", &near, ErrorKind::Hung), "another trouble");
        assert!(sessions.is_news("t", &near, ErrorKind::Hung), "another session");
        let told = sessions.answered("s", &near, &near).map(|notice| notice.english());
        assert_eq!(told.as_deref(), Some("near/m answers again"));
        assert_eq!(sessions.answered("s", &near, &near), None);
        assert!(
            sessions.is_news("s", &near, ErrorKind::Refused),
            "it was well meanwhile"
        );
    }

    #[test]
    fn another_name_is_told_once_and_a_version_never() {
        let sessions = Sessions::default();
        let model: ModelRef = "p/m".parse().unwrap();
        let told = |name| sessions.served("s", &model, name).map(|notice| notice.english());
        let words = |name| Some(format!("p/m was asked, and its server says that {name} answered"));
        assert_eq!(told("other"), words("other"));
        assert_eq!(told("other"), None);
        assert_eq!(told("third"), words("third"));
        assert_eq!(told("M"), None);
        for (asked, served, same) in [
            ("gpt-4o", "gpt-4o-2024-08-06", true),
            ("gpt-4", "gpt-4-0613", true),
            ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", true),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", true),
            ("claude-sonnet-4@20250514", "claude-sonnet-4", true),
            ("anthropic/claude-opus-4", "claude-opus-4-20250514", true),
            ("qwen3", "qwen3:latest", true),
            ("qwen3-8b", "/models/Qwen3-8B.gguf", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4", "gpt-4.1", false),
            ("claude-sonnet-4", "claude-sonnet-4-5", false),
            ("claude-sonnet-4", "claude-sonnet-4-5-20250929", false),
            ("auto", "anthropic/claude-opus-4", false),
            ("llama-3", "llama-3-8b", false),
            ("", "2024", false),
        ] {
            assert_eq!(is_version(asked, served), same, "{asked} {served}");
        }
    }

    #[test]
    fn old_sessions_are_forgotten() {
        let sessions = Sessions::default();
        let model: ModelRef = "p/m".parse().unwrap();
        for number in 0..=MOST {
            sessions.answered(&number.to_string(), &model, &model);
        }
        let known = sessions.lock();
        assert_eq!((known.sessions.len(), known.sessions.contains_key("0")), (MOST, false));
    }
}
