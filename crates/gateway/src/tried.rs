//! What was tried for a request, and what its client is told when nobody has answered.

use yabby_core::{ErrorKind, ModelRef, Text};

use crate::{api::Refusal, trial::Failure};

/// What was tried, and why each failed.
#[derive(Default)]
pub(crate) struct Tried {
    pub(crate) attempts: u32,
    pub(crate) failures: Vec<(ModelRef, Failure)>,
}

// === impl Tried ===

impl Tried {
    /// Nobody was asked, because of the same thing in the request.
    fn untold(&self) -> Option<Refusal> {
        let (_, first) = self.failures.first()?;
        let untold = first.untold.as_ref()?;
        let same = |(_, failure): &(ModelRef, Failure)| failure.untold.as_ref() == Some(untold);
        self.failures
            .iter()
            .all(same)
            .then(|| Refusal::from((**untold).clone()))
    }

    /// What the client is told when nobody has answered. The words of a single upstream are its own.
    pub(crate) fn refusal(mut self) -> Refusal {
        if let Some(untold) = self.untold() {
            return untold;
        }
        if let [(model, failure)] = self.failures.as_mut_slice() {
            let text = format!(
                "{model}: {}",
                sentence(&failure.error.message, failure.error.hint.as_ref())
            );
            let mut refusal = Refusal::of_kind(failure.error.kind, text);
            if failure.error.kind == ErrorKind::RateLimit {
                refusal.retry_after = failure.error.details.numbers.retry_after;
            }
            // A key that is refused is not the client's: it is told in our words whose it is.
            if !matches!(failure.error.kind, ErrorKind::Auth | ErrorKind::Billing)
                && let Some(said) = failure.said.take()
            {
                if !said.status.is_success() && !said.status.is_redirection() {
                    refusal.status = said.status;
                }
                refusal.said = Some(said);
            }
            refusal.attempts = self.attempts;
            return refusal;
        }
        // What a server has said goes before what the request could not be put into.
        let asked = self.failures.iter().rfind(|(_, failure)| failure.untold.is_none());
        let kind = asked
            .or(self.failures.last())
            .map_or(ErrorKind::NotLoaded, |(_, failure)| failure.error.kind);
        let told: Vec<String> = self
            .failures
            .iter()
            .map(|(model, failure)| {
                format!(
                    "{model}: {}",
                    sentence(&failure.error.message, failure.error.hint.as_ref())
                )
            })
            .collect();
        let mut refusal = Refusal::of_kind(kind, format!("no model has answered. {}", told.join("; ")));
        refusal.attempts = self.attempts;
        refusal
    }
}

/// With what can be done about it.
pub(crate) fn sentence(message: &Text, hint: Option<&Text>) -> String {
    let message = message.english();
    hint.map_or(message.clone(), |hint| format!("{message} ({})", hint.english()))
}
