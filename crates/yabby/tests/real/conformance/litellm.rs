//! The LiteLLM proxy, installed from the package registry into an environment of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

use crate::place::{path, shared};

/// It refuses to start without a strong key.
pub(crate) const KEY: &str = "sk-test-8f2c61d0a7b94e35";

const VERSION: &str = "litellm[proxy]==1.106.2";

/// Dropping it ends the proxy.
pub(crate) struct LiteLlm {
    child: Child,
    port: u16,
}

/// A model that the proxy offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered {
    /// Its name there and at the server behind.
    pub(crate) name: &'static str,
    /// The window that its config states.
    pub(crate) window: Option<u32>,
}

impl LiteLlm {
    /// In front of the llama.cpp server on this port.
    pub(crate) fn start(upstream: u16, model: &'static str) -> Self {
        let window = None;
        Self::offer(upstream, &[Offered { name: model, window }])
    }

    pub(crate) fn offer(upstream: u16, models: &[Offered]) -> Self {
        install();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = shared().join("litellm");
        let config = folder.join(format!("{port}.yaml"));
        let entries = models.iter().map(|Offered { name, window }| {
            let info = window.map_or(String::new(), |tokens| {
                format!("    model_info:\n      max_input_tokens: {tokens}\n")
            });
            format!(
                "  - model_name: {name}\n    litellm_params:\n      model: openai/{name}\n      \
                 api_base: http://127.0.0.1:{upstream}/v1\n      api_key: none\n{info}"
            )
        });
        fs::write(&config, format!("model_list:\n{}", entries.collect::<String>())).unwrap();
        let log = fs::File::create(folder.join(format!("{port}.log"))).unwrap();
        let child = Command::new(folder.join("venv/bin/litellm"))
            .arg("--config")
            .arg(&config)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .env("PATH", path())
            .env("LITELLM_MASTER_KEY", KEY)
            // Its table of prices is on the internet; the copy in the package will do.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut proxy = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none(), "LiteLLM ended: see {port}.log in {}", folder.display());
            assert!(start.elapsed() < Duration::from_mins(3), "LiteLLM does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        proxy
    }

    /// The lines that it has printed, among them one for each request.
    pub(crate) fn log(&self) -> String {
        let log = shared().join("litellm").join(format!("{}.log", self.port));
        fs::read_to_string(log).unwrap()
    }

    pub(crate) fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for LiteLlm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = shared().join("litellm");
        let done = folder.join("installed.txt");
        if fs::read_to_string(&done).is_ok_and(|version| version == VERSION) {
            return;
        }
        fs::create_dir_all(&folder).unwrap();
        let run = |command: &mut Command| {
            let ran = command.env("PATH", path()).stdin(Stdio::null()).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        };
        let venv = folder.join("venv");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        run(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", VERSION]));
        fs::write(done, VERSION).unwrap();
    });
}
