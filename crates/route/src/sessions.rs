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
