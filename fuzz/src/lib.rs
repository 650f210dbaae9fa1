//! What must hold for any bytes: the properties behind the fuzz targets.
//!
//! A target in `fuzz_targets/` gives its input to one function here, which panics when a property does not hold.
//! Inputs begin with a few letters that choose how the rest is read ([`head::Head`]), so that the files in `seeds/`
//! can be read and written by people.

mod answer;
mod asked;
mod expect;
#[path = "../../crates/servers/src/fit/gguf.rs"]
pub mod gguf;
mod head;
mod metadata;
mod outcome;
mod protocol;
mod refusal;
mod schema;
mod written;

pub use answer::answer;
pub use asked::asked;
pub use metadata::metadata;
pub use protocol::protocol;
pub use refusal::refusal;
pub use schema::schema;
pub use written::written;
