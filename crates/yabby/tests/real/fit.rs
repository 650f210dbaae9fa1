//! What the fit check computes, against what llama.cpp says that it takes.

use std::process::Command;

use yabby_servers::fit::{FitReport, Memory, Room, check_gguf, read_gguf};

use crate::{
    place::{err, installed, model_file, python},
    running::Running,
};

/// Loads a model and says on standard error what it takes.
const LOAD: &str = "
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = int(sys.argv[2]) * int(sys.argv[3])
params.n_parallel = int(sys.argv[3])
params.port = 0
params.hostnames = ['127.0.0.1']
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.ui = False
params.verbosity = 4
server = xllamacpp.Server(params)
sys.stderr.flush()
os._exit(0)
";

fn memory() -> Memory {
    let room = Room {
        free: 1 << 40,
        total: 1 << 40,
    };
    Memory {
        ram: Some(room),
        vram: None,
    }
}

fn check(window: u32, slots: u32) -> FitReport {
    check_gguf(&model_file(), window, slots, &memory())
}

/// The numbers of lines such as `llama_kv_cache:        CPU KV buffer size =    90.00 MiB`, in bytes.
fn said(log: &str, what: &str) -> u64 {
    let lines = log.lines().filter_map(|line| line.split_once(what));
    let mib: Vec<f64> = lines
        .filter_map(|(_, rest)| rest.trim_start_matches([' ', '=']).split(' ').next()?.parse().ok())
        .collect();
    assert!(!mib.is_empty(), "nothing of {what:?} in {log}");
    let hundredths: f64 = mib.iter().map(|mib| (mib * 100.0).round()).sum();
    format!("{hundredths:.0}").parse::<u64>().unwrap() * 1024 * 1024 / 100
}

#[test]
fn the_file_says_what_it_is() {
    installed();
    let metadata = read_gguf(&model_file()).unwrap();
    assert_eq!(metadata.text("general.architecture"), Some("llama"));
    assert_eq!(metadata.text("general.size_label"), Some("135M"));
    let numbers = [
        "llama.block_count",
        "llama.context_length",
        "llama.attention.head_count_kv",
    ];
    assert_eq!(
        numbers.map(|name| metadata.number(name)),
        [Some(30), Some(8192), Some(3)]
    );
    assert_eq!(metadata.vocabulary, Some(49_152));
    assert!(
        metadata
            .template
            .is_some_and(|template| !template.tools && !template.thinking)
    );
}

#[test]
fn llama_cpp_takes_what_was_computed() {
    installed();
    for (window, slots) in [(4096, 1), (2048, 3), (8192, 1)] {
        let mut load = Command::new(python());
        load.args(["-I", "-c", LOAD]).arg(model_file());
        load.args([window.to_string(), slots.to_string()]);
        load.stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let ran = Running::start(&mut load, crate::place::LIMIT).ended();
        let log = err(&ran);
        assert_eq!(ran.status.code(), Some(0), "{log}");
        let need = check(window, slots).need.unwrap();
        assert_eq!(need.cache, said(&log, "KV buffer size"), "{window} × {slots}");
        let mapped = said(&log, "model buffer size");
        assert!(
            need.weights >= mapped && need.weights < mapped * 21 / 20,
            "{need:?}, {mapped}"
        );
        assert!(need.overhead >= said(&log, "compute buffer size"), "{need:?}");
    }
}
