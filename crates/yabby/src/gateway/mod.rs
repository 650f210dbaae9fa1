//! What the gateway needs of this machine: the owner's key, an address, and who has its port.

pub(crate) mod address;
pub(crate) mod holder;
pub(crate) mod token;
