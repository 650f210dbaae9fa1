//! How much memory a load needs, and whether there is as much.

use super::{
    memory::Memory,
    shape::{BATCH, ModelShape},
};

/// The program itself: code, tokenizer, HTTP. Measured with b11549 and SmolLM2: 36 MiB above weights, cache and compute
/// buffer; larger vocabularies take more.
const PROGRAM: u64 = 64 * 1024 * 1024;

/// The largest common vocabulary, for models that do not say how many tokens they know (Ollama leaves the list out).
const LARGE_VOCABULARY: u64 = 262_144;

/// One sixteenth is added to what is computed: allocators, alignment, and that the estimate is one.
const MARGIN: u64 = 16;

/// Windows are proposed in steps of so many tokens, and none that is smaller than two of them.
const STEP: u32 = 1024;

/// The memory that a load needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The weights: the size of the model's files.
    pub weights: u64,
    /// The caches of all slots.
    pub cache: u64,
    /// The program and its compute buffers.
    ///
    /// The buffers are for a batch of 512 tokens: the scores of all tokens of the vocabulary, some rows of the model's
    /// width, and the mask of the attention over the whole window, as with flash attention, which llama.cpp uses
    /// wherever it can. Gemma 2 2B at 8192 takes 509 MiB by its log and 579 MiB by this. Newer builds keep the scores
    /// of fewer tokens on the CPU and take less (SmolLM2 at 4096: 19 MiB of 118).
    pub overhead: u64,
}

/// Whether a model fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits {
        /// Bytes that stay free.
        spare: u64,
        /// All of it fits into the memory of the graphics cards.
        on_gpu: bool,
    },
    /// It does not.
    TooLarge {
        /// Bytes that are missing.
        missing: u64,
        /// The largest window that fits, in tokens, where one does.
        largest_window: Option<u32>,
    },
    /// The weights fit; nothing is known of the cache.
    WeightsFit {
        /// Bytes that stay free, without the cache.
        spare: u64,
    },
    /// Not enough is known.
    Unknown,
}

// === impl Need ===

impl Need {
    /// What `slots` requests at once with a window of `window` tokens each need.
    pub fn of(shape: &ModelShape, weights: u64, window: u32, slots: u32) -> Self {
        let vocabulary = shape.vocabulary.unwrap_or(LARGE_VOCABULARY);
        let row = vocabulary
            .saturating_add(shape.width.saturating_mul(16))
            .saturating_mul(4);
        let compute = row.saturating_add(u64::from(window) * 2).saturating_mul(BATCH);
        Self {
            weights,
            cache: shape.cache_bytes(window, slots),
            overhead: compute.saturating_add(PROGRAM),
        }
    }

    /// The need of a model of which only the weights are known.
    pub fn of_weights(weights: u64) -> Self {
        Self {
            weights,
            cache: 0,
            overhead: PROGRAM,
        }
    }

    /// All of it, with a margin.
    pub fn total(&self) -> u64 {
        let sum = self.weights.saturating_add(self.cache).saturating_add(self.overhead);
        sum.saturating_add(sum / MARGIN)
    }
}

/// Compares what a model needs with what is free.
pub fn fits(shape: &ModelShape, weights: u64, window: u32, slots: u32, memory: &Memory) -> Fit {
    let Some(free) = memory.free() else {
        return Fit::Unknown;
    };
    let need = Need::of(shape, weights, window, slots).total();
    match free.checked_sub(need) {
        Some(spare) => Fit::Fits {
            spare,
            on_gpu: memory.vram.is_some_and(|vram| need <= vram.free),
        },
        None => Fit::TooLarge {
            missing: need - free,
            // A larger window than the one that does not fit does not either.
            largest_window: largest_window(shape, weights, slots, free).filter(|largest| *largest < window),
        },
    }
}

/// Compares the weights alone with what is free.
pub fn weights_fit(weights: u64, memory: &Memory) -> Fit {
    let Some(free) = memory.free() else {
        return Fit::Unknown;
    };
    let need = Need::of_weights(weights).total();
    match free.checked_sub(need) {
        Some(spare) => Fit::WeightsFit { spare },
        None => Fit::TooLarge {
            missing: need - free,
            largest_window: None,
        },
    }
}

