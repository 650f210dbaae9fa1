//! How much memory this machine has, and how much of it a load may take.
//!
//! Read from what the system says itself, without a crate: see `ARCHITECTURE.md` for what one would cost. Only cards
//! that `nvidia-smi` knows are seen; the memory of Apple's chips is their RAM.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

/// How long a program may take to say how much memory there is.
const PATIENCE: Duration = Duration::from_secs(2);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Memory of one kind, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What a load may take without pushing anything else out.
    pub free: u64,
    /// What there is.
    pub total: u64,
}

/// The memory of this machine, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Main memory, or what the container of this process may have of it.
    pub ram: Option<Room>,
    /// The memory of all graphics cards together.
    pub vram: Option<Room>,
}

// === impl Memory ===

impl Memory {
    /// Asks the system. Takes two seconds at the most, and reads nothing but small files.
    pub async fn read() -> Self {
        let vram = async {
            let query = ["--query-gpu=memory.free,memory.total", "--format=csv,noheader,nounits"];
            nvidia_smi(&run("nvidia-smi", &query).await?)
        };
        let (ram, vram) = tokio::join!(ram(), vram);
        Self { ram, vram }
    }

    /// The same without graphics cards, for a program that cannot use them.
    #[must_use]
    pub fn without_gpu(mut self) -> Self {
        self.vram = None;
        self
    }

    /// What a load may take: llama.cpp puts as many layers as fit on the cards, and the others into main memory.
    pub fn free(&self) -> Option<u64> {
        let vram = self.vram.map_or(0, |vram| vram.free);
        self.ram.map(|ram| ram.free.saturating_add(vram))
    }
}

async fn ram() -> Option<Room> {
    if cfg!(target_os = "linux") {
        return linux(&|path| std::fs::read_to_string(path).ok());
    }
    if cfg!(target_os = "macos") {
        let (total, pages) = tokio::join!(run("sysctl", &["-n", "hw.memsize"]), run("vm_stat", &[]));
        return macos(&total?, &pages?);
    }
    None
}

/// What a program says on its standard output; `None` when it is not there, fails, or takes too long.
async fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Main memory by `/proc/meminfo`, or what is left to the control group, where that is less.
fn linux(read: &dyn Fn(&str) -> Option<String>) -> Option<Room> {
    let machine = meminfo(&read("/proc/meminfo")?)?;
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_rooms(line, read));
    Some(limits.fold(machine, |least, room| Room {
        free: least.free.min(room.free),
        total: least.total.min(room.total),
    }))
}

/// `MemAvailable` is the kernel's own estimate of what can be had without swapping (`proc_meminfo(5)`).
fn meminfo(text: &str) -> Option<Room> {
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(KIB)
    };
    Some(Room {
        free: value("MemAvailable")?,
        total: value("MemTotal")?,
    })
}

/// The limits of the group that a line of `/proc/self/cgroup` names, and of those above it: `0::PATH` for version 2,
/// `N:…,memory,…:PATH` for version 1 (`cgroups(7)`). Inside a container the path may be one of the host, whose files are
/// not there; the root of the mounted tree is then the container's own group.
fn group_rooms(line: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<Room> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (root, limit, usage, cache) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
    } else if controllers.split(',').any(|name| name == "memory") {
        let files = ("memory.limit_in_bytes", "memory.usage_in_bytes");
        ("/sys/fs/cgroup/memory", files.0, files.1, "total_inactive_file")
    } else {
        return Vec::new();
    };
    let room = |folder: &str| {
        let number = |file: &str| read(&format!("{root}{folder}/{file}"))?.trim().parse::<u64>().ok();
        // Without a limit, version 2 says `max`, and version 1 a number that no machine has.
        let total = number(limit)?;
        let stat = read(&format!("{root}{folder}/memory.stat")).unwrap_or_default();
        let reclaimable = stat.lines().find_map(|line| {
            let (name, value) = line.split_once(' ')?;
            (name == cache).then(|| value.trim().parse::<u64>().ok())?
        });
        let used = number(usage)?.saturating_sub(reclaimable.unwrap_or(0));
        Some(Room {
            free: total.saturating_sub(used),
            total,
        })
    };
    let mut folders = vec![path.trim_end_matches('/')];
    while let Some((above, _)) = folders.last().and_then(|folder| folder.rsplit_once('/')) {
        folders.push(above);
    }
    folders.into_iter().filter_map(room).collect()
}

/// `sysctl -n hw.memsize` in bytes, and the pages of `vm_stat` that can be had at once: free ones, and those that hold
/// what is on disk anyway.
fn macos(total: &str, pages: &str) -> Option<Room> {
    let size = pages.split_once("page size of ")?.1.split_whitespace().next()?;
    let size: u64 = size.parse().ok()?;
    let count = |name: &str| {
        let line = pages
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches('.').parse::<u64>().ok()
    };
    let kinds = [
        count("Pages free")?,
        count("Pages inactive")?,
        count("Pages speculative").unwrap_or(0),
    ];
    let free = kinds.into_iter().fold(0_u64, u64::saturating_add);
    Some(Room {
        free: free.checked_mul(size)?,
        total: total.trim().parse().ok()?,
    })
}

