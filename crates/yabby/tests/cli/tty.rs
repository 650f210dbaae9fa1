//! The chat of `yabby up` on a terminal: a person who types, on a pseudo-terminal.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use yabby_testkit::{ModelServer, script};

use crate::{
    client::Served,
    home::{Home, spoken, start},
    running::Running,
};

/// Runs a program on a pseudo-terminal of its own that passes on what comes from standard input, and ends as it ends.
/// The terminal is as wide as any line of the test, so that nothing is wrapped.
const TERMINAL: &str = r#"
import fcntl, json, os, pty, select, struct, sys, termios
program, arguments, folder, variables = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
    os.chdir(folder)
    os.execve(program, [program, *arguments], variables)
sources = [0, terminal]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 4096)
        except OSError:
            data = b""
        if not data:
            sources.remove(source)
        else:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(terminal if source == 0 else 1, rest):]
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// A command on a terminal.
pub(crate) struct Tty {
    running: Running,
    keyboard: ChildStdin,
    /// What has been shown and not been waited for yet.
    shown: String,
    /// What was passed over by the last wait.
    seen: String,
}

impl Tty {
    /// A chat.
    pub(crate) fn open(home: &Home) -> Self {
        Self::run(home, &["up", "--port", "0"])
    }

    pub(crate) fn run(home: &Home, arguments: &[&str]) -> Self {
        let command = home.command(arguments);
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        let mut variables = json!({"TERM": "xterm", "NO_COLOR": "1"});
        for (name, value) in command.get_envs() {
            variables[text(name)] = text(value.unwrap()).into();
        }
        let arguments: Vec<String> = command.get_args().map(text).collect();
        let what = json!([text(command.get_program()), arguments, home.path(), variables]);
        let mut python = Command::new("python3");
        python
            .args(["-I", "-c", TERMINAL, &what.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = start(&mut python);
        let keyboard = running.child().stdin.take().unwrap();
        Self {
            running,
            keyboard,
            shown: String::new(),
            seen: String::new(),
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until this is shown, after everything that was waited for before.
    pub(crate) fn sees(&mut self, what: &str) {
        loop {
            if let Some(at) = self.shown.find(what) {
                self.seen = self.shown.drain(..at + what.len()).collect();
                return;
            }
            let piece = self.running.piece();
            let piece = piece.unwrap_or_else(|| panic!("it ended without {what:?} after {:?}", self.shown));
            // Only plain letters are looked for; others may be cut between two pieces.
            self.shown.push_str(&String::from_utf8_lossy(&piece));
        }
    }

    /// The rest of the line that is shown now.
    pub(crate) fn rest(&mut self) -> String {
        loop {
            if let Some(end) = self.shown.find('\n') {
                let line: String = self.shown.drain(..=end).collect();
                return line.trim().to_owned();
            }
            let piece = self.running.piece().unwrap();
            self.shown.push_str(&String::from_utf8_lossy(&piece));
        }
    }

    /// Types a line once the editor listens: what is typed while a prompt is being thrown away goes with it.
    fn types(&mut self, line: &str) {
        for _ in 0..20 {
            // Ctrl-U takes away what is there.
            self.press(&format!("\x15{line}"));
            while let Ok(Some(piece)) = self.running.piece_within(Duration::from_secs(1)) {
                self.shown.push_str(&String::from_utf8_lossy(&piece));
                if self.shown.contains(line) {
                    return self.press("\r");
                }
            }
        }
        panic!("{line:?} is not echoed after {:?}", self.shown);
    }

    /// Waits for the prompt; from then on every key goes to the line editor.
    pub(crate) fn prompt(&mut self) {
        self.sees("> ");
    }

    /// Waits for the end; returns the exit code and what was not waited for.
    pub(crate) fn ends(self) -> (Option<i32>, String) {
        drop(self.keyboard);
        let ran = self.running.ran();
        (ran.code, self.shown + &ran.stdout)
    }

    /// Ctrl-D at the prompt; returns the exit code.
    pub(crate) fn leave(mut self) -> Option<i32> {
        self.press("\x04");
        self.running.ran().code
    }
}

const CTRL_C: &str = "\x03";

#[test]
fn a_line_that_ends_with_a_backslash_goes_on() {
    let server = ModelServer::start_on_thread();
    server.chat("One.");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut tty = Tty::open(&home);
    tty.prompt();
    tty.press("first\\\r");
    tty.press("second\r");
    tty.sees("One.");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    let calls = server.model_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        spoken(&calls[0].body["messages"]),
        json!([{"role": "user", "content": "first\nsecond"}])
    );
    let history = home.path().join("chat-history.txt");
    assert_eq!(history.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(history).unwrap();
    assert!(kept.contains("first") && kept.contains("second"), "{kept:?}");
    // The next chat has it: the key for the line before, then Enter.
    let mut tty = Tty::open(&home);
    tty.prompt();
    tty.press("\x10\r");
    tty.sees("ok");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    // It goes on with the conversation.
    let last = spoken(&server.model_calls()[1].body["messages"]);
    let last = last.as_array().unwrap();
    let first = spoken(&calls[0].body["messages"]);
    assert_eq!((last.len(), &last[2]), (3, &first[0]));
}

#[test]
fn ctrl_c_stops_the_answer_and_closes_its_connection() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("On and "), hang()]);
    server.chat("Next.");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut tty = Tty::open(&home);
    tty.prompt();
    tty.press("endless?\r");
    tty.sees("On and");
    tty.press(CTRL_C);
    tty.sees("stopped");
    tty.prompt();
    // Nobody has typed since: the chat must not need another question to let go of the server.
    let deadline = Instant::now() + Duration::from_secs(5);
    while !server.model_calls()[0].closed_early {
        assert!(Instant::now() < deadline, "the connection is still open");
        std::thread::sleep(Duration::from_millis(10));
    }
    tty.press("next?\r");
    tty.sees("Next.");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    // The model knows what the person has seen of it.
    assert_eq!(
        spoken(&server.model_calls()[1].body["messages"]),
        json!([
            {"role": "user", "content": "endless?"},
            {"role": "assistant", "content": "On and [stopped here by the person]"},
            {"role": "user", "content": "next?"},
        ])
    );
}

/// However soon after the first, a second press belongs to the answer that was stopped.
#[test]
fn a_second_ctrl_c_does_not_stop_the_next_answer() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut tty = Tty::open(&home);
    tty.prompt();
    for pause in [0, 1, 3, 10, 50] {
        server.chat(script![text("On and "), hang()]);
        server.chat(script![text("Whole "), sleep_ms(100), text("answer.")]);
        tty.press("endless?\r");
        tty.sees("On and");
        tty.press(CTRL_C);
        std::thread::sleep(Duration::from_millis(pause));
        tty.press(CTRL_C);
        tty.sees("stopped");
        tty.prompt();
        tty.types("next?");
        tty.sees("Whole answer.");
        tty.prompt();
    }
    assert_eq!(tty.leave(), Some(0));
    assert_eq!(server.model_calls().len(), 10);
}

