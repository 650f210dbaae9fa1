//! This machine: room on the disk, memory, and networks in which `localhost` is not where people think.

use std::path::Path;

use yabby_core::text;
use yabby_servers::{Endpoint, Fleet, Reach, fit::Memory};

use super::Finding;
use crate::app::App;

/// Less than this is not enough for the next model, nor for a log that grows: 2 GiB.
const LITTLE_DISK: u64 = 2 << 30;
/// Less than this and the machine swaps as soon as a model computes: 1 GiB.
const LITTLE_MEMORY: u64 = 1 << 30;

/// Disk, memory, and what `localhost` means where one of the servers is looked for and not found.
pub(super) async fn look(app: &App, fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lost = fleet.members().find(|(endpoint, facts)| {
        let reachable = facts.as_ref().is_none_or(|facts| facts.is_reachable());
        endpoint.reach == Reach::Loopback && !reachable && !endpoint.is_managed()
    });
    findings.extend(lost.and_then(|(endpoint, _)| other_network(app, endpoint)));
    if let Some(free) = free_on_disk(&app.paths.state_dir) {
        let path = app.paths.state_dir.display();
        findings.push(if free < LITTLE_DISK {
            Finding::note(
                text!("{path}: {free} free on the disk", path = path, free = gib(free)),
                text!("make room: models, logs and conversations are kept there"),
            )
        } else {
            Finding::good(text!("{path}: {free} free on the disk", path = path, free = gib(free)))
        });
    }
    let memory = Memory::read().await;
    if let Some(ram) = memory.ram {
        let words = text!(
            "memory: {free} of {total} free",
            free = gib(ram.free),
            total = gib(ram.total)
        );
        findings.push(if ram.free < LITTLE_MEMORY {
            Finding::note(words, text!("close other programs, or use a smaller model or window"))
        } else {
            Finding::good(words)
        });
    }
    if let Some(vram) = memory.vram {
        findings.push(Finding::good(text!(
            "graphics memory: {free} of {total} free",
            free = gib(vram.free),
            total = gib(vram.total)
        )));
    }
    findings
}

/// The bytes that may be written to the file system of a folder, or of the first one above it that is there.
fn free_on_disk(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let gib = bytes as f64 / f64::from(1 << 30);
    format!("{gib:.1} GiB")
}

/// A loopback address inside WSL or a container means the inside.
fn other_network(app: &App, endpoint: &Endpoint) -> Option<Finding> {
    let inside = inside(Path::new("/"), app.env.get("container").is_some())?;
    let port = endpoint.port();
    Some(match inside {
        Inside::Wsl => Finding::note(
            text!("this is WSL: {url} does not mean Windows", url = endpoint.base_url),
            text!(
                "for a server on Windows, set networkingMode=mirrored in .wslconfig, or use the address of the Windows host (ip route show default); it must listen on 0.0.0.0:{port}",
                port = port
            ),
        ),
        Inside::Container => Finding::note(
            text!(
                "this is a container: {url} does not mean its host",
                url = endpoint.base_url
            ),
            text!(
                "for a server on the host, use http://host.docker.internal:{port} (Podman: host.containers.internal; Docker on Linux: --add-host=host.docker.internal:host-gateway); it must listen on 0.0.0.0",
                port = port
            ),
        ),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Inside {
    Wsl,
    Container,
}

/// What `root` is the root of: WSL's kernel names Microsoft; Docker and Podman leave a file, systemd-nspawn and others set
/// the variable `container`.
fn inside(root: &Path, said: bool) -> Option<Inside> {
    let kernel = std::fs::read_to_string(root.join("proc/version")).unwrap_or_default();
    if kernel.to_ascii_lowercase().contains("microsoft") {
        return Some(Inside::Wsl);
    }
    let marked = root.join(".dockerenv").exists() || root.join("run/.containerenv").exists();
    (marked || said).then_some(Inside::Container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_with_another_localhost() {
        let root = tempfile::TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/version", "Linux version 6.12.0-debian");
        assert_eq!(inside(root.path(), false), None);
        assert_eq!(inside(root.path(), true), Some(Inside::Container));
        write("run/.containerenv", "");
        assert_eq!(inside(root.path(), false), Some(Inside::Container));
        write("proc/version", "Linux version 6.6.87.2-microsoft-standard-WSL2");
        assert_eq!(inside(root.path(), false), Some(Inside::Wsl));
    }
}
