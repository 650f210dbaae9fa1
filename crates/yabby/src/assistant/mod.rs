//! The assistant of this run: the agent over the config, the servers that were found, and the store.

mod approvals;
mod furnished;
mod home;
mod meaning;
mod ports;
mod running;
mod staff;
mod status;
mod working;

pub(crate) use approvals::allowed;
pub(crate) use furnished::{Furnished, chosen, folder};
pub(crate) use home::Household;
pub(crate) use meaning::{Meaning, Servers};
pub(crate) use ports::Ports;
pub(crate) use running::{Delivered, Running};
pub(crate) use staff::{Chosen, Staff};
pub(crate) use status::Conversations;
pub(crate) use working::{Furnishing, Working};
