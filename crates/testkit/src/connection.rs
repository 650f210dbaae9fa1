//! One connection: reads requests, plays plans, and notices when the client leaves.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    answer::{Plan, Play, api_of, plan, swallows},
    http::{Answer, LAST_CHUNK, chunk, head, read_request},
    kinds::ServerKind,
    reply::Step,
    shape::{self, Api, finish_reason},
    state::Shared,
};

/// Accepts connections until it is dropped, and with it all of them.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        shared.change(|state| state.peers.push(peer));
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, Arc::clone(&shared)));
    }
}

/// Time for the client to read what it has, also on a busy machine: a reset throws away what is not read yet.
const BEFORE_RST: Duration = Duration::from_millis(150);

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    KeepAlive,
    Close,
    Rst,
    ClientLeft,
}

/// Counts a connection for as long as it lives.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// Counts a model call for as long as it is answered.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.end_call();
    }
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.connected();
    let open = Open(&shared);
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        if swallows(&mut shared.lock()) {
            client_left(&mut stream, &mut buffer).await;
            break;
        }
        let place = shared.record(&request, number);
        let (plan, is_call) = {
            let mut state = shared.lock();
            let is_call = api_of(&state, &request).is_some();
            (plan(&mut state, &request), is_call)
        };
        let busy = is_call.then(|| {
            shared.begin_call();
            Busy(&shared)
        });
        let end = {
            let (mut reader, mut writer) = stream.split();
            tokio::select! {
                end = play(&mut writer, plan) => end.unwrap_or(End::ClientLeft),
                () = client_left(&mut reader, &mut buffer) => End::ClientLeft,
            }
        };
        drop(busy);
        match end {
            End::Close => drop(stream.shutdown().await),
            End::Rst => drop(stream.set_zero_linger()),
            End::KeepAlive | End::ClientLeft => {}
        }
        if end != End::KeepAlive {
            drop(stream);
            drop(open);
            shared.answered(place, end != End::ClientLeft, end == End::ClientLeft);
            return;
        }
        shared.answered(place, true, false);
    }
}

/// Ends when the client has closed its side; what it sends meanwhile is kept for later.
async fn client_left(reader: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) {
    while let Ok(1..) = reader.read_buf(buffer).await {}
}

async fn play(writer: &mut (impl AsyncWrite + Unpin), what: Plan) -> io::Result<End> {
    match what {
        Plan::Hang => std::future::pending().await,
        Plan::Reset => Ok(End::Rst),
        Plan::Whole(answer) => send(writer, &answer, None).await,
        Plan::After(wait, plan) => {
            tokio::time::sleep(wait).await;
            Box::pin(play(writer, *plan)).await
        }
        Plan::Play(play) if play.stream => stream(writer, *play).await,
        Plan::Play(play) => whole(writer, *play).await,
    }
}

/// Sends a whole answer, or its head and so many bytes of it.
async fn send(writer: &mut (impl AsyncWrite + Unpin), answer: &Answer, cut: Option<usize>) -> io::Result<End> {
    let mut bytes = head(
        answer.status,
        &answer.content_type,
        &answer.headers,
        Some(answer.body.len()),
    )
    .into_bytes();
    bytes.extend_from_slice(&answer.body[..cut.unwrap_or(answer.body.len()).min(answer.body.len())]);
    writer.write_all(&bytes).await?;
    writer.flush().await?;
    let closes = answer
        .headers
        .iter()
        .any(|(name, value)| *name == "Connection" && value == "close");
    Ok(if closes { End::Close } else { End::KeepAlive })
}

/// The same steps as one JSON.
async fn whole(writer: &mut (impl AsyncWrite + Unpin), play: Play) -> io::Result<End> {
    let kind = &play.context.kind;
    let mut body = shape::whole(play.api, &play.context, play.reply.steps());
    let (mut status, mut raw, mut cut) = (200, Vec::new(), None);
    for step in play.reply.steps() {
        match step {
            Step::Sleep(time) => tokio::time::sleep(*time).await,
            Step::Held(latch) => latch.opened().await,
            Step::Hang | Step::Endless(_) => std::future::pending().await,
            Step::Rst => return Ok(End::Rst),
            Step::Close => cut = Some(()),
            Step::Raw(bytes) => raw.extend_from_slice(bytes),
            Step::HugeLine(bytes) => raw.resize(raw.len() + bytes, b'x'),
            Step::ErrorEvent(error) => {
                // openrouter.ai, "Errors and Debugging": once the model has begun, an error comes with 200.
                status = if play.context.is_openrouter() { 200 } else { 500 };
                body = match play.api {
                    Api::Ollama => shape::flat(error),
                    Api::Messages if *kind == ServerKind::Anthropic => {
                        serde_json::json!({"type": "error", "error": error, "request_id": "req_testkit"})
                    }
                    Api::Chat | Api::Responses | Api::Messages => serde_json::json!({"error": error}),
                };
            }
            _ => {}
        }
    }
    let content_type = if play.wrong_type {
        "text/plain"
    } else {
        "application/json"
    };
    let body = if raw.is_empty() {
        body.to_string().into_bytes()
    } else {
        raw
    };
    let mut answer = Answer::new(status, content_type, body);
    answer.headers = kind.headers(status);
    if cut.is_some() {
        send(writer, &answer, Some(answer.body.len() / 2)).await?;
        return Ok(End::Close);
    }
    send(writer, &answer, None).await
}

