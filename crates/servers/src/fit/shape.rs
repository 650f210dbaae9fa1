//! What a model keeps in memory for each token, from what its file says of it.
//!
//! Rules of llama.cpp, which LM Studio and Ollama are built on, read in its sources of 2026:
//!
//! - Layer `i` keeps `head_count_kv[i] × key_length` numbers of K and `head_count_kv[i] × value_length` of V a token
//!   (`llama_kv_cache::llama_kv_cache`, `llama_hparams::n_embd_k_gqa`), with 2 bytes a number unless it is told
//!   otherwise (`--cache-type-k`, `--cache-type-v`: f16).
//! - A layer with a sliding window keeps that window and a batch instead of the whole one (`llama_kv_cache_iswa`). Which
//!   layers do is in the file, or a rule of the architecture.
//! - Recurrent layers keep a state of fixed size for each slot, in 4 bytes a number (`llama_hparams::n_embd_r`,
//!   `n_embd_s`).
//! - Latent attention keeps K alone (`llama_hparams::is_mla`).
//! - Layers that predict further tokens keep nothing unless that is switched on, and layers that share the cache of
//!   others keep nothing.
//!
//! What has a memory of another kind is unknown, not guessed.

use super::gguf::{Metadata, Value};

/// Bytes of a number in the cache, of a number in a recurrent state.
const F16: u64 = 2;
const F32: u64 = 4;

/// More layers than any model has (llama.cpp: `LLAMA_MAX_LAYERS`, 512).
const MOST_LAYERS: u64 = 1024;

/// What a model keeps in memory for its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Bytes for each token of a window, in the layers that see all of it.
    pub bytes_per_token: u64,
    /// Bytes for each token in the layers that see a sliding window.
    pub sliding_bytes_per_token: u64,
    /// The sliding window, in tokens; 0 where no layer has one.
    pub sliding_window: u64,
    /// Bytes for each slot, whatever its window: the state of recurrent layers.
    pub bytes_per_slot: u64,
    /// The window that the model was trained with, in tokens.
    pub trained_window: Option<u32>,
    /// The tokens of its vocabulary.
    pub vocabulary: Option<u64>,
    /// The width of its layers, in numbers.
    pub width: u64,
}

