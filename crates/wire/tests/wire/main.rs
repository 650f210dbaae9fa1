//! The wire crate against recorded answers, hand-made faults, and any cut of the bytes.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod count;
#[cfg(test)]
mod decode;
#[cfg(test)]
mod encode;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod images;
mod items;
#[cfg(test)]
mod lower;
#[cfg(test)]
mod lower_any;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod ollama;
#[cfg(test)]
mod opaque;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod thinking;