/// The first command ends with a link. What is said at the page and in the terminal is one conversation.
#[test]
fn a_chat_has_a_page_and_a_link_lets_a_browser_in() {
    let server = ModelServer::start_on_thread();
    server.chat("For the page.");
    server.chat("For the terminal.");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut tty = Tty::open(&home);
    tty.sees("chatting with box/m1");
    tty.sees("in a browser: ");
    let link = tty.rest();
    tty.prompt();
    let page = Served::with_link(&link);
    let mut events = page.events();
    page.say("p1", "from the page");
    events.next(&["ended"]);
    tty.press("from the terminal\r");
    tty.sees("from the terminal");
    tty.prompt();
    let shown = tty.seen.clone();
    assert!(
        shown.contains("For the terminal.") && !shown.contains("For the page."),
        "{shown:?}"
    );
    events.next(&["ended"]);
    assert_eq!(
        page.entries(),
        [
            "user: from the page",
            "assistant: For the page.",
            "user: from the terminal",
            "assistant: For the terminal."
        ]
    );
    // A second one finds it, and goes on there.
    let mut second = Tty::run(&home, &["up"]);
    second.sees("Yabby runs already at http://");
    assert!(second.rest().starts_with(&page.address));
    second.sees("this chat goes on there");
    second.sees(&format!("in a browser: http://{}/#code=", page.address));
    second.prompt();
    server.chat("For the second.");
    second.press("from the second\r");
    second.sees("For the second.");
    second.prompt();
    assert_eq!(
        page.entries()[4..],
        ["user: from the second", "assistant: For the second."]
    );
    second.press("/think high\r");
    second.sees("· ");
    second.prompt();
    server.chat(script![text("On and "), hang()]);
    second.press("stop it\r");
    second.sees("On and");
    second.press(CTRL_C);
    second.prompt();
    assert_eq!(second.leave(), Some(0));
    // Its key is taken back.
    let keys = home.run(&["keys", "list"]).stdout;
    assert!(!keys.contains("terminal"), "{keys}");
    // Another link, also by the command for it.
    tty.press("/link\r");
    tty.sees("in a browser: ");
    assert_ne!(tty.rest(), link);
    tty.prompt();
    let made = home.run(&["keys", "link"]).stdout;
    assert!(made.starts_with(&format!("http://{}/#code=", page.address)), "{made}");
    assert_eq!(tty.leave(), Some(0));
    assert!(!home.path().join("gateway.json").exists());
}

