//! Asks each file and program once.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use yabby_core::Secret;

use super::{SecretError, file, keeper::Keeper, program};

/// How many providers are asked at the same time (OpenClaw's `maxProviderConcurrency`).
const AT_ONCE: usize = 4;

/// One secret, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The name of the provider.
    pub(crate) provider: String,
    pub(crate) keeper: Keeper,
    pub(crate) id: String,
}

pub(crate) type Answer = Result<Secret, SecretError>;

/// What files and programs have answered, failures too: clones share it, so that no program runs twice for one command.
#[derive(Clone, Default)]
pub struct Vault {
    answers: Arc<Mutex<Vec<(Asked, Answer)>>>,
}

// === impl Vault ===

impl Vault {
    /// What was answered; `None` when nobody has asked yet.
    pub(crate) fn get(&self, asked: &Asked) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.iter().find(|(known, _)| known == asked);
        known.map(|(_, answer)| answer.clone())
    }

    /// Asks for what is not known yet: each provider once for all its ids, several providers at the same time. Whoever asks
    /// meanwhile waits and then shares the answers.
    pub(super) fn ask(&self, wanted: Vec<Asked>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: Vec<Vec<Asked>> = Vec::new();
        for asked in wanted {
            let is_known = answers.iter().any(|(known, _)| *known == asked);
            if is_known || groups.iter().any(|group| group.contains(&asked)) {
                continue;
            }
            let same = |group: &&mut Vec<Asked>| {
                let first = group.first();
                first.is_some_and(|first| first.provider == asked.provider && first.keeper == asked.keeper)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(asked),
                None => groups.push(vec![asked]),
            }
        }
        for groups in groups.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let running: Vec<_> = groups.iter().map(|group| scope.spawn(move || ask(group))).collect();
                for (group, running) in groups.iter().zip(running) {
                    // One that ends in the middle has no answers, and is asked again.
                    let found = running.join().unwrap_or_default();
                    answers.extend(group.iter().cloned().zip(found));
                }
            });
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Asks one provider for all ids of a group, which differ in nothing else.
fn ask(group: &[Asked]) -> Vec<Answer> {
    let Some(Asked { provider, keeper, .. }) = group.first() else {
        return Vec::new();
    };
    let ids: Vec<&str> = group.iter().map(|asked| asked.id.as_str()).collect();
    match keeper {
        Keeper::File(file) => file::read(file, provider, &ids),
        Keeper::Program(program) => program::run(program, provider, &ids),
    }
}
