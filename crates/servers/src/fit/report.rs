//! What a check found, for people.

use yabby_core::{Text, text};

use super::{
    gguf::GgufError,
    memory::Memory,
    need::{Fit, Need, fits, weights_fit},
    shape::{ModelShape, NoShape},
};

/// What a check of one model found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitReport {
    /// The model, as people know it: its file or its id.
    pub model: String,
    /// The window that was asked for, in tokens; `None` when nobody has said one.
    pub window: Option<u32>,
    /// Requests at once.
    pub slots: u32,
    /// What it needs, as far as that is known: without the cache for [`Fit::WeightsFit`].
    pub need: Option<Need>,
    /// What there was.
    pub memory: Memory,
    /// Whether it fits.
    pub fit: Fit,
    /// Why not everything is known.
    pub obstacle: Option<Obstacle>,
}

/// Why the need of a model is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The file cannot be read.
    File(GgufError),
    /// A part of a model in several files is missing.
    Parts,
    /// Its cache cannot be computed.
    Shape(NoShape),
    /// Its server does not say how its model is built.
    NoArchitecture,
    /// Nobody has said how large its window will be.
    NoWindow,
    /// Its server does not say how large its files are.
    NoSize,
    /// The system does not say how much memory is free.
    NoMemory,
}

// === impl FitReport ===

impl FitReport {
    /// Compares what is known of a model with what is free.
    pub(crate) fn new(
        model: &str,
        shape: Result<ModelShape, Obstacle>,
        weights: Option<u64>,
        window: Option<u32>,
        slots: u32,
        memory: &Memory,
    ) -> Self {
        let (need, fit, obstacle) = match (shape, weights, window) {
            (Err(obstacle), None, _) => (None, Fit::Unknown, Some(obstacle)),
            (Ok(_), None, _) => (None, Fit::Unknown, Some(Obstacle::NoSize)),
            (Ok(shape), Some(weights), Some(window)) => {
                let need = Need::of(&shape, weights, window, slots);
                (Some(need), fits(&shape, weights, window, slots, memory), None)
            }
            (shape, Some(weights), _) => {
                let obstacle = shape.err().unwrap_or(Obstacle::NoWindow);
                (
                    Some(Need::of_weights(weights)),
                    weights_fit(weights, memory),
                    Some(obstacle),
                )
            }
        };
        let no_memory = memory.free().is_none().then_some(Obstacle::NoMemory);
        Self {
            model: model.to_owned(),
            window,
            slots,
            need,
            memory: *memory,
            fit,
            obstacle: obstacle.or(no_memory),
        }
    }

    /// Whether it is known that it does not fit.
    pub fn is_too_large(&self) -> bool {
        matches!(self.fit, Fit::TooLarge { .. })
    }

    /// One sentence for people.
    pub fn text(&self) -> Text {
        let model = &self.model;
        let need = bytes(self.need.map_or(0, |need| need.total()));
        let free = bytes(self.memory.free().unwrap_or(0));
        match (self.fit, self.window, self.obstacle) {
            (Fit::Fits { .. }, Some(window), _) => text!(
                "{model} with a window of {window} tokens for {slots} requests at once needs {need} of memory; {free} is free",
                model = model,
                window = window,
                slots = self.slots,
                need = need,
                free = free
            ),
            (Fit::TooLarge { missing, .. }, Some(window), None) => text!(
                "{model} with a window of {window} tokens for {slots} requests at once does not fit into memory: it needs \
                 {need}, {free} is free, {missing} is missing",
                model = model,
                window = window,
                slots = self.slots,
                need = need,
                free = free,
                missing = bytes(missing)
            ),
            (Fit::TooLarge { missing, .. }, ..) => text!(
                "{model} does not fit into memory: its weights alone need {need}, {free} is free, {missing} is missing",
                model = model,
                need = need,
                free = free,
                missing = bytes(missing)
            ),
            (Fit::Fits { .. } | Fit::WeightsFit { .. }, _, Some(obstacle)) => text!(
                "the weights of {model} need {need} of memory, and {free} is free; what its window takes is not known: \
                 {reason}",
                model = model,
                need = need,
                free = free,
                reason = obstacle.text()
            ),
            (Fit::Fits { .. } | Fit::WeightsFit { .. }, ..) => {
                text!(
                    "the weights of {model} need {need} of memory, and {free} is free",
                    model = model,
                    need = need,
                    free = free
                )
            }
            (Fit::Unknown, _, obstacle) => text!(
                "whether {model} fits into memory is not known: {reason}",
                model = model,
                reason = obstacle.unwrap_or(Obstacle::NoMemory).text()
            ),
        }
    }

    /// What to do when it does not fit.
    pub fn hint(&self) -> Option<Text> {
        match self.fit {
            Fit::TooLarge {
                largest_window: Some(window),
                ..
            } => Some(text!("a window of {window} tokens fits", window = window)),
            Fit::TooLarge { .. } => Some(text!(
                "take a smaller model or one in a smaller quantisation, or close other programs"
            )),
            Fit::Fits { .. } | Fit::WeightsFit { .. } | Fit::Unknown => None,
        }
    }
}

// === impl Obstacle ===

impl Obstacle {
    /// Half a sentence for people.
    pub fn text(self) -> Text {
        match self {
            Self::File(error) => error.text(),
            Self::Parts => text!("a part of the model is missing"),
            Self::Shape(error) => error.text(),
            Self::NoArchitecture => text!("the server does not say how the model is built"),
            Self::NoWindow => text!("nobody has said how large it will be"),
            Self::NoSize => text!("the server does not say how large the model is"),
            Self::NoMemory => text!("the system does not say how much memory is free"),
        }
    }
}

