//! A chat without a terminal that stays open between its lines.

use std::{
    io::Write,
    process::{ChildStdin, Command, Stdio},
};

use crate::running::Running;

pub(crate) struct Chat {
    pub(crate) running: Running,
    input: ChildStdin,
    unread: Vec<u8>,
}

impl Chat {
    /// Starts the command with what is made of it.
    pub(crate) fn of(command: &mut Command, start: impl FnOnce(&mut Command) -> Running) -> Self {
        let mut running = start(command.stdin(Stdio::piped()));
        Self {
            input: running.child().stdin.take().unwrap(),
            running,
            unread: Vec::new(),
        }
    }

    /// Asks, and returns the next line that comes. Further lines of the answer stay where they are.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").unwrap();
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return String::from_utf8(line).unwrap();
            }
            let piece = self.running.piece();
            self.unread
                .extend(piece.unwrap_or_else(|| panic!("the chat ended without an answer to {question}")));
        }
    }

    /// Leaves; every question must have been answered. Returns what was told beside the answers.
    pub(crate) fn leave(self) -> String {
        drop(self.input);
        let ran = self.running.ended();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(0), "{told}");
        told
    }
}