/// The largest window, in tokens, with which `slots` requests at once fit into `free` bytes: a multiple of 1024 from
/// 2048 to the trained window; without a limit of that kind where the model does not name one.
pub fn largest_window(shape: &ModelShape, weights: u64, slots: u32, free: u64) -> Option<u32> {
    let fit = |steps: u32| Need::of(shape, weights, steps * STEP, slots).total() <= free;
    let (mut fitting, mut most) = (2, shape.trained_window.unwrap_or(u32::MAX) / STEP);
    if most < fitting || !fit(fitting) {
        return None;
    }
    // What is needed grows with the window.
    while fitting < most {
        let middle = most - (most - fitting) / 2;
        if fit(middle) {
            fitting = middle;
        } else {
            most = middle - 1;
        }
    }
    Some(fitting * STEP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fit::memory::Room;

    const GIB: u64 = 1024 * 1024 * 1024;

    /// Llama-3.1-8B.
    fn llama() -> ModelShape {
        ModelShape {
            bytes_per_token: 131_072,
            sliding_bytes_per_token: 0,
            sliding_window: 0,
            bytes_per_slot: 0,
            trained_window: Some(131_072),
            vocabulary: Some(128_256),
            width: 4096,
        }
    }

    fn ram(free: u64) -> Memory {
        let total = 64 * GIB;
        Memory {
            ram: Some(Room { free, total }),
            vram: None,
        }
    }

    #[test]
    fn what_a_load_needs() {
        // Q4_K_M has 4.9 GB; 512 × (4 × (128256 + 65536) + 2 × 8192) of buffers, 64 MiB for the program.
        let need = Need::of(&llama(), 4_920_739_232, 8192, 2);
        let expected = Need {
            weights: 4_920_739_232,
            cache: 2 * GIB,
            overhead: 405_274_624 + 67_108_864,
        };
        assert_eq!(need, expected);
        let sum = 4_920_739_232 + 2_147_483_648 + 472_383_488;
        assert_eq!(need.total(), sum + sum / 16);
        // Without a number of tokens, the vocabulary is taken as large.
        let mut unknown = llama();
        unknown.vocabulary = None;
        assert_eq!(Need::of(&unknown, 0, 8192, 1).overhead, 679_477_248 + 67_108_864);
    }

    #[test]
    fn a_window_is_proposed() {
        let weights = 4_920_739_232;
        let exactly = Need::of(&llama(), weights, 8192, 2).total();
        let (shape, fits) = (llama(), |window, free| fits(&llama(), weights, window, 2, &ram(free)));
        let enough = Fit::Fits {
            spare: 5,
            on_gpu: false,
        };
        assert_eq!(fits(8192, exactly + 5), enough);
        let too_large = |missing, largest_window| Fit::TooLarge {
            missing,
            largest_window,
        };
        assert_eq!(fits(8192, exactly - 1), too_large(1, Some(7168)));
        let of = |window| Need::of(&shape, weights, window, 2).total();
        assert_eq!(fits(131_072, exactly), too_large(of(131_072) - exactly, Some(8192)));
        assert_eq!(fits(4096, of(2048)), too_large(of(4096) - of(2048), Some(2048)));
        assert_eq!(fits(4096, of(2048) - 1), too_large(of(4096) - of(2048) + 1, None));
        // Never more than the model was trained with, and nothing is proposed that was refused already.
        assert_eq!(largest_window(&shape, weights, 2, u64::MAX), Some(131_072));
        let mut short = shape;
        short.trained_window = Some(2047);
        assert_eq!(largest_window(&short, weights, 1, u64::MAX), None);
        assert_eq!(fits(1024, 0), too_large(of(1024), None));
    }

    #[test]
    fn the_graphics_cards_count() {
        let weights = 4_920_739_232;
        let total = Need::of(&llama(), weights, 4096, 1).total();
        let mut memory = ram(total);
        let room = |free| Some(Room { free, total: 24 * GIB });
        memory.vram = room(total);
        let all = Fit::Fits {
            spare: total,
            on_gpu: true,
        };
        assert_eq!(fits(&llama(), weights, 4096, 1, &memory), all);
        memory.vram = room(GIB);
        let part = Fit::Fits {
            spare: GIB,
            on_gpu: false,
        };
        assert_eq!(fits(&llama(), weights, 4096, 1, &memory), part);
        assert_eq!(fits(&llama(), weights, 4096, 1, &Memory::default()), Fit::Unknown);
    }

    #[test]
    fn weights_alone() {
        let total = Need::of_weights(GIB).total();
        assert_eq!(weights_fit(GIB, &ram(total + 7)), Fit::WeightsFit { spare: 7 });
        let missing = Fit::TooLarge {
            missing: 1,
            largest_window: None,
        };
        assert_eq!(weights_fit(GIB, &ram(total - 1)), missing);
        assert_eq!(weights_fit(GIB, &Memory::default()), Fit::Unknown);
    }

    proptest! {
        /// The window that is proposed fits, and the next one does not.
        #[test]
        fn the_proposal_is_the_largest(
            bytes in 1_u64..1 << 20,
            sliding in 0_u64..1 << 20,
            trained in proptest::option::of(1_u32..2_000_000),
            slots in 1_u32..9,
            free in 0_u64..1 << 40,
        ) {
            let shape = ModelShape {
                bytes_per_token: bytes,
                sliding_bytes_per_token: sliding,
                sliding_window: 1024,
                trained_window: trained,
                ..llama()
            };
            let fit = |window| Need::of(&shape, GIB, window, slots).total() <= free;
            match largest_window(&shape, GIB, slots, free) {
                Some(window) => {
                    prop_assert!(window % 1024 == 0 && window >= 2048 && fit(window));
                    let next = window.saturating_add(1024);
                    prop_assert!(trained.is_some_and(|trained| next > trained) || !fit(next));
                }
                None => prop_assert!(trained.is_some_and(|trained| trained < 2048) || !fit(2048)),
            }
        }
    }
}