impl GgufError {
    /// Half a sentence for people.
    pub fn text(self) -> Text {
        match self {
            Self::Magic => text!("the file is not a GGUF file"),
            Self::Version(version) => text!("the file has version {version} of the format", version = version),
            Self::Truncated => text!("the file ends too early"),
            Self::TooMuch | Self::Type(_) => text!("the file is damaged"),
            Self::Io(kind) => text!("the file cannot be read: {error}", error = kind),
        }
    }
}

impl NoShape {
    /// Half a sentence for people.
    pub fn text(self) -> Text {
        match self {
            Self::NoArchitecture => text!("the model does not name its architecture"),
            Self::Missing(name) => text!("the model has no usable number for {name}", name = name),
            Self::OtherMemory(name) => text!(
                "the model has a memory of another kind ({name})",
                name = name.trim_end_matches('.')
            ),
        }
    }
}

/// Bytes for people, in units of a thousand as model files are sold.
fn bytes(count: u64) -> String {
    let (unit, name) = if count >= 1_000_000_000 {
        (1_000_000_000, "GB")
    } else {
        (1_000_000, "MB")
    };
    if unit == 1_000_000 {
        return format!("{} {name}", count.div_ceil(unit));
    }
    let tenths = count.div_ceil(unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use yabby_core::Lang;

    use super::*;
    use crate::fit::memory::Room;

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

    fn with(free: u64) -> Memory {
        let total = 64_000_000_000;
        Memory {
            ram: Some(Room { free, total }),
            vram: None,
        }
    }

    fn said(report: &FitReport) -> String {
        let hint = report
            .hint()
            .map_or_else(String::new, |hint| format!(" → {}", hint.english()));
        report.text().english() + &hint
    }

    #[test]
    fn what_people_read() {
        let check = |shape, weights, window, free| said(&FitReport::new("m", shape, weights, window, 2, &with(free)));
        let weights = Some(4_920_739_232);
        let reports = [
            check(Ok(llama()), weights, Some(8192), 12_000_000_000),
            check(Ok(llama()), weights, Some(65_536), 12_000_000_000),
            check(Ok(llama()), weights, Some(65_536), 2_000_000_000),
            check(Err(Obstacle::NoArchitecture), weights, Some(8192), 12_000_000_000),
            check(Err(Obstacle::NoArchitecture), weights, Some(8192), 500_000_000),
            check(Ok(llama()), weights, None, 12_000_000_000),
            check(Ok(llama()), None, Some(8192), 12_000_000_000),
            check(Err(Obstacle::Shape(NoShape::OtherMemory("wkv."))), None, None, 1),
            said(&FitReport::new(
                "m",
                Ok(llama()),
                weights,
                Some(8192),
                2,
                &Memory::default(),
            )),
        ];
        let expected = [
            "m with a window of 8192 tokens for 2 requests at once needs 8.1 GB of memory; 12.0 GB is free",
            "m with a window of 65536 tokens for 2 requests at once does not fit into memory: it needs 24.1 GB, 12.0 GB is \
             free, 12.1 GB is missing → a window of 21504 tokens fits",
            "m with a window of 65536 tokens for 2 requests at once does not fit into memory: it needs 24.1 GB, 2.0 GB is \
             free, 22.1 GB is missing → take a smaller model or one in a smaller quantisation, or close other programs",
            "the weights of m need 5.3 GB of memory, and 12.0 GB is free; what its window takes is not known: the server \
             does not say how the model is built",
            "m does not fit into memory: its weights alone need 5.3 GB, 500 MB is free, 4.8 GB is missing → take a smaller \
             model or one in a smaller quantisation, or close other programs",
            "the weights of m need 5.3 GB of memory, and 12.0 GB is free; what its window takes is not known: nobody has \
             said how large it will be",
            "whether m fits into memory is not known: the server does not say how large the model is",
            "whether m fits into memory is not known: the model has a memory of another kind (wkv)",
            "whether m fits into memory is not known: the system does not say how much memory is free",
        ];
        assert_eq!(reports, expected);
    }

    #[test]
    fn chinese_readers_get_chinese() {
        let report = FitReport::new(
            "m",
            Ok(llama()),
            Some(4_920_739_232),
            Some(65_536),
            2,
            &with(12_000_000_000),
        );
        let said = report.text().render(Lang::ZhTw);
        assert!(said.contains("記憶體") && said.contains("24.1 GB"), "{said}");
    }

    #[test]
    fn reasons_of_files() {
        let texts = [
            GgufError::Magic,
            GgufError::Version(1),
            GgufError::Truncated,
            GgufError::TooMuch,
            GgufError::Io(std::io::ErrorKind::NotFound),
        ]
        .map(|error| error.text().english());
        let expected = [
            "the file is not a GGUF file",
            "the file has version 1 of the format",
            "the file ends too early",
            "the file is damaged",
            "the file cannot be read: entity not found",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn sizes() {
        let sizes = [0, 1, 999_000_000, 999_999_999, 1_000_000_000, 4_920_739_232, u64::MAX].map(bytes);
        let expected = [
            "0 MB",
            "1 MB",
            "999 MB",
            "1000 MB",
            "1.0 GB",
            "5.0 GB",
            "18446744073.8 GB",
        ];
        assert_eq!(sizes, expected);
    }
}
