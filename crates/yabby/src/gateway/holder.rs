//! Which program has a port, where the system tells it: Linux does, of one's own programs.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

/// So many ports behind a taken one are looked at.
const LOOKED: u16 = 50;

/// A program that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// Who listens at a port of this machine.
pub(crate) fn of(port: u16) -> Option<Holder> {
    let socket = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|table| socket(&table, port))?;
    let wanted = format!("socket:[{socket}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let has = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&wanted));
        let found = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(has);
        let name = || fs::read_to_string(process.path().join("comm")).ok();
        found.then(|| Holder {
            pid,
            name: name().unwrap_or_default().trim().to_owned(),
        })
    })
}

/// The first free port behind a taken one.
pub(crate) fn next_free(taken: u16) -> Option<u16> {
    let behind = (1..=LOOKED).map_while(|more| taken.checked_add(more));
    behind
        .into_iter()
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

/// The number of the socket that listens at a port, from a table of the kernel (proc(5), `/proc/net/tcp`).
fn socket(table: &str, port: u16) -> Option<u64> {
    const LISTENS: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, ..] = columns.as_slice() else {
            return None;
        };
        let at = local
            .rsplit(':')
            .next()
            .and_then(|port| u16::from_str_radix(port, 16).ok())?;
        if at != port || *state != LISTENS {
            return None;
        }
        columns.get(9)?.parse().ok().filter(|socket| *socket != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                        0: 0100007F:4965 0200007F:1234 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0\n\
                        1: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0\n\
                        2: 0100007F:4966 00000000:0000 0A\n";
        assert_eq!(socket(table, 18789), Some(4242));
        assert_eq!(socket(table, 18790), None);
        assert_eq!(socket(table, 80), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_of_ours_is_ours() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = of(port).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty());
        assert_ne!(next_free(port.saturating_sub(1)), Some(port));
    }
}
