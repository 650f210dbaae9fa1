//! Numbers that models publish and that llama.cpp's log says (`KV buffer size`, `llama_memory_recurrent: size`).

use super::*;

const MIB: u64 = 1024 * 1024;

/// What a file of `architecture` says: numbers by the end of their names.
pub(crate) fn metadata(architecture: &str, numbers: &[(&str, u64)]) -> Metadata {
    let mut metadata = Metadata::default();
    let name = Value::Text(architecture.to_owned());
    metadata.values.insert("general.architecture".to_owned(), name);
    for (end, number) in numbers {
        let name = format!("{architecture}.{end}");
        metadata.values.insert(name, Value::Number(*number));
    }
    metadata
}

fn with(mut metadata: Metadata, name: &str, numbers: &[u64]) -> Metadata {
    metadata
        .values
        .insert(name.to_owned(), Value::Numbers(numbers.to_vec()));
    metadata
}

/// A transformer with grouped attention: layers, width, heads, heads of K and V.
pub(crate) fn plain(architecture: &str, layers: u64, width: u64, heads: u64, kv: u64) -> Metadata {
    metadata(
        architecture,
        &[
            ("block_count", layers),
            ("embedding_length", width),
            ("attention.head_count", heads),
            ("attention.head_count_kv", kv),
        ],
    )
}

fn shape(metadata: &Metadata) -> ModelShape {
    ModelShape::of(metadata).unwrap()
}

#[test]
fn bytes_a_token_of_known_models() {
    for (model, metadata, expected) in [
        // Measured here: 4096 cells are 90.00 MiB.
        ("SmolLM2-135M", plain("llama", 30, 576, 9, 3), 23_040),
        ("Llama-3.1-8B", plain("llama", 32, 4096, 32, 8), 131_072),
        ("Llama-3.1-70B", plain("llama", 80, 8192, 64, 8), 327_680),
        (
            "Llama-2-7B, without grouped heads",
            plain("llama", 32, 4096, 32, 32),
            524_288,
        ),
        ("Qwen2.5-1.5B", plain("qwen2", 28, 1536, 12, 2), 28_672),
        ("Qwen2.5-7B", plain("qwen2", 28, 3584, 28, 4), 57_344),
    ] {
        let shape = shape(&metadata);
        assert_eq!(shape.bytes_per_token, expected, "{model}");
        assert_eq!((shape.sliding_bytes_per_token, shape.bytes_per_slot), (0, 0), "{model}");
    }
}

#[test]
fn caches_are_as_large_as_the_log_of_llama_cpp_says() {
    let smollm2 = shape(&plain("llama", 30, 576, 9, 3));
    // xllamacpp b11549: n_ctx 4096, 8192 and 8192 with 2 slots, 2048, 8192 with 4 slots.
    for (window, slots, mib) in [
        (4096, 1, 90),
        (8192, 1, 180),
        (4096, 2, 180),
        (2048, 1, 45),
        (2048, 4, 180),
    ] {
        assert_eq!(smollm2.cache_bytes(window, slots), mib * MIB, "{window} × {slots}");
    }
    // Windows are padded to 256 tokens.
    assert_eq!(smollm2.cache_bytes(4095, 1), 90 * MIB);
    assert_eq!(smollm2.cache_bytes(0, 1), 0);
}

