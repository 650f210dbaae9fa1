//! A shell that keeps the server, and ends it together with the test process.
//!
//! The process holds one end of a pipe. When that closes, because a [`Keeper`] was dropped or because the process has
//! ended in any way, the shell stops the server and removes the cluster. It is the server's parent, so that a number that it
//! sends a signal to is that of no other process.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{cluster::Cluster, programs::Programs};

/// Of its input, `start` starts the server, and the name of a signal ends it. A server that has just been started does not
/// hear the first `QUIT`: shells start what runs beside them with that signal ignored. An answer that nobody reads any more
/// must not end it.
const SCRIPT: &str = r#"
folder=$1; shift
server=
trap '' PIPE
while read -r word; do
  if [ "$word" = start ]; then
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
  else
    kill -s "$word" "$server"; wait "$server"; server=
    echo ended
  fi
done
if [ -n "$server" ]; then
  kill -s QUIT "$server"
  (sleep 1; kill -s QUIT "$server"; sleep 9; kill -s KILL "$server") &
  insists=$!
  wait "$server"
  kill "$insists"
fi
rm -rf "$folder"
"#;

/// A server that has crashed must repair its data first.
const LONGEST_START: Duration = Duration::from_mins(2);

#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
    /// Closed to end it.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    runs: bool,
}

impl Keeper {
    pub(super) fn start(programs: &Programs, cluster: &Cluster) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(cluster.folder())
            .args(programs.words("postgres"))
            .args(cluster.arguments())
            // Ctrl-C is for the test process; this one comes after it.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let commands = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut keeper = Self {
            shell,
            commands,
            answers,
            runs: false,
        };
        keeper.begin(programs, cluster);
        keeper
    }

    /// Starts the server and waits until it answers. What is left of one that was killed may be in its way for a moment.
    pub(super) fn begin(&mut self, programs: &Programs, cluster: &Cluster) {
        assert!(!self.runs, "the server runs already");
        let start = Instant::now();
        let mut seen = log(cluster).len();
        self.say("start");
        self.runs = true;
        while !programs.is_ready(cluster.folder(), cluster.port()) {
            let log = log(cluster);
            let new = log.get(seen..).unwrap_or_default();
            assert!(start.elapsed() < LONGEST_START, "PostgreSQL does not start:\n{log}");
            if has_given_up(new) {
                seen = log.len();
                // It may not hear another one yet, which would be waited for.
                self.end("KILL");
                self.say("start");
                self.runs = true;
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Ends the server with a signal, and waits until it is gone.
    pub(super) fn end(&mut self, signal: &str) {
        assert!(self.runs, "the server does not run");
        self.say(signal);
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer of the shell");
        assert_eq!(answer, "ended\n");
        self.runs = false;
    }

    fn say(&mut self, word: &str) {
        let commands = self.commands.as_mut().expect("a shell that runs");
        writeln!(commands, "{word}").expect("a shell that listens");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.shell.wait();
    }
}

fn log(cluster: &Cluster) -> String {
    fs::read(cluster.log())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// Whether a server says that it ends, and not only that it is not ready yet, or that it ends a connection: those of a server
/// that was killed end after it, and say so in the log of the next one.
fn has_given_up(log: &str) -> bool {
    let of_a_connection = ["the database system is", "terminating connection"];
    log.lines()
        .filter(|line| line.contains("FATAL:"))
        .any(|line| !of_a_connection.iter().any(|words| line.contains(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_starts_is_not_taken_for_one_that_has_given_up() {
        for (line, expected) in [
            ("FATAL:  lock file \"postmaster.pid\" already exists", true),
            (
                "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use",
                true,
            ),
            ("FATAL:  the database system is starting up", false),
            // Of the server before, which was killed.
            (
                "FATAL:  terminating connection due to unexpected postmaster exit",
                false,
            ),
            ("FATAL:  terminating connection due to administrator command", false),
            ("LOG:  database system is ready to accept connections", false),
        ] {
            let log =
                format!("2026-11-26 10:00:00.000 UTC [1] LOG:  starting\n2026-11-26 10:00:00.001 UTC [2] {line}\n");
            assert_eq!(has_given_up(&log), expected, "{line}");
        }
    }
}
