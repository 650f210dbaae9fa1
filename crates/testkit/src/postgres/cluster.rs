//! The folder of a cluster: its data, how the server is to run, its socket and its log.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use super::programs::Programs;

/// Below those that the system gives to connections, so that nobody gets it while the server is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

const FILES: [(&str, &str); 3] = [
    ("ca.pem", include_str!("tls/ca.pem")),
    ("server.pem", include_str!("tls/server.pem")),
    ("server.key", include_str!("tls/server.key")),
];

#[derive(Debug)]
pub(super) struct Cluster {
    /// Removed by the keeper, because this process may be killed.
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    pub(super) fn make(programs: &Programs) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("yabby-pg-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let cluster = Self {
            folder,
            port: free_port(),
        };
        programs.give(&cluster.folder);
        let data = cluster.data().display().to_string();
        // Its own files need not be on the disk before it is used; what is written later is.
        programs.run(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--username=postgres",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
        );
        for (name, text) in FILES {
            let path = cluster.folder.join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a private file");
            programs.give(&path);
        }
        cluster
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What the server is started with. What is not said is as the server has it; `fsync` above all.
    pub(super) fn arguments(&self) -> Vec<String> {
        let folder = self.folder.display();
        let mut arguments = vec!["-D".to_owned(), self.data().display().to_string()];
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={folder}"),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={folder}/server.pem"),
            format!("ssl_key_file={folder}/server.key"),
            // Many tests run at once, each with some connections.
            "max_connections=400".to_owned(),
            "password_encryption=scram-sha-256".to_owned(),
        ] {
            arguments.extend(["-c".to_owned(), setting]);
        }
        arguments
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

fn free_port() -> u16 {
    // Processes that start at once begin at different places.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let place = process::id() % u32::from(PORTS.end - PORTS.start);
    let place = u16::try_from(place).unwrap_or_default();
    (0..PORTS.end - PORTS.start)
        .map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(37);
            PORTS.start + (place.wrapping_mul(7).wrapping_add(step)) % (PORTS.end - PORTS.start)
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free loopback port")
}
