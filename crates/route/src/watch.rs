//! Waiting for a server without being fooled by its silence.

use std::pin::pin;

use tokio::time::{Instant, sleep, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, text};
use yabby_servers::{Endpoint, Http};

use crate::Deadlines;

/// The clock of one candidate: all that is tried with it must be done when the time is over.
pub(crate) struct Watch {
    deadlines: Deadlines,
    end: Instant,
}

impl Watch {
    pub(crate) fn start(deadlines: Deadlines) -> Self {
        Self {
            deadlines,
            end: Instant::now() + deadlines.total,
        }
    }

    /// Whether there is time left.
    pub(crate) fn runs(&self) -> bool {
        Instant::now() < self.end
    }

    /// Waits for something that has its own ways to notice trouble, but not beyond the time.
    pub(crate) async fn within<T>(
        &self,
        endpoint: &Endpoint,
        future: impl Future<Output = T>,
    ) -> Result<T, ModelError> {
        tokio::select! {
            value = future => Ok(value),
            () = sleep_until(self.end) => Err(self.too_long(endpoint, Phase::Connect)),
        }
    }

    /// Waits for the next sign of the server.
    ///
    /// After each stretch of silence the server is asked on another connection whether it lives; the future goes on
    /// meanwhile and is never started again.
    pub(crate) async fn wait<T>(
        &self,
        http: &Http,
        endpoint: &Endpoint,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, ModelError> {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                value = &mut future => return Ok(value),
                () = sleep_until(self.end) => return Err(self.too_long(endpoint, phase)),
                () = sleep(self.deadlines.silence) => {}
            }
            tokio::select! {
                value = &mut future => return Ok(value),
                () = sleep_until(self.end) => return Err(self.too_long(endpoint, phase)),
                life = endpoint.sign_of_life(http, self.deadlines.sign_of_life) => life?,
            }
        }
    }

    fn too_long(&self, endpoint: &Endpoint, phase: Phase) -> ModelError {
        ModelError::new(
            ErrorKind::Timeout,
            phase,
            &endpoint.base_url,
            text!(
                "{url} did not finish within {seconds} s",
                url = endpoint.base_url,
                seconds = self.deadlines.total.as_secs()
            ),
        )
        .with_hint(text!(
            "raise models.providers.{provider}.timeoutSeconds, or use a faster model",
            provider = endpoint.provider
        ))
    }
}
