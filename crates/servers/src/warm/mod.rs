//! Loading models before they are needed, and keeping them loaded.
//!
//! A cold model makes the first answer wait for its load, and two requests to a cold model may load it twice. So a load
//! is asked for on its own, once for all that wait ([`crate::Endpoint::load`]), and whoever waits sees that it runs and
//! how long it usually takes. Who may cause a load, and when a server must be asked again so that it keeps a model, are
//! rules without a server in them.

mod check;
mod gate;
mod keep;
mod load;
mod loads;
mod policy;
mod requests;

pub use gate::Waking;
pub use load::LoadOptions;
pub use loads::{Loaded, LoadingNow};
pub use policy::{may_wake, next_touch, usual_ttl};
pub use requests::{Call, Held, held, instances, keep, keep_alive, list_path, load, unload};

pub(crate) use gate::Gates;
pub(crate) use keep::KeptWarm;
pub(crate) use loads::Loads;
