//! One target, asked as often as is decided: in the API of the client as it came, or in other words.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use yabby_core::{ErrorKind, ModelError, Phase};
use yabby_route::{Decision, Degrade, Situation, decide, has_no_responses, spending::Payer};
use yabby_wire::{Dialect, Step};

use crate::{
    line::Sent,
    passing::Slot,
    relay::{Asked, Relay, tokens},
    routes::{Target, Way},
    translate::{self, Begun, Prepared},
    trial::{Failure, Opened, Trial},
    tried::Tried,
};

/// What a target is sent.
pub(crate) enum Sending<'a> {
    /// The request as it came.
    Straight { way: &'a Way, sent: Sent },
    /// The request in the words of another API.
    Translated(Box<Prepared<'a>>),
}

/// A target that has begun to answer.
#[expect(clippy::large_enum_variant, reason = "what passes costs no allocation more")]
pub(crate) enum Answering {
    /// Its answer passes as it is.
    Straight(Opened),
    /// Its answer is read here.
    Translated(Box<Begun>),
}

impl Relay {
    /// Asks one target as often as is decided; `None` goes on with the next one.
    pub(crate) async fn ask<'a>(
        &self,
        asked: &'a Asked<'_>,
        (target, last): (&Arc<Target>, bool),
        mut sending: Sending<'a>,
        queued: Duration,
        slot: &mut Slot,
        tried: &mut Tried,
    ) -> Option<(Answering, Box<Trial>)> {
        let model = target.model.model();
        let (mut retries, mut keys) = (0, 0);
        tried.attempts += 1;
        let mut trial = Trial::start(target, &self.http, (&self.metrics, &asked.trace), queued);
        loop {
            let reserved = trial.reserve(&self.spending, &asked.payer, tokens(&asked.body)).await;
            let opened = match (reserved, &mut sending) {
                (Err(error), _) => Err(error.into()),
                // Their size is no part of each request.
                (Ok(()), Sending::Translated(prepared)) => {
                    let opening = Box::pin(translate::open(&mut trial, &self.http, prepared, slot));
                    opening.await.map(|begun| Answering::Translated(Box::new(begun)))
                }
                (Ok(()), Sending::Straight { sent, .. }) if target.endpoint.is_managed() => {
                    let opening = Box::pin(self.open_managed(&mut trial, asked, sent, slot));
                    opening.await.map(Answering::Straight)
                }
                (Ok(()), Sending::Straight { way, sent }) => {
                    let opening = trial.open(way, asked.api, asked.headers, sent);
                    opening.await.map(Answering::Straight)
                }
            };
            let failure = match opened {
                Ok(opened) => return Some((opened, trial)),
                Err(failure) => failure,
            };
            let error = &failure.error;
            let (dialect, steps) = match &mut sending {
                // What was asked for is passed on as it is, or not at all.
                Sending::Straight { .. } => (asked.api.dialect(), Vec::new()),
                Sending::Translated(prepared) => {
                    let steps = Box::pin(self.steps(&mut trial, prepared, &asked.payer, error)).await;
                    (prepared.dialect(), steps)
                }
            };
            let decision = decide(&Situation {
                kind: error.kind,
                phase: error.phase,
                visible: false,
                managed: target.endpoint.is_managed(),
                retries,
                last,
                left: trial.watch.left(),
                retry_after: error.details.numbers.retry_after,
                prefer_fast: self.routes.prefers_fast(),
                step: !steps.is_empty(),
                chat: has_no_responses(dialect, error),
                reasoning_off: false,
                refit: false,
                other_key: keys < target.endpoint.key_count() && target.endpoint.another_key(model, error),
            });
            if let (ErrorKind::Loading, Decision::Wait(pause)) = (error.kind, decision) {
                // The same attempt goes on. The breaker is told that it loads, which is no failure.
                target.endpoint.failed(model, error);
                sleep(pause).await;
                continue;
            }
            trial.failed(error, decision.word());
            match (decision, &mut sending) {
                (Decision::Retry, _) => retries += 1,
                (Decision::Wait(pause), _) => {
                    retries += 1;
                    sleep(pause).await;
                }
                (Decision::OtherKey, _) => keys += 1,
                (Decision::Degrade(Degrade::Step), Sending::Translated(prepared)) => prepared.take(steps, error),
                (Decision::Degrade(Degrade::Chat), _) => {
                    target.endpoint.learn_dialect(Dialect::Chat);
                    match asked.prepared(target) {
                        Ok(prepared) => sending = Sending::Translated(prepared),
                        Err(failure) => {
                            tried.failures.push((target.model.clone(), *failure));
                            return None;
                        }
                    }
                }
                _ => {
                    tried.failures.push((target.model.clone(), failure));
                    return None;
                }
            }
            tried.attempts += 1;
            trial = Trial::start(target, &self.http, (&self.metrics, &asked.trace), Duration::ZERO);
        }
    }

    /// What could be changed in a request after an error. It may take questions to find out.
    async fn steps(
        &self,
        trial: &mut Trial,
        prepared: &mut Prepared<'_>,
        payer: &Payer,
        error: &ModelError,
    ) -> Vec<Step> {
        let looking = prepared.steps(&self.http, (&self.spending, payer), error);
        trial.watch.within(Phase::Connect, looking).await.unwrap_or_default()
    }

    /// The same for a server that Yabby runs, which may have to be started and may have another port then.
    async fn open_managed(
        &self,
        trial: &mut Trial,
        asked: &Asked<'_>,
        sent: &Sent,
        slot: &mut Slot,
    ) -> Result<Opened, Failure> {
        let target = Arc::clone(&trial.target);
        let starting = target.endpoint.ensure_running(&self.http, &());
        let running = trial.watch.within(Phase::Connect, starting).await??;
        let way = self.routes.way(asked.api, &target.model, &running, None)?;
        slot.running = Some(Box::new(running));
        trial.open(&way, asked.api, asked.headers, sent).await
    }
}