#[test]
fn sliding_layers_keep_their_window_and_a_batch() {
    let gpt_oss = |layers| {
        let numbers = [
            ("block_count", layers),
            ("embedding_length", 2880),
            ("attention.head_count", 64),
            ("attention.head_count_kv", 8),
            ("attention.key_length", 64),
            ("attention.value_length", 64),
            ("attention.sliding_window", 128),
        ];
        shape(&metadata("gpt-oss", &numbers))
    };
    // gpt-oss-20b at 131072: 3072 MiB in 12 layers; the other 12 keep 128 + 512 tokens, padded to 768.
    assert_eq!(gpt_oss(24).cache_bytes(131_072, 1), 3072 * MIB + 12 * 2048 * 768);
    // gpt-oss-120b at 65536: 2304 MiB in 18 layers.
    assert_eq!(gpt_oss(36).cache_bytes(65_536, 1), 2304 * MIB + 18 * 2048 * 768);

    let gemma2 = [
        ("block_count", 26),
        ("embedding_length", 2304),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 4),
        ("attention.key_length", 256),
        ("attention.value_length", 256),
        ("attention.sliding_window", 4096),
    ];
    // Gemma 2 2B at 8192: 416 MiB in 13 layers; 13 layers keep 4096 + 512.
    let gemma2 = shape(&metadata("gemma2", &gemma2));
    assert_eq!(gemma2.cache_bytes(8192, 1), 416 * MIB + 13 * 4096 * 4608);

    let gemma3 = [
        ("block_count", 48),
        ("embedding_length", 3840),
        ("attention.head_count", 16),
        ("attention.head_count_kv", 8),
        ("attention.key_length", 256),
        ("attention.value_length", 256),
        ("attention.sliding_window", 1024),
    ];
    // Gemma 3 12B at 32768: 2048 MiB in 8 layers, 40 layers keep 1024 + 512 tokens: 480 MiB, for each slot.
    let gemma3 = shape(&metadata("gemma3", &gemma3));
    assert_eq!(gemma3.cache_bytes(32_768, 1), (2048 + 480) * MIB);
    assert_eq!(gemma3.cache_bytes(32_768, 2), 2 * (2048 + 480) * MIB);
    // A window that is smaller than the sliding one is not made larger.
    assert_eq!(gemma3.cache_bytes(512, 1), 48 * 8 * 512 * 2 * 512);
}

#[test]
fn the_pattern_in_the_file_goes_before_the_rule() {
    let numbers = [
        ("block_count", 6),
        ("embedding_length", 64),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 1),
        ("attention.sliding_window", 128),
        ("attention.key_length_swa", 8),
        ("attention.value_length_swa", 8),
    ];
    // Four numbers a token and layer come from 16 + 16, or 8 + 8 where a layer slides.
    let of = |metadata: &Metadata| {
        let shape = shape(metadata);
        (shape.bytes_per_token, shape.sliding_bytes_per_token)
    };
    let file = metadata("gemma4", &numbers);
    assert_eq!(of(&file), (6 * 64, 0), "no rule and no pattern: all of the window");
    let listed = with(
        file.clone(),
        "gemma4.attention.sliding_window_pattern",
        &[1, 1, 1, 1, 1, 0],
    );
    assert_eq!(of(&listed), (64, 5 * 32));
    let mut period = file;
    let name = "gemma4.attention.sliding_window_pattern".to_owned();
    period.values.insert(name.clone(), Value::Number(2));
    assert_eq!(of(&period), (3 * 64, 3 * 32));
    // Gemma 4 also shares the cache of its last layers.
    let mut sharing = listed;
    sharing
        .values
        .insert("gemma4.attention.shared_kv_layers".to_owned(), Value::Number(2));
    assert_eq!(of(&sharing), (0, 4 * 32));
    // A list that is too short says nothing.
    let short = with(period, &name, &[1, 0]);
    assert_eq!(
        ModelShape::of(&short),
        Err(NoShape::Missing("attention.sliding_window_pattern"))
    );
}

/// Qwen 3.5 to 3.8: three of four layers are recurrent.
fn qwen35(layers: u64, inner: u64, heads: u64) -> Metadata {
    metadata(
        "qwen35",
        &[
            ("block_count", layers),
            ("embedding_length", 5120),
            ("attention.head_count", heads),
            ("attention.head_count_kv", 4),
            ("attention.key_length", 256),
            ("attention.value_length", 256),
            ("ssm.conv_kernel", 4),
            ("ssm.group_count", 16),
            ("ssm.inner_size", inner),
            ("ssm.state_size", 128),
            ("context_length", 262_144),
        ],
    )
}

