//! What must happen when a model server fails: one test for each row of `docs/faults.md`, through a router that lasts.

mod answer;
mod broken;
mod endless;
mod leaving;
mod off;
mod refused;
mod seams;
mod waiting;
mod windows;
mod world;
mod zones;

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{ErrorKind, ModelError, ModelRequest};
use yabby_servers::BreakerState;
use yabby_testkit::ModelServer;

use crate::scene::{Process, Seen};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What failed, one error a candidate. Each says what to do.
fn errors(seen: &Seen) -> Vec<&ModelError> {
    let errors = match &seen.end {
        Ok(answer) => &answer.errors,
        Err(failure) => &failure.errors,
    };
    for (model, error) in errors {
        assert!(error.hint.is_some(), "{model}: {error:?} says nothing of what to do");
    }
    errors.iter().map(|(_, error)| error).collect()
}

fn kinds(seen: &Seen) -> Vec<ErrorKind> {
    errors(seen).iter().map(|error| error.kind).collect()
}

/// What the first error tells the person to do.
fn hint(seen: &Seen) -> String {
    errors(seen)[0].hint.as_ref().unwrap().english()
}

/// How many model calls came to each.
fn calls<const N: usize>(servers: [&ModelServer; N]) -> [usize; N] {
    servers.map(|server| server.model_calls().len())
}

async fn two() -> (ModelServer, ModelServer) {
    (ModelServer::start().await, ModelServer::start().await)
}

fn is_closed(process: &Process) -> bool {
    process.fleet.endpoint("p0").unwrap().breaker().state == BreakerState::Closed
}

/// One turn, and how long it took.
async fn timed(process: &Process, request: ModelRequest) -> (Seen, Duration) {
    let begun = Instant::now();
    let seen = process.turn(request).await;
    (seen, begun.elapsed())
}
