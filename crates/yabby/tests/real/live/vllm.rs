//! vLLM on a CPU, where somebody has installed it.

use std::{
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use yabby_core::{Exactness, Fact, FactSource};
use yabby_servers::{ModelState, ServerKind};

use super::{Here, PROBE, provider, request, runtime, tried};
use crate::{
    place::{DOWNLOAD_LIMIT, err, home, installed, json, model_file, shared, vllm, within, yabby},
    running::Running,
};

/// Makes of the small model what vLLM can read: it takes no GGUF file on a CPU.
const CONVERT: &str = "
import os, sys, transformers
folder, name = os.path.split(sys.argv[1])
for kind in transformers.AutoTokenizer, transformers.AutoModelForCausalLM:
    kind.from_pretrained(folder, gguf_file=name).save_pretrained(sys.argv[2])
";

/// Dropping it ends the server.
struct Vllm(Child);

impl Drop for Vllm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn vllm_says_what_it_serves_and_answers() {
    let Some(folder) = vllm() else {
        println!(
            "skipped: no vllm in PATH and no YABBY_TEST_VLLM (the folder of the Python that has it); installing its CPU \
             build takes 16 minutes and 6 GB; the recordings in crates/servers/fixtures/probe stand in"
        );
        return;
    };
    installed();
    let model = shared().join("vllm/smollm2");
    if !model.join("config.json").exists() {
        convert(&folder, &model);
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = File::create(shared().join("vllm/server.log")).unwrap();
    let server = Command::new(folder.join("vllm"))
        .arg("serve")
        .arg(&model)
        .args(["--served-model-name", "smollm2", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--max-model-len", "2048"])
        .args(["--dtype", "bfloat16", "--enforce-eager"])
        .args(["--enable-auto-tool-choice", "--tool-call-parser", "hermes"])
        .env("VLLM_CPU_KVCACHE_SPACE", "1")
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut server = Vllm(server);
    let config = super::config(&[provider("here", port, "smollm2")], &[]);
    let here = Here::of(&config);
    let (endpoint, runtime) = (here.endpoint("here"), runtime());
    let look = || runtime.block_on(endpoint.refresh(&here.http, Duration::ZERO, PROBE));
    within(DOWNLOAD_LIMIT, "vLLM answers", || {
        assert!(
            server.0.try_wait().unwrap().is_none(),
            "vLLM ended: see vllm/server.log"
        );
        look().error.is_none()
    });
    let facts = look();
    assert_eq!(
        (facts.kind, endpoint.state_of("smollm2")),
        (Some(ServerKind::Vllm), ModelState::Ready)
    );
    assert!(facts.version.is_some(), "{facts:?}");
    assert_eq!(endpoint.window("smollm2"), Some(Fact::new(2048, FactSource::Probe)));

    let question = request("Say hello.", 8);
    let counter = facts.counter.as_ref().map(|counter| counter.value);
    let limit = Duration::from_mins(1);
    let counted = runtime.block_on(endpoint.count_tokens(&here.http, "smollm2", &question, counter, limit));
    let told = runtime.block_on(here.ask(Some("here/smollm2"), question));
    assert_eq!(told.tried(), tried(&[("here/smollm2", "answered")]));
    assert_eq!(
        (Some(counted.tokens), counted.exactness),
        (told.answer().usage.input_tokens, Exactness::Exact)
    );

    let home = home(&config);
    let arguments = ["models", "probe", "here/smollm2", "--json", "--seconds", "400"];
    let probed = json(&Running::start(&mut yabby(home.path(), &arguments), DOWNLOAD_LIMIT).ended());
    let findings = probed["findings"].as_array().unwrap();
    println!("{probed:#}");
    for place in [0, 1] {
        assert_eq!(findings[place]["outcome"], "works", "{probed}");
    }
}

fn convert(folder: &Path, model: &Path) {
    std::fs::create_dir_all(model).unwrap();
    let mut python = Command::new(folder.join("python"));
    python
        .args(["-I", "-c", CONVERT])
        .args([model_file().as_path(), model])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Running::start(&mut python, DOWNLOAD_LIMIT).ended();
    assert!(ran.status.success(), "{}", err(&ran));
}
