//! Servers that are off, hang, load, or cannot be reached: M1 to M3, M7.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use yabby_core::ErrorKind;
use yabby_servers::{Http, Keeper};
use yabby_testkit::{Fault, ModelServer, dead_port, dead_url};

use super::{calls, errors, is_closed, kinds, seconds, timed, two};
use crate::{
    live::clock::fast,
    scene::{Process, hello},
};

const RETURNED: [&str; 1] = ["p0/m answers again"];

/// Real time: the best of five, as others use this machine too.
#[tokio::test]
async fn m01_refused_costs_milliseconds() {
    let other = ModelServer::start().await;
    let mut best = seconds(1);
    for _ in 0..5 {
        let process = Process::new(&[dead_url(), other.base_url()], "");
        let (seen, took) = timed(&process, hello()).await;
        assert_eq!((seen.text(), seen.shown().as_str()), ("ok", "ok"));
        assert_eq!((kinds(&seen), seen.outcomes().len()), (vec![ErrorKind::Refused], 2));
        assert!(!is_closed(&process));
        best = best.min(took);
    }
    assert!(best.as_millis() < 50, "{best:?}");
}

#[tokio::test]
async fn m01_refused_and_back() {
    fast(async {
        let address = dead_port();
        let other = ModelServer::start().await;
        let process = Process::new(&[format!("http://{address}/v1"), other.base_url()], "");
        assert_eq!(process.turn(hello()).await.tried, ["p0/m", "p1/m"]);
        let _keeper = Keeper::start(&Http::default(), &process.fleet, &[]);
        // As long as it is off it costs nothing, and is told no more.
        for _ in 0..3 {
            let (seen, took) = timed(&process, hello()).await;
            assert_eq!((seen.text(), seen.tried.as_slice()), ("ok", &["p1/m".to_owned()][..]));
            assert_eq!((kinds(&seen), seen.notices.len()), (vec![ErrorKind::Resting], 0));
            assert!(took < seconds(1), "{took:?}");
            tokio::time::sleep(seconds(1)).await;
        }
        let back = ModelServer::start_at(address).await;
        tokio::time::sleep(seconds(60)).await;
        assert!(is_closed(&process) && back.asked("/v1/models") > 0, "it is looked at");
        assert_eq!(back.model_calls().len(), 0);
        let seen = process.turn(hello()).await;
        assert_eq!((seen.text(), seen.tried.as_slice()), ("ok", &["p0/m".to_owned()][..]));
        assert_eq!(seen.notices, RETURNED);
        assert_eq!(calls([&back, &other]), [1, 4]);
    })
    .await;
}

#[tokio::test]
async fn m02_hangs_on_every_path() {
    fast(async {
        for fault in [Fault::AcceptAndHang, Fault::HangAllPaths] {
            let (hung, other) = two().await;
            hung.fault(fault.clone());
            let process = Process::of(&[&hung, &other], "");
            let (seen, took) = timed(&process, hello()).await;
            assert_eq!((seen.text(), seen.shown().as_str()), ("ok", "ok"));
            assert_eq!((kinds(&seen), seen.outcomes().len()), (vec![ErrorKind::Hung], 2));
            assert!(took >= seconds(9) && took < seconds(11), "{took:?}");
            assert!(hung.wait_closed(seconds(5)).await, "a socket is left open");
            let asked = hung.model_calls().len();
            assert!(asked <= 1);

            let _keeper = Keeper::start(&Http::default(), &process.fleet, &[]);
            for _ in 0..3 {
                let (seen, took) = timed(&process, hello()).await;
                assert_eq!(
                    (seen.tried.as_slice(), seen.notices.len()),
                    (&["p1/m".to_owned()][..], 0)
                );
                assert!(took < seconds(1), "{took:?}");
                tokio::time::sleep(seconds(3)).await;
            }
            hung.clear_faults();
            tokio::time::sleep(seconds(70)).await;
            assert!(is_closed(&process));
            let seen = process.turn(hello()).await;
            assert_eq!(
                (seen.tried.as_slice(), seen.notices),
                (&["p0/m".to_owned()][..], RETURNED.map(String::from).to_vec())
            );
            assert_eq!(calls([&hung, &other]), [asked + 1, 4]);
        }
    })
    .await;
}

/// The other half of the row is `live::loading`.
#[tokio::test]
async fn m03_loading_and_somebody_is_faster() {
    fast(async {
        let (loading, other) = two().await;
        loading.fault(Fault::LoadingFor(usize::MAX));
        let process = Process::of(&[&loading, &other], "route: { preferFast: true }");
        let (seen, took) = timed(&process, hello()).await;
        assert_eq!((seen.text(), kinds(&seen)), ("ok", vec![ErrorKind::Loading]));
        assert!(took < seconds(1), "{took:?}");
        assert!(is_closed(&process));
        assert_eq!(calls([&loading, &other]), [1, 1]);
    })
    .await;
}

/// A name without an address, a server without a certificate, a network that cannot be crossed.
#[tokio::test]
async fn m07_cannot_be_reached() {
    let mut tasks = JoinSet::new();
    // Servers that speak no TLS: one says so in HTTP, the other hangs up.
    let mut plain = Vec::new();
    for words in ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        plain.push(format!("https://{}/v1", listener.local_addr().unwrap()));
        tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(words.as_bytes()).await;
            }
        });
    }
    let other = ModelServer::start().await;
    let mut hints = Vec::new();
    for (url, kind) in [
        (dead_url(), ErrorKind::Refused),
        ("http://yabby.invalid/v1".to_owned(), ErrorKind::Dns),
        (plain[0].clone(), ErrorKind::Tls),
        (plain[1].clone(), ErrorKind::Tls),
        // Nobody can connect to a group.
        ("http://224.0.0.1:9/v1".to_owned(), ErrorKind::Unreachable),
    ] {
        let before = other.model_calls().len();
        let process = Process::with(
            &[
                format!("baseUrl: '{url}', apiKey: 'k'"),
                format!("baseUrl: '{}'", other.base_url()),
            ],
            "",
        );
        let (seen, took) = timed(&process, hello()).await;
        assert_eq!(
            (seen.text(), kinds(&seen)),
            ("ok", vec![kind]),
            "{url} {:?}",
            errors(&seen)
        );
        assert!(took < seconds(10), "{url}: {took:?}");
        let error = errors(&seen)[0];
        hints.push(error.hint.as_ref().unwrap().english());
        assert!(!is_closed(&process), "{url}");
        let seen = process.turn(hello()).await;
        assert_eq!(
            (kinds(&seen), seen.tried),
            (vec![ErrorKind::Resting], vec!["p1/m".to_owned()])
        );
        assert_eq!(other.model_calls().len(), before + 2);
    }
    hints.dedup();
    assert_eq!(hints.len(), 4, "each has its own: {hints:#?}");
}
