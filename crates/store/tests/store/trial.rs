//! Messages that go through a small gateway which is killed: the program in `crash/`. It says in ledgers what has happened
//! outside, and they are compared at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use yabby_core::{Message, SessionKey};
use yabby_store::{Access, Content, OutboxState, Place, Said, Store};

use crate::both::empty_database;

const PROGRAM: &str = env!("CARGO_BIN_EXE_yabby-store-crash");
/// Far more than any run needs.
const LIMIT: Duration = Duration::from_mins(2);

/// What becomes of a process: at a point, when it is passed for the Nth time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) point: &'static str,
    pub(crate) number: u64,
    /// It is stopped, and can go on; else it is killed.
    pub(crate) stops: bool,
}

/// Messages that go through gateways that are killed.
pub(crate) struct Trial {
    pub(crate) place: Place,
    pub(crate) ledgers: TempDir,
    pub(crate) messages: usize,
    pub(crate) conversations: usize,
    /// Whether the channel can say what was sent.
    pub(crate) look_up: bool,
    /// How long another replica waits.
    pub(crate) lease: Duration,
}

/// A gateway.
pub(crate) struct Gateway {
    pub(crate) process: Child,
    fate: Option<Fate>,
}

impl Gateway {
    /// Waits for its end.
    pub(crate) async fn wait(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a status") {
                return status;
            }
            if begun.elapsed() > LIMIT {
                let _ = self.process.kill();
                panic!("it hangs; its fate was {:?}", self.fate);
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}

impl Trial {
    /// With nothing in its store, in a place of the kind of another one.
    pub(crate) fn new(like: &Place, messages: usize, conversations: usize) -> Self {
        let ledgers = tempfile::tempdir().expect("a folder");
        Self {
            place: another(like, ledgers.path()),
            ledgers,
            messages,
            conversations,
            look_up: true,
            lease: Duration::from_millis(600),
        }
    }

    /// Starts a gateway; one that feeds also takes the messages in.
    pub(crate) fn start(&self, fate: Option<Fate>, feeds: bool) -> Gateway {
        let mut command = Command::new(PROGRAM);
        let place = match &self.place {
            Place::Folder(folder) => folder.display().to_string(),
            Place::Postgres { url, .. } => url.expose().to_owned(),
        };
        command.arg(place).arg(self.ledgers.path());
        for number in [self.messages, self.conversations] {
            command.arg(number.to_string());
        }
        command.arg(self.lease.as_millis().to_string());
        command.args(feeds.then_some("feed"));
        command.args(self.look_up.then_some("look-up"));
        if let Some(Fate { point, number, stops }) = fate {
            command.env("YABBY_FAIL_AT", format!("{point}:{number}"));
            if stops {
                command.env("YABBY_FAIL_HOW", "stop");
            }
        }
        Gateway {
            process: command.stdin(Stdio::null()).spawn().expect("started"),
            fate,
        }
    }

    /// Runs one that feeds to its end.
    pub(crate) async fn run(&self, fate: Option<Fate>) -> ExitStatus {
        self.start(fate, true).wait().await
    }

