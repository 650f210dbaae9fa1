//! What must happen when a model server fails: one test for each row of `docs/faults.md`, through a router that lasts.

mod leaving;
mod seams;
mod waiting;
mod windows;
mod world;
mod zones;
