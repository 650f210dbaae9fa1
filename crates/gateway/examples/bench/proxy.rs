//! What a proxy costs that does less than Yabby.

use std::{borrow::Cow, error::Error, io};

use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinSet};

type Out = Either<Incoming, Full<Bytes>>;
type Failed = Box<dyn Error + Send + Sync>;

/// What a proxy reads of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    Nothing,
    ModelAndStream,
}

#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
}

pub(crate) async fn serve(listener: TcpListener, port: u16, reads: Reads) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Out> = Client::builder(TokioExecutor::new()).build(connector);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        let service = service_fn(move |request| pass(client.clone(), request, port, reads));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(
    client: Client<HttpConnector, Out>,
    request: Request<Incoming>,
    port: u16,
    reads: Reads,
) -> Result<Response<Incoming>, Failed> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = format!("http://127.0.0.1:{port}{path}").parse::<Uri>()?;
    head.headers.remove(HOST);
    let body = match reads {
        Reads::Nothing => Either::Left(body),
        Reads::ModelAndStream => {
            let body = body.collect().await?.to_bytes();
            let peek: Peek<'_> = serde_json::from_slice(&body)?;
            // So that neither is optimised away.
            if peek.model.is_empty() && peek.stream {
                return Err("no model".into());
            }
            head.headers.remove(CONTENT_LENGTH);
            head.headers.remove(TRANSFER_ENCODING);
            Either::Right(Full::new(body))
        }
    };
    Ok(client.request(Request::from_parts(head, body)).await?)
}