    /// The lines of a ledger.
    pub(crate) fn lines(&self, ledger: &str) -> Vec<String> {
        let text = fs::read_to_string(self.ledgers.path().join(format!("{ledger}.log"))).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The pieces that went out, by place: message, whether it ends it, and what it says about the effect.
    fn delivered(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_place: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self.lines("deliveries") {
            let mut parts = line.splitn(3, '\t').skip(1).map(str::to_owned);
            let (place, text) = (parts.next().expect("a place"), parts.next().expect("a text"));
            by_place.entry(place).or_default().push(text);
        }
        by_place
    }

    /// Compares what people got with what they should have got. The number of deliveries of which nobody knows.
    pub(crate) async fn check(&self, after: &str) -> usize {
        let store = Store::open(&self.place, Access::Write).await.expect("a store");
        let acked: BTreeSet<String> = self.lines("acked").into_iter().collect();
        let missing: Vec<String> = (0..self.messages)
            .map(|n| format!("m{n}"))
            .filter(|name| !acked.contains(name))
            .collect();
        assert_eq!(missing, [""; 0], "{after}");
        // Each message was answered.
        let backlog = store.backlog().await.expect("a backlog");
        let done = BTreeMap::from([("done".to_owned(), self.messages as u64)]);
        assert_eq!(backlog.inbox, done, "{after}");
        // Nobody knows about these, and the owner was asked.
        let mut unknown: Vec<String> = Vec::new();
        for stopped in store.stopped_deliveries(10_000).await.expect("deliveries") {
            assert_eq!(stopped.state, OutboxState::Unknown, "{after}");
            let Said::Answer(text) = stopped.content else {
                panic!("a notice {after}");
            };
            unknown.push(text.into_string());
        }
        let pieces = backlog.outbox.values().sum::<u64>();
        assert_eq!(pieces, 2 * self.messages as u64, "{after}");
        self.check_effects(after, &unknown);
        for conversation in 0..self.conversations {
            self.check_transcript(&store, conversation, after).await;
        }
        let delivered = self.delivered();
        for conversation in 0..self.conversations {
            let got = delivered.get(&format!("p{conversation}")).cloned().unwrap_or_default();
            // What nobody knows about may have arrived, once, and late.
            let is_unknown = |piece: &String| unknown.contains(piece);
            let mut once = BTreeSet::new();
            let twice: Vec<&String> = got.iter().filter(|piece| !once.insert(*piece)).collect();
            assert_eq!(twice, [""; 0], "twice at p{conversation} {after}");
            let names = |piece: &String| piece.split_inclusive(" is").next().unwrap_or_default().to_owned();
            let missing: BTreeSet<String> = unknown.iter().map(names).collect();
            let got: Vec<String> = got.iter().filter(|piece| !is_unknown(piece)).map(names).collect();
            let wanted: Vec<String> = (conversation..self.messages)
                .step_by(self.conversations)
                .flat_map(|n| [format!("m{n} is"), format!("End of m{n}.")])
                .filter(|piece| !missing.contains(piece))
                .collect();
            let same = got
                .iter()
                .zip(&wanted)
                .take_while(|(got, wanted)| got == wanted)
                .count();
            assert_eq!(
                (&got[same..got.len().min(same + 5)], got.len()),
                (&wanted[same..wanted.len().min(same + 5)], wanted.len()),
                "p{conversation} from {same} on {after}"
            );
        }
        unknown.len()
    }

    /// Each message and its answer stand in the transcript once, in order.
    async fn check_transcript(&self, store: &Store, conversation: usize, after: &str) {
        let session = SessionKey::hook("main", &format!("c{conversation}"));
        let items = store.items(session.as_str(), 0, 1_000_000).await.expect("items");
        let said = items.into_iter().map(|item| match item.item.content {
            Content::Message {
                message: Message::User { text, .. },
            } => text,
            Content::Message {
                message: Message::Assistant { text, .. },
            } => format!("answer to {}", text.split(' ').next().unwrap_or_default()),
            other => panic!("{other:?} {after}"),
        });
        let wanted = (conversation..self.messages)
            .step_by(self.conversations)
            .flat_map(|n| [format!("m{n}"), format!("answer to m{n}")]);
        assert!(said.eq(wanted), "the transcript of c{conversation} {after}");
    }

    /// No effect twice; where one may be missing, the answer says that nobody knows.
    fn check_effects(&self, after: &str, unknown: &[String]) {
        let mut once = BTreeSet::new();
        let twice: Vec<String> = self
            .lines("effects")
            .into_iter()
            .filter(|line| !once.insert(line.clone()))
            .collect();
        assert_eq!(twice, [""; 0], "effects twice {after}");
        for text in self.delivered().into_values().flatten().chain(unknown.iter().cloned()) {
            let Some((message, effect)) = text.split_once(" is ") else {
                continue;
            };
            match effect {
                "done." => assert!(once.contains(message), "{message} {after}"),
                "unknown." => {}
                other => panic!("{other} {after}"),
            }
        }
    }
}

/// A store with nothing in it, of the same kind.
fn another(like: &Place, folder: &std::path::Path) -> Place {
    match like {
        Place::Folder(_) => Place::Folder(folder.join("store")),
        Place::Postgres { .. } => empty_database(folder),
    }
}