/// A stranger's port is left to it.
#[test]
fn a_chat_takes_the_next_port_where_somebody_has_its_own() {
    let server = ModelServer::start_on_thread();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let provider = crate::home::provider("box", &server.base_url(), "openai-completions");
    let home = Home::with_config(&provider.replacen('{', &format!("{{ gateway: {{ port: {port} }}, "), 1));
    let mut tty = Tty::run(&home, &["up"]);
    tty.sees(&format!("127.0.0.1:{port} is taken by "));
    tty.sees("; the page is at port ");
    let other = tty.rest();
    tty.sees(&format!("in a browser: http://127.0.0.1:{other}/#code="));
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    // What the command line says is not changed without a question.
    let mut tty = Tty::run(&home, &["up", "--port", &port.to_string()]);
    tty.sees("instead? [Y/n]");
    tty.press("n\r");
    assert_eq!(tty.ends().0, Some(130));
}

#[test]
fn a_chat_tells_when_nobody_is_asked_for_a_key() {
    const OPEN: &str = "nobody is asked for a key: every program on this machine may use your models";
    let server = ModelServer::start_on_thread();
    let provider = crate::home::provider("box", &server.base_url(), "openai-completions");
    for (mode, tells) in [("none", true), ("token", false)] {
        let gateway = format!("{{ gateway: {{ auth: {{ mode: '{mode}' }} }}, ");
        let home = Home::with_config(&provider.replacen('{', &gateway, 1));
        let mut tty = Tty::open(&home);
        tty.sees("in a browser: ");
        assert_eq!(tty.seen.contains(OPEN), tells, "{:?}", tty.seen);
        tty.prompt();
        assert_eq!(tty.leave(), Some(0));
    }
}

/// Whoever came in through a gateway could ask models that are far away.
#[test]
fn a_private_chat_has_no_page() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut tty = Tty::run(&home, &["up", "--private"]);
    tty.prompt();
    tty.press("/link\r");
    tty.sees("no page is served beside this chat");
    tty.prompt();
    assert_eq!(tty.leave(), Some(0));
    assert!(!home.path().join("gateway-token").exists());
}
