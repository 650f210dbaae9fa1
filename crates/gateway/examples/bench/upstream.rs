//! A model server that has its answer ready: what is measured beside it is what lies before it.

use std::{
    cell::Cell,
    io::{self, Write as _},
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::LocalSet,
    time::{MissedTickBehavior, interval},
};

/// How it answers, as `GET /mode/FRAMES/MICROSECONDS` sets it: with so many events, so far apart; none is one JSON.
#[derive(Clone, Copy, Default)]
struct Mode {
    frames: usize,
    gap: Duration,
}

const JSON: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
const LAST: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";

/// It takes as many requests at once as there are, and says so in the words of llama.cpp.
const MODELS: &str =
    r#"{"object":"list","data":[{"id":"m","object":"model","owned_by":"llamacpp","meta":{"n_ctx_train":100000}}]}"#;
const PROPS: &str = r#"{"default_generation_settings":{"n_ctx":100000},"total_slots":4096,"model_path":"m.gguf","chat_template":"","build_info":"b1-bench"}"#;

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let mode = Rc::new(Cell::new(Mode::default()));
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let mode = Rc::clone(&mode);
                tasks.spawn_local(async move { drop(connection(stream, &mode).await) });
            }
        })
        .await
}

async fn connection(mut stream: TcpStream, mode: &Cell<Mode>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(64 << 10);
    loop {
        let head = loop {
            if let Some(end) = memchr::memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        let mut left = (head + length).saturating_sub(buffer.len());
        while left > 0 {
            buffer.clear();
            let read = stream.read_buf(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            left = left.saturating_sub(read);
        }
        buffer.clear();
        let path = text.split(' ').nth(1).unwrap_or_default();
        match path {
            "/v1/chat/completions" => answer(&mut stream, mode.get()).await?,
            "/v1/models" => json(&mut stream, MODELS).await?,
            "/props" => json(&mut stream, PROPS).await?,
            _ => {
                let mut words = path.split('/').skip(1);
                if let (Some("mode"), Some(frames), Some(gap)) = (words.next(), words.next(), words.next()) {
                    mode.set(Mode {
                        frames: frames.parse().unwrap_or(0),
                        gap: Duration::from_micros(gap.parse().unwrap_or(0)),
                    });
                }
                json(&mut stream, "{}").await?;
            }
        }
    }
}

async fn json(stream: &mut TcpStream, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

async fn answer(stream: &mut TcpStream, mode: Mode) -> io::Result<()> {
    if mode.frames == 0 {
        return json(stream, JSON).await;
    }
    let mut out = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let mut tick = (!mode.gap.is_zero()).then(|| {
        let mut tick = interval(mode.gap);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick
    });
    for _ in 0..mode.frames {
        if let Some(tick) = &mut tick {
            tick.tick().await;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let frame = format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{now}\"}},\"finish_reason\":null}}]}}\n\n"
        );
        write!(out, "{:x}\r\n{frame}\r\n", frame.len())?;
        stream.write_all(&out).await?;
        out.clear();
    }
    write!(out, "{:x}\r\n{LAST}\r\n0\r\n\r\n", LAST.len())?;
    stream.write_all(&out).await
}
