//! Whether a server answers.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::spec::Piped;

/// Where a server is asked, and which answers mean that it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// May hold credentials.
    pub(super) url: Piped,
    pub(super) headers: Vec<(String, Piped)>,
    /// Whether it is asked for its list of models: a server that refuses the key lives all the same, and the request
    /// that follows says better what is wrong.
    pub(super) list: bool,
}

/// What there is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// It is ready for requests.
    Ready,
    /// Something took the connection and says nothing: perhaps a server that does one thing at a time, and is busy.
    Silent,
    /// It answers that it is not ready.
    NotReady,
    /// Nothing is there.
    Down,
}

impl Health {
    /// Asks once. Any success counts; a redirect leads to something else.
    pub(super) async fn look(&self, client: &Client, limit: Duration) -> Pulse {
        if !listens(self.url.expose(), limit).await {
            return Pulse::Down;
        }
        let mut request = client.get(self.url.expose());
        for (name, value) in &self.headers {
            request = request.header(name, value.expose());
        }
        match timeout(limit, request.send()).await {
            Err(_) => Pulse::Silent,
            Ok(Err(_)) => Pulse::NotReady,
            Ok(Ok(response)) => {
                let refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
                if response.status().is_success() || (self.list && refused) {
                    Pulse::Ready
                } else {
                    Pulse::NotReady
                }
            }
        }
    }

    /// Asks until it is ready.
    pub(super) async fn wait(&self, client: &Client, pause: Duration) {
        // A server that is loading may need a while for a short answer.
        while self.look(client, Duration::from_secs(5)).await != Pulse::Ready {
            sleep(pause).await;
        }
    }
}

/// Whether a connection can be made to the host of a URL.
pub(super) async fn listens(url: &str, limit: Duration) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let host = host.trim_matches(['[', ']']);
    matches!(timeout(limit, TcpStream::connect((host, port))).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Ample for a busy machine, and short enough to wait for.
    const LIMIT: Duration = Duration::from_millis(1500);

    /// A server that answers every request with these bytes, or with nothing.
    async fn pulse(answer: Option<&str>, list: bool) -> Pulse {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let health = Health {
            url: Piped::new(format!("http://{}/health", listener.local_addr().unwrap())),
            headers: vec![("x-token".to_owned(), Piped::new("t"))],
            list,
        };
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                if read == 0 {
                    // Only a look whether somebody listens.
                    continue;
                }
                let head = String::from_utf8_lossy(&request[..read]).into_owned();
                assert!(head.contains("x-token: t"), "{head}");
                match answer {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                    None => std::future::pending().await,
                }
            }
        };
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.tls_certs_only([]).build().unwrap();
        tokio::select! {
            () = serve => unreachable!(),
            pulse = health.look(&client, LIMIT) => pulse,
        }
    }

    #[tokio::test]
    async fn which_answers_mean_that_it_is_ready() {
        let with = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: /x\r\n\r\n");
        for (status, custom, list) in [
            ("200 OK", Pulse::Ready, Pulse::Ready),
            ("204 No Content", Pulse::Ready, Pulse::Ready),
            ("302 Found", Pulse::NotReady, Pulse::NotReady),
            ("401 Unauthorized", Pulse::NotReady, Pulse::Ready),
            ("403 Forbidden", Pulse::NotReady, Pulse::Ready),
            ("404 Not Found", Pulse::NotReady, Pulse::NotReady),
            ("503 Service Unavailable", Pulse::NotReady, Pulse::NotReady),
        ] {
            let answer = with(status);
            assert_eq!(
                (pulse(Some(&answer), false).await, pulse(Some(&answer), true).await),
                (custom, list),
                "{status}"
            );
        }
        assert_eq!(pulse(Some("SSH-2.0-x\r\n"), true).await, Pulse::NotReady);
        assert_eq!(pulse(None, true).await, Pulse::Silent);
    }

    #[tokio::test]
    async fn nothing_is_there() {
        let url = yabby_testkit::dead_url();
        assert!(!listens(&url, LIMIT).await);
        assert!(!listens("no url", LIMIT).await);
    }
}
