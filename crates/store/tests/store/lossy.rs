//! A way to `PostgreSQL` on which the answer to a commit gets lost.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use yabby_core::Secret;
use yabby_store::Place;
use yabby_testkit::Postgres;

/// An empty database, and two ways to it.
pub(crate) struct Lossy {
    /// The one that loses answers.
    pub(crate) place: Place,
    /// The one that does not.
    pub(crate) direct: Place,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    loses: AtomicBool,
    /// Whether new connections wait.
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Lossy {
    pub(crate) fn new(files: &Path) -> Self {
        let server = Postgres::shared();
        let url = server.new_database();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let place = |url: String| Place::Postgres {
            url: Secret::new(url),
            folder: files.to_owned(),
        };
        let lossy = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
        let way = Arc::new(Way::default());
        let (to, shared) = (server.port(), Arc::clone(&way));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, way) = (client.expect("a connection"), Arc::clone(&shared));
                thread::spawn(move || way.carry(&client, to));
            }
        });
        Self {
            place: place(lossy),
            direct: place(server.socket_url(&url)),
            way,
        }
    }

    /// The next commit is done, its connection breaks off before that is told, and new ones wait.
    pub(crate) fn lose_next_answer(&self) {
        *self.way.closed.lock().expect("a flag") = true;
        self.way.loses.store(true, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(crate) fn has_lost(&self) -> bool {
        !self.way.loses.load(Ordering::SeqCst)
    }

    /// Lets new connections through.
    pub(crate) fn open(&self) {
        *self.way.closed.lock().expect("a flag") = false;
        self.way.opened.notify_all();
    }
}

impl Way {
    fn carry(&self, client: &TcpStream, to: u16) {
        let lock = self.closed.lock().expect("a flag");
        drop(
            self.opened
                .wait_while(lock, |closed| *closed && self.has_lost())
                .expect("a flag"),
        );
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).expect("the server");
        let asked = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                pump(client, &server, |bytes| {
                    // As a statement of its own it comes in one piece, after the answers to all before it.
                    if bytes.windows(7).any(|part| part == b"COMMIT\0") && self.loses.load(Ordering::SeqCst) {
                        asked.store(true, Ordering::SeqCst);
                    }
                    true
                });
            });
            pump(&server, client, |_| {
                let is_lost = asked.load(Ordering::SeqCst);
                if is_lost {
                    self.loses.store(false, Ordering::SeqCst);
                }
                !is_lost
            });
        });
    }

    fn has_lost(&self) -> bool {
        !self.loses.load(Ordering::SeqCst)
    }
}

/// Carries bytes until one end is closed, or some must not be carried on.
fn pump(mut from: &TcpStream, mut to: &TcpStream, may_pass: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
