#![doc = include_str!("../README.md")]

mod answer;
mod attempt;
mod deadlines;
mod decide;
mod degrade;
mod plan;
mod watch;

pub use answer::{Answer, RouteEvent, RouteFailure, answer, extra_body};
pub use deadlines::Deadlines;
pub use decide::{Decision, Situation, decide};
pub use plan::{Candidate, LeftOut, Missing, Plan, PlanError, plan, resolve};