/// A line for each card: free and total MiB. Cards that share the main memory say `[N/A]` and are left out.
fn nvidia_smi(text: &str) -> Option<Room> {
    let card = |line: &str| {
        let (free, total) = line.split_once(',')?;
        let bytes = |text: &str| text.trim().parse::<u64>().ok()?.checked_mul(MIB);
        Some(Room {
            free: bytes(free)?,
            total: bytes(total)?,
        })
    };
    let sum = |all: Room, card: Room| Room {
        free: all.free.saturating_add(card.free),
        total: all.total.saturating_add(card.total),
    };
    text.lines().filter_map(card).reduce(sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The beginning of a real one (Linux 6, 24 GB).
    const MEMINFO: &str = "MemTotal:       24684084 kB\nMemFree:        20984504 kB\nMemAvailable:   24100428 kB\n\
                           Buffers:          255156 kB\nCached:          2926284 kB\nSwapCached:            0 kB\n";

    fn room(free: u64, total: u64) -> Room {
        Room { free, total }
    }

    fn on_linux(files: &[(&str, &str)]) -> Option<Room> {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        linux(&|path| files.get(path).map(|text| (*text).to_owned()))
    }

    #[test]
    fn linux_says_what_is_available() {
        let whole = room(24_100_428 * KIB, 24_684_084 * KIB);
        assert_eq!(on_linux(&[("/proc/meminfo", MEMINFO)]), Some(whole));
        assert_eq!(on_linux(&[]), None);
        assert_eq!(on_linux(&[("/proc/meminfo", "MemTotal: 5 kB\nMemFree: 4 kB\n")]), None);
        // A real group of version 1 without a limit.
        let files = [
            ("/proc/meminfo", MEMINFO),
            (
                "/proc/self/cgroup",
                "9:name=systemd:/\n4:memory:/process_api/2ba9\n3:cpuset:/\n0::/\n",
            ),
            (
                "/sys/fs/cgroup/memory/process_api/2ba9/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            (
                "/sys/fs/cgroup/memory/process_api/2ba9/memory.usage_in_bytes",
                "1000000\n",
            ),
        ];
        assert_eq!(on_linux(&files), Some(whole));
    }

    #[test]
    fn the_limit_of_a_container_counts() {
        let version_2 = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/user.slice/app.scope\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n"),
            ("/sys/fs/cgroup/user.slice/app.scope/memory.current", "700\n"),
            ("/sys/fs/cgroup/user.slice/memory.max", "4294967296\n"),
            ("/sys/fs/cgroup/user.slice/memory.current", "1073741824\n"),
            (
                "/sys/fs/cgroup/user.slice/memory.stat",
                "anon 573741824\nfile 500000000\ninactive_file 400000000\n",
            ),
        ];
        let expected = room(4_294_967_296 - 1_073_741_824 + 400_000_000, 4_294_967_296);
        assert_eq!(on_linux(&version_2), Some(expected));
        // Docker: the path is one of the host, the container sees its own group as the root.
        let version_1 = [
            ("/proc/meminfo", MEMINFO),
            (
                "/proc/self/cgroup",
                "5:cpu,cpuacct:/docker/0123\n4:hugetlb,memory:/docker/0123\n",
            ),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3147483648\n"),
            (
                "/sys/fs/cgroup/memory/memory.stat",
                "cache 5\ninactive_file 1\ntotal_inactive_file 1500000000\n",
            ),
        ];
        let expected = room(2_147_483_648 - 1_647_483_648, 2_147_483_648);
        assert_eq!(on_linux(&version_1), Some(expected));
        // A group that is over its limit has nothing left.
        let full = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/\n"),
            ("/sys/fs/cgroup/memory.max", "100"),
            ("/sys/fs/cgroup/memory.current", "200"),
        ];
        assert_eq!(on_linux(&full), Some(room(0, 100)));
    }

    #[test]
    fn macos_counts_pages() {
        // A 32 GB machine (16 KiB pages).
        let pages = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n\
                     Pages free:                                     9436.\n\
                     Pages active:                                 774260.\n\
                     Pages inactive:                               915780.\n\
                     Pages speculative:                              1639.\n\
                     Pages throttled:                                   0.\n\
                     Pages wired down:                             184732.\n\
                     Pages purgeable:                               22877.\n\
                     \"Translation faults\":                       37287533.\n";
        let expected = room((9436 + 915_780 + 1639) * 16_384, 34_359_738_368);
        assert_eq!(macos("34359738368\n", pages), Some(expected));
        assert_eq!(macos("34359738368\n", ""), None);
        assert_eq!(macos("", pages), None);
    }

    #[test]
    fn cards_are_added_up() {
        assert_eq!(nvidia_smi("22968, 24564\n"), Some(room(22_968 * MIB, 24_564 * MIB)));
        assert_eq!(
            nvidia_smi("11000, 12288\n500, 12288\n"),
            Some(room(11_500 * MIB, 24_576 * MIB))
        );
        // A chip whose graphics share the main memory, and what a driver that does not fit says.
        assert_eq!(nvidia_smi("[N/A], [N/A]\n"), None);
        assert_eq!(
            nvidia_smi("Failed to initialize NVML: Driver/library version mismatch\n"),
            None
        );
    }

    #[test]
    fn both_kinds_count_together() {
        let both = Memory {
            ram: Some(room(10, 20)),
            vram: Some(room(5, 6)),
        };
        assert_eq!((both.free(), both.without_gpu().free()), (Some(15), Some(10)));
        assert_eq!(Memory::default().free(), None);
    }

    #[tokio::test]
    async fn this_machine_has_memory() {
        let ram = Memory::read().await.ram;
        if cfg!(any(target_os = "linux", target_os = "macos")) {
            let ram = ram.unwrap();
            assert!(0 < ram.free && ram.free <= ram.total, "{ram:?}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_says_nothing() {
        assert_eq!(run("yabby-no-such-program", &[]).await, None);
        assert_eq!(run("false", &[]).await, None);
    }
}
