//! Waiting for a server without being fooled by its silence.

use std::pin::pin;

use tokio::time::{Instant, sleep, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, text};
use yabby_servers::{Endpoint, Http};

use crate::Deadlines;

/// The clock of one attempt.
pub(crate) struct Watch<'a> {
    http: &'a Http,
    endpoint: &'a Endpoint,
    deadlines: Deadlines,
    end: Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(http: &'a Http, endpoint: &'a Endpoint, deadlines: Deadlines) -> Self {
        Self {
            http,
            endpoint,
            deadlines,
            end: Instant::now() + deadlines.total,
        }
    }

    /// Waits for the next sign of the server.
    ///
    /// After each stretch of silence the server is asked on another connection whether it lives; the future goes on
    /// meanwhile and is never started again.
    pub(crate) async fn wait<T>(&self, phase: Phase, future: impl Future<Output = T>) -> Result<T, ModelError> {
        let mut future = pin!(future);
        loop {
            tokio::select! {
                value = &mut future => return Ok(value),
                () = sleep_until(self.end) => return Err(self.too_long(phase)),
                () = sleep(self.deadlines.silence) => {}
            }
            tokio::select! {
                value = &mut future => return Ok(value),
                life = self.endpoint.sign_of_life(self.http, self.deadlines.sign_of_life) => life?,
            }
        }
    }

    fn too_long(&self, phase: Phase) -> ModelError {
        ModelError::new(
            ErrorKind::Timeout,
            phase,
            &self.endpoint.base_url,
            text!(
                "{url} did not finish within {seconds} s",
                url = self.endpoint.base_url,
                seconds = self.deadlines.total.as_secs()
            ),
        )
        .with_hint(text!(
            "raise models.providers.{provider}.timeoutSeconds, or use a faster model",
            provider = self.endpoint.provider
        ))
    }
}