/// Why the memory of a model is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShape {
    /// Its architecture is not named.
    NoArchitecture,
    /// A number that is needed is not there, or makes no sense: the end of its name.
    Missing(&'static str),
    /// Its architecture has a memory of another kind: the part of the name that says so.
    OtherMemory(&'static str),
}

/// Parts of names that tell of a memory which is computed in another way.
const OTHER_MEMORIES: [&str; 5] = [
    "wkv.",
    "kda.",
    "attention.indexer.",
    "attention.linear.",
    "token_shift_count",
];

/// Architectures whose layers slide by a rule that is not in every file: the period (all layers slide but the last of
/// each), and the window where the file has none. From `load_arch_hparams` of each in llama.cpp's `src/models/`. Other
/// architectures with a `sliding_window` and no pattern keep the whole window there.
const SLIDING: [(&str, u64, u64); 8] = [
    ("gemma2", 2, 4096),
    ("gemma3", 6, 0),
    ("gemma3n", 5, 0),
    ("gpt-oss", 2, 0),
    ("cohere2", 4, 0),
    ("plamo3", 8, 0),
    ("afmoe", 4, 0),
    ("onyx", 4, 0),
];

/// Architectures of which every fourth layer is no recurrent one, where the file does not say so (`qwen35.cpp` and its
/// neighbours).
const EVERY_FOURTH: [&str; 3] = ["qwen35", "qwen35moe", "qwen3next"];

// === impl ModelShape ===

impl ModelShape {
    /// Reads what a model file or Ollama's `/api/show` says.
    pub fn of(metadata: &Metadata) -> Result<Self, NoShape> {
        let reader = Reader {
            metadata,
            architecture: metadata.text("general.architecture").ok_or(NoShape::NoArchitecture)?,
        };
        reader.shape()
    }

    /// Bytes of the caches of `slots` requests at once with `window` tokens each.
    pub fn cache_bytes(&self, window: u32, slots: u32) -> u64 {
        let cells = padded(window.into());
        // `size_swa = GGML_PAD(min(size_base, n_swa + n_ubatch), 256)`, for each slot.
        let sliding = padded(cells.min(self.sliding_window.saturating_add(BATCH)));
        let slot = self
            .bytes_per_token
            .saturating_mul(cells)
            .saturating_add(self.sliding_bytes_per_token.saturating_mul(sliding))
            .saturating_add(self.bytes_per_slot);
        slot.saturating_mul(slots.into())
    }
}

/// Tokens that llama.cpp computes at once (`n_ubatch`).
pub(crate) const BATCH: u64 = 512;

/// The next multiple of 256, as llama.cpp pads its caches.
fn padded(cells: u64) -> u64 {
    cells.div_ceil(256).saturating_mul(256)
}

/// The entries of one architecture.
struct Reader<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

// === impl Reader ===

impl Reader<'_> {
    fn shape(&self) -> Result<ModelShape, NoShape> {
        if let Some(other) = OTHER_MEMORIES.iter().find(|part| self.has(part)) {
            return Err(NoShape::OtherMemory(other));
        }
        let width = self.needed("embedding_length")?;
        let layers = self.layers()?;
        let heads = self.value("attention.head_count");
        let first_heads = match heads {
            Some(Value::Number(heads)) => Some(*heads),
            Some(Value::Numbers(heads)) => heads.first().copied(),
            _ => None,
        };
        // `n_embd / n_head` where the file has no length of its own.
        let usual = first_heads.filter(|heads| *heads > 0).map(|heads| width / heads);
        let length = |name, other| self.number(name).or(other).ok_or(NoShape::Missing(name));
        let key = length("attention.key_length", usual)?;
        let mut value = length("attention.value_length", usual)?;
        if self.number("attention.key_length_mla").is_some() && self.number("attention.value_length_mla").is_some() {
            value = 0;
        }
        let narrow_key = self.number("attention.key_length_swa").unwrap_or(key);
        let narrow_value = self.number("attention.value_length_swa").unwrap_or(value);
        let sliding = self.sliding(layers)?;
        let recurrent = self.recurrent(layers)?;
        let owners = layers.saturating_sub(self.sharing());
        let mut shape = ModelShape {
            bytes_per_token: 0,
            sliding_bytes_per_token: 0,
            sliding_window: sliding.as_ref().map_or(0, |sliding| sliding.window),
            bytes_per_slot: 0,
            trained_window: self
                .number("context_length")
                .and_then(|tokens| u32::try_from(tokens).ok()),
            vocabulary: self.metadata.vocabulary.or_else(|| self.number("vocab_size")),
            width,
        };
        for layer in 0..layers {
            if let Some(recurrent) = recurrent.as_ref().filter(|recurrent| recurrent.layers.has(layer)) {
                shape.bytes_per_slot = shape.bytes_per_slot.saturating_add(recurrent.bytes);
                continue;
            }
            if layer >= owners {
                continue;
            }
            let heads = self.heads(layer).ok_or(NoShape::Missing("attention.head_count_kv"))?;
            let slides = sliding.as_ref().is_some_and(|sliding| sliding.layers.has(layer));
            let (place, numbers) = if slides {
                (
                    &mut shape.sliding_bytes_per_token,
                    narrow_key.saturating_add(narrow_value),
                )
            } else {
                (&mut shape.bytes_per_token, key.saturating_add(value))
            };
            *place = place.saturating_add(heads.saturating_mul(numbers).saturating_mul(F16));
        }
        Ok(shape)
    }

    /// Layers of the model itself, without those that predict further tokens.
    fn layers(&self) -> Result<u64, NoShape> {
        let all = self.needed("block_count")?;
        let further = self.number("nextn_predict_layers").unwrap_or(0);
        let layers = all
            .checked_sub(further)
            .filter(|layers| (1..=MOST_LAYERS).contains(layers));
        layers.ok_or(NoShape::Missing("block_count"))
    }

    /// Layers at the end that use the cache of others.
    fn sharing(&self) -> u64 {
        self.number("attention.shared_kv_layers").unwrap_or(0)
    }

    /// The heads of K and V of a layer: those of the whole model where the file does not tell them apart.
    fn heads(&self, layer: u64) -> Option<u64> {
        let value = self
            .value("attention.head_count_kv")
            .or_else(|| self.value("attention.head_count"))?;
        match value {
            Value::Number(heads) => Some(*heads),
            Value::Numbers(heads) => heads.get(usize::try_from(layer).ok()?).copied(),
            Value::Text(_) => None,
        }
    }

    /// Which layers slide, and over how much.
    fn sliding(&self, layers: u64) -> Result<Option<Sliding>, NoShape> {
        let rule = SLIDING
            .iter()
            .find(|(architecture, ..)| *architecture == self.architecture);
        let window = self.number("attention.sliding_window");
        let window = window.or_else(|| rule.map(|(.., window)| *window)).unwrap_or(0);
        if window == 0 {
            return Ok(None);
        }
        let layers = match (self.value("attention.sliding_window_pattern"), rule) {
            (Some(Value::Numbers(flags)), _) if flags.len() as u64 >= layers => Layers::Listed(flags.clone()),
            (Some(Value::Number(period)), _) | (None, Some((_, period, _))) => Layers::AllButEvery(*period),
            (Some(_), _) => return Err(NoShape::Missing("attention.sliding_window_pattern")),
            (None, None) => return Ok(None),
        };
        Ok(Some(Sliding { window, layers }))
    }

    /// Which layers are recurrent, and how large the state of one is.
    fn recurrent(&self, layers: u64) -> Result<Option<Recurrent>, NoShape> {
        let bytes = if let Some(kept) = self.number("shortconv.l_cache") {
            kept.saturating_sub(1).saturating_mul(self.needed("embedding_length")?)
        } else if self.has("ssm.") {
            let (kernel, inner) = (self.needed("ssm.conv_kernel")?, self.needed("ssm.inner_size")?);
            let state = self.needed("ssm.state_size")?;
            let groups = self.number("ssm.group_count").unwrap_or(0);
            let convolved = inner.saturating_add(groups.saturating_mul(state).saturating_mul(2));
            let convolution = kernel.saturating_sub(1).saturating_mul(convolved);
            convolution.saturating_add(state.saturating_mul(inner))
        } else {
            return Ok(None);
        };
        let layers = match (
            self.value("attention.recurrent_layers"),
            self.number("full_attention_interval"),
            self.value("attention.head_count_kv"),
        ) {
            (Some(Value::Numbers(flags)), ..) if flags.len() as u64 >= layers => Layers::Listed(flags.clone()),
            (None, Some(interval), _) => Layers::AllButEvery(interval),
            // Layers without heads are recurrent, or have neither: at the most, all of them have a state.
            (None, None, Some(Value::Numbers(heads))) => {
                Layers::Listed(heads.iter().map(|heads| u64::from(*heads == 0)).collect())
            }
            (None, None, _) if EVERY_FOURTH.contains(&self.architecture) => Layers::AllButEvery(4),
            _ => return Err(NoShape::OtherMemory("ssm.")),
        };
        Ok(Some(Recurrent {
            bytes: bytes.saturating_mul(F32),
            layers,
        }))
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.metadata.values.get(&format!("{}.{name}", self.architecture))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.metadata.number(&format!("{}.{name}", self.architecture))
    }

    fn needed(&self, name: &'static str) -> Result<u64, NoShape> {
        self.number(name)
            .filter(|number| *number > 0)
            .ok_or(NoShape::Missing(name))
    }

    /// Whether there is an entry of this architecture whose name begins so.
    fn has(&self, part: &str) -> bool {
        let beginning = format!("{}.{part}", self.architecture);
        let mut from = self.metadata.values.range(beginning.clone()..);
        from.next().is_some_and(|(name, _)| name.starts_with(&beginning))
    }
}

struct Sliding {
    window: u64,
    layers: Layers,
}

struct Recurrent {
    bytes: u64,
    layers: Layers,
}

/// Some of the layers.
enum Layers {
    /// Those that have another number than 0.
    Listed(Vec<u64>),
    /// All but the last of each so many; all, for 0 (`llama_hparams::set_swa_pattern`).
    AllButEvery(u64),
}

impl Layers {
    fn has(&self, layer: u64) -> bool {
        match self {
            Self::Listed(flags) => usize::try_from(layer)
                .ok()
                .and_then(|layer| flags.get(layer))
                .is_some_and(|flag| *flag != 0),
            Self::AllButEvery(0) => true,
            Self::AllButEvery(period) => layer % period < period - 1,
        }
    }
}

#[cfg(test)]
mod tests;