#[test]
fn recurrent_layers_keep_a_state_for_each_slot() {
    let mut large = qwen35(65, 6144, 24);
    large
        .values
        .insert("qwen35.nextn_predict_layers".to_owned(), Value::Number(1));
    large
        .values
        .insert("qwen35.full_attention_interval".to_owned(), Value::Number(4));
    // The log for 27B: 16384 MiB (262144 cells, 16 layers), 149.62 MiB of state.
    let found = shape(&large);
    assert_eq!((found.bytes_per_token, found.bytes_per_slot), (65_536, 156_893_184));
    assert_eq!(found.cache_bytes(262_144, 1), 16_384 * MIB + 156_893_184);
    assert_eq!(found.trained_window, Some(262_144));
    // For 9B: 4224 MiB (135168 cells, 8 layers), 201.00 MiB of state for 4 slots, one cache of four windows.
    let small = shape(&qwen35(32, 4096, 16));
    assert_eq!(small.cache_bytes(135_168 / 4, 4), (4224 + 201) * MIB);
    // Files that list the heads of each layer say the same.
    let listed = with(qwen35(4, 4096, 16), "qwen35.attention.head_count_kv", &[0, 0, 0, 4]);
    assert_eq!(shape(&listed), shape(&qwen35(4, 4096, 16)));
    let flagged = with(qwen35(4, 4096, 16), "qwen35.attention.recurrent_layers", &[0, 1, 1, 1]);
    assert_eq!(shape(&flagged), shape(&qwen35(4, 4096, 16)));
}

#[test]
fn latent_attention_keeps_keys_alone() {
    let numbers = [
        ("block_count", 27),
        ("embedding_length", 2048),
        ("attention.head_count", 16),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 576),
        ("attention.value_length", 512),
        ("attention.key_length_mla", 192),
        ("attention.value_length_mla", 128),
    ];
    assert_eq!(shape(&metadata("deepseek2", &numbers)).bytes_per_token, 27 * 576 * 2);
    // Files from before it was supported keep all heads.
    assert_eq!(
        shape(&metadata("deepseek2", &numbers[..6])).bytes_per_token,
        27 * (576 + 512) * 2
    );
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let without = |name: &str| {
        let mut file = plain("llama", 2, 64, 4, 2);
        assert!(file.values.remove(&format!("llama.{name}")).is_some());
        ModelShape::of(&file)
    };
    assert_eq!(without("block_count"), Err(NoShape::Missing("block_count")));
    assert_eq!(without("embedding_length"), Err(NoShape::Missing("embedding_length")));
    assert_eq!(
        without("attention.head_count"),
        Err(NoShape::Missing("attention.key_length"))
    );
    // llama.cpp takes as many heads of K and V as there are of Q.
    assert_eq!(without("attention.head_count_kv").unwrap().bytes_per_token, 2 * 128 * 2);
    assert_eq!(ModelShape::of(&Metadata::default()), Err(NoShape::NoArchitecture));
    let with_number = |name: &str, number| {
        let mut file = plain("llama", 2, 64, 4, 2);
        file.values.insert(format!("llama.{name}"), Value::Number(number));
        ModelShape::of(&file)
    };
    assert_eq!(with_number("block_count", 0), Err(NoShape::Missing("block_count")));
    assert_eq!(
        with_number("block_count", u64::MAX),
        Err(NoShape::Missing("block_count"))
    );
    assert_eq!(with_number("wkv.head_size", 64), Err(NoShape::OtherMemory("wkv.")));
    assert_eq!(
        with_number("attention.indexer.top_k", 8),
        Err(NoShape::OtherMemory("attention.indexer."))
    );
    assert_eq!(
        with_number("ssm.state_size", 8),
        Err(NoShape::Missing("ssm.conv_kernel"))
    );
    // A list of heads that ends too early is a broken file.
    let short = with(plain("llama", 3, 64, 4, 2), "llama.attention.head_count_kv", &[2, 2]);
    assert_eq!(ModelShape::of(&short), Err(NoShape::Missing("attention.head_count_kv")));
}

#[test]
fn numbers_that_are_lies_do_not_overflow() {
    let mut file = plain("llama", 1024, u64::MAX, 1, u64::MAX);
    file.values
        .insert("llama.attention.key_length".to_owned(), Value::Number(u64::MAX));
    assert_eq!(shape(&file).cache_bytes(u32::MAX, u32::MAX), u64::MAX);
}
