//! What `cargo xtask bench route` and `cargo xtask bench load` measure with: an upstream that answers at once, servers to
//! compare with, and loads.
//!
//! ```text
//! bench upstream            the upstream; says its port
//! bench bare PORT           a proxy that passes everything on, before the upstream at PORT; says its port
//! bench peek PORT           the same, which reads `model` and `stream` of the body first
//! bench load ADDRESS MODEL STREAMS BYTES SECONDS
//!                           says how long requests took
//! bench fanout              a server that tells pages of events; says its port
//! bench watch ADDRESS KEY events|socket COUNT
//!                           so many pages; says `ready`, and at the end of its input how long events took to reach them
//! ```
#![expect(clippy::print_stdout, reason = "a program of its own, for developers")]

mod fanout;
mod load;
mod proxy;
mod upstream;
mod watch;

use std::{io, net::Ipv4Addr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Thousands of connections; where there cannot be as many, it is said which one failed.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let _ = setrlimit(Resource::Nofile, all);
    // As Yabby: one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match words.as_slice() {
            ["upstream"] => upstream::serve(listen()?).await?,
            ["bare", port] => proxy::serve(listen()?, port.parse()?, proxy::Reads::Nothing).await?,
            ["peek", port] => proxy::serve(listen()?, port.parse()?, proxy::Reads::ModelAndStream).await?,
            ["fanout"] => fanout::serve(listen()?).await?,
            ["watch", address, key, way, count] => {
                let watch = watch::Watch {
                    address: address.parse()?,
                    key: (*key).to_owned(),
                    way: match *way {
                        "events" => watch::Way::Events,
                        _ => watch::Way::Socket,
                    },
                    count: count.parse()?,
                };
                println!("{}", watch.run().await?);
            }
            ["load", address, model, streams, bytes, seconds] => {
                let load = load::Load {
                    address: address.parse()?,
                    model: (*model).to_owned(),
                    streams: streams.parse()?,
                    bytes: bytes.parse()?,
                    seconds: seconds.parse()?,
                };
                println!("{}", load.run().await?);
            }
            _ => return Err("see the beginning of examples/bench/main.rs".into()),
        }
        Ok(())
    })
}

/// A free port, which is said.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Hundreds of clients come at once.
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener)
}
