//! Ollama's own API, `POST /api/chat`. From its documentation (`docs/api.md` and `api/types.go` of ollama/ollama) and
//! `model-servers.md` §1.4 and §7.4; not proved against a running Ollama.

mod decode;
mod encode;

pub(crate) use decode::Reader;
pub(crate) use encode::encode;