/// The head is sent with the first bytes, as servers do: silence before them is silence.
struct Stream<'a, W> {
    writer: &'a mut W,
    head: Option<String>,
    fragment: Option<usize>,
}

impl<W: AsyncWrite + Unpin> Stream<'_, W> {
    async fn headers(&mut self) -> io::Result<()> {
        if let Some(head) = self.head.take() {
            self.writer.write_all(head.as_bytes()).await?;
        }
        self.writer.flush().await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.headers().await?;
        for piece in bytes.chunks(self.fragment.unwrap_or(bytes.len())) {
            self.writer.write_all(&chunk(piece)).await?;
            self.writer.flush().await?;
            if self.fragment.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Ends the body properly.
    async fn end(&mut self) -> io::Result<End> {
        self.headers().await?;
        self.writer.write_all(LAST_CHUNK).await?;
        self.writer.flush().await?;
        Ok(End::KeepAlive)
    }
}

async fn stream(writer: &mut (impl AsyncWrite + Unpin), play: Play) -> io::Result<End> {
    let kind = play.context.kind.clone();
    let content_type = match play.api {
        _ if play.wrong_type => "text/plain",
        Api::Ollama => "application/x-ndjson",
        Api::Chat | Api::Responses | Api::Messages => "text/event-stream",
    };
    let mut wire = Stream {
        writer,
        head: Some(head(200, content_type, &kind.headers(200), None)),
        fragment: play.fragment,
    };
    let reason = finish_reason(play.reply.steps());
    let mut shape = shape::stream(play.api, play.context);
    let (mut finished, mut done, mut failed) = (false, false, false);
    for step in play.reply.into_steps() {
        let bytes = match step {
            Step::Text(piece) => shape.text(&piece),
            Step::Reasoning(piece) => shape.reasoning(&piece),
            Step::ToolCall(call) => shape.tool_call(&call),
            Step::Prefill { done, total } => shape.prefill(done, total),
            Step::Usage(_) | Step::NoUsage => continue,
            Step::Finish(reason) => {
                finished = true;
                shape.finish(&reason)
            }
            Step::Done => {
                done = true;
                shape.done()
            }
            Step::ErrorEvent(error) => {
                failed = true;
                shape.error(&error)
            }
            // Its streams have no comments.
            Step::Comment(_) if play.api == Api::Ollama => continue,
            Step::Comment(text) if text.is_empty() => ":\n\n".to_owned(),
            Step::Comment(text) => format!(": {text}\n\n"),
            Step::Headers => {
                wire.headers().await?;
                continue;
            }
            Step::Sleep(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Step::Held(latch) => {
                latch.opened().await;
                continue;
            }
            Step::Raw(bytes) => {
                wire.send(&bytes).await?;
                continue;
            }
            Step::HugeLine(size) => {
                huge_line(&mut wire, size).await?;
                continue;
            }
            Step::Endless(text) => loop {
                wire.send(shape.text(&text).as_bytes()).await?;
                tokio::task::yield_now().await;
            },
            Step::Rst => {
                // What was sent is read before the reset comes.
                tokio::time::sleep(BEFORE_RST).await;
                return Ok(End::Rst);
            }
            Step::Close => return Ok(End::Close),
            Step::End => return wire.end().await,
            Step::Hang => std::future::pending().await,
        };
        wire.send(bytes.as_bytes()).await?;
    }
    if !finished && !failed {
        wire.send(shape.finish(&reason).as_bytes()).await?;
    }
    // Where an error ends the stream, only vLLM's chat still says `[DONE]` (kill_engine_chat_stream.txt).
    let silent = failed && !(play.api == Api::Chat && matches!(kind, ServerKind::Vllm { .. }));
    if !done && !silent {
        wire.send(shape.done().as_bytes()).await?;
    }
    wire.end().await
}

async fn huge_line<W: AsyncWrite + Unpin>(wire: &mut Stream<'_, W>, size: usize) -> io::Result<()> {
    let piece = [b'x'; 8192];
    wire.send(b"data: ").await?;
    let mut left = size;
    while left > 0 {
        let now = left.min(piece.len());
        wire.send(&piece[..now]).await?;
        left -= now;
    }
    Ok(())
}
