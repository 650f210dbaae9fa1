//! Ollama's own API, `POST /api/chat`. From its documentation (`docs/api.md` and `api/types.go` of ollama/ollama) and
//! `wire-facts.md` §7.4; not proved against a running Ollama.

mod decode;
mod encode;

pub(crate) use decode::Reader;
pub(crate) use encode::encode;
