//! What the gateway needs of this machine: the owner's key, a certificate, an address and who has its port; and how a browser gets in.

pub(crate) mod address;
pub(crate) mod certificate;
pub(crate) mod door;
pub(crate) mod holder;
pub(crate) mod link;
pub(crate) mod open;
mod part;
mod private_file;
pub(crate) mod sign;
pub(crate) mod token;
