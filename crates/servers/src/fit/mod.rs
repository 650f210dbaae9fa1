//! Whether a model fits into memory, before anything loads it.
//!
//! A load that does not fit ends in a crash or in a machine that swaps for minutes; both are told too late. What a load
//! needs can be computed from what a model says of itself: its weights, the caches of its window and slots ([`Need`]),
//! and what is free is known too ([`Memory`]). What is not known is [`Fit::Unknown`]. The answer is advice: it is for
//! main memory and the cards that are seen, and a server may know better.

mod gguf;
mod memory;
mod need;
mod remote;
mod report;
mod shape;

pub use gguf::{GgufError, Metadata, Template, Value};
pub use memory::{Memory, Room};
pub use need::{Fit, Need, fits, largest_window, weights_fit};
pub use remote::{check_ollama, check_size};
pub use report::{FitReport, Obstacle};
pub use shape::{ModelShape, NoShape};

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// What a GGUF file says of itself. Reads some MB at the most, and blocks for as long as that takes.
pub fn read_gguf(path: &Path) -> Result<Metadata, GgufError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Metadata::read(file, length)
}

/// Whether a model file fits, with `slots` requests at once and `window` tokens for each. Blocks as [`read_gguf`] does.
pub fn check_gguf(path: &Path, window: u32, slots: u32, memory: &Memory) -> FitReport {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let found = read_gguf(path).map_err(Obstacle::File).and_then(|metadata| {
        Ok((
            ModelShape::of(&metadata).map_err(Obstacle::Shape),
            weights(path, &metadata)?,
        ))
    });
    match found {
        Ok((shape, weights)) => FitReport::new(&name, shape, Some(weights), Some(window), slots, memory),
        Err(obstacle) => FitReport::new(&name, Err(obstacle), None, Some(window), slots, memory),
    }
}

/// The bytes of a model's files, if they can be read. Blocks as [`read_gguf`] does.
pub(crate) fn weights_of(path: &Path) -> Option<u64> {
    weights(path, &read_gguf(path).ok()?).ok()
}

/// The bytes of a model's files: of all parts, where it is split (`gguf-split`: `NAME-00001-of-00003.gguf`).
fn weights(path: &Path, metadata: &Metadata) -> Result<u64, Obstacle> {
    let size = |path: &Path| match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) => Err(Obstacle::File(error.into())),
    };
    let parts = metadata.number("split.count").unwrap_or(1);
    if parts <= 1 {
        return size(path);
    }
    let files = parts_of(path, parts).ok_or(Obstacle::Parts)?;
    let sizes = files.iter().map(|part| size(part).map_err(|_| Obstacle::Parts));
    sizes.sum()
}

/// The files of all parts, told by the name of one.
fn parts_of(path: &Path, parts: u64) -> Option<Vec<PathBuf>> {
    // Five digits in the name.
    let parts = u32::try_from(parts).ok().filter(|parts| *parts < 100_000)?;
    let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let name = name.strip_suffix(&format!("-of-{parts:05}"))?;
    let (name, number) = name.rsplit_once('-')?;
    if number.len() != 5 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let file = |part: u32| path.with_file_name(format!("{name}-{part:05}-of-{parts:05}.gguf"));
    Some((1..=parts).map(file).collect())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::{gguf::tests::Writer, *};

    const GIB: u64 = 1024 * 1024 * 1024;

    fn memory() -> Memory {
        let room = Room {
            free: GIB,
            total: 2 * GIB,
        };
        Memory {
            ram: Some(room),
            vram: None,
        }
    }

    /// SmolLM2's numbers, in a file without weights.
    fn smollm2() -> Writer {
        Writer::new("llama")
            .u32("llama.block_count", 30)
            .u32("llama.context_length", 8192)
            .u32("llama.embedding_length", 576)
            .u32("llama.attention.head_count", 9)
            .u32("llama.attention.head_count_kv", 3)
            .u32("llama.vocab_size", 49_152)
            .texts("tokenizer.ggml.tokens", &["a", "b"])
    }

    #[test]
    fn a_file_is_checked() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("small.gguf");
        let bytes = smollm2().bytes();
        fs::write(&path, &bytes).unwrap();
        let shape = ModelShape {
            bytes_per_token: 23_040,
            sliding_bytes_per_token: 0,
            sliding_window: 0,
            bytes_per_slot: 0,
            trained_window: Some(8192),
            vocabulary: Some(2),
            width: 576,
        };
        let need = Need::of(&shape, bytes.len() as u64, 8192, 2);
        let report = check_gguf(&path, 8192, 2, &memory());
        let expected = FitReport {
            model: "small.gguf".to_owned(),
            window: Some(8192),
            slots: 2,
            need: Some(need),
            memory: memory(),
            fit: Fit::Fits {
                spare: GIB - need.total(),
                on_gpu: false,
            },
            obstacle: None,
        };
        assert_eq!(report, expected);
        let report = check_gguf(&path, 8192, 8, &memory());
        let largest_window = largest_window(&shape, bytes.len() as u64, 8, GIB);
        assert!(largest_window.is_some_and(|window| (2048..8192).contains(&window)));
        let Fit::TooLarge {
            largest_window: found, ..
        } = report.fit
        else {
            panic!("{report:?}");
        };
        assert_eq!(found, largest_window);
    }

    #[test]
    fn parts_are_added_up() {
        let folder = TempDir::new().unwrap();
        let part = |number: u32| folder.path().join(format!("big-{number:05}-of-00003.gguf"));
        let first = smollm2().u32("split.count", 3).bytes();
        fs::write(part(1), &first).unwrap();
        fs::write(part(2), [0; 1000]).unwrap();
        let check = || check_gguf(&part(1), 4096, 1, &memory());
        assert_eq!((check().fit, check().obstacle), (Fit::Unknown, Some(Obstacle::Parts)));
        fs::write(part(3), [0; 500]).unwrap();
        assert_eq!(check().need.map(|need| need.weights), Some(first.len() as u64 + 1500));
        // A part under another name does not say where the others are.
        let renamed = folder.path().join("renamed.gguf");
        fs::copy(part(1), &renamed).unwrap();
        assert_eq!(check_gguf(&renamed, 4096, 1, &memory()).obstacle, Some(Obstacle::Parts));
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("page.gguf");
        fs::write(&path, "<html>").unwrap();
        let obstacle = |path: &Path| {
            let report = check_gguf(path, 4096, 1, &memory());
            assert_eq!((report.fit, report.need), (Fit::Unknown, None));
            report.obstacle
        };
        assert_eq!(obstacle(&path), Some(Obstacle::File(GgufError::Magic)));
        let missing = GgufError::Io(std::io::ErrorKind::NotFound);
        assert_eq!(
            obstacle(&folder.path().join("none.gguf")),
            Some(Obstacle::File(missing))
        );
        // The weights of another architecture are known, and too large is too large.
        fs::write(&path, Writer::new("mamba").bytes()).unwrap();
        let report = check_gguf(&path, 4096, 1, &memory());
        assert!(matches!(report.fit, Fit::WeightsFit { .. }), "{report:?}");
        assert_eq!(
            report.obstacle,
            Some(Obstacle::Shape(NoShape::Missing("embedding_length")))
        );
    }
}
