//! R1, R2, R3: a gateway is killed wherever it can be, and again and again; then nothing is missing or doubled.
//!
//! What is killed is the program in `crash/`; it says in ledgers what has happened outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use yabby_store::{Access, OutboxState, Place, Said, Store, new_id};

use crate::both::on_both;

const PROGRAM: &str = env!("CARGO_BIN_EXE_yabby-store-crash");
/// Far more than any run needs.
const LIMIT: Duration = Duration::from_mins(2);
/// How long another replica waits.
const LEASE: Duration = Duration::from_millis(600);

/// A way of being killed: at a point, when it is passed for the Nth time.
#[derive(Clone, Copy, Debug)]
struct Kill {
    point: &'static str,
    number: u64,
}

/// Messages that go through gateways that are killed.
struct Trial<'a> {
    place: &'a Place,
    ledgers: &'a Path,
    messages: usize,
    conversations: usize,
    look_up: bool,
}

impl Trial<'_> {
    fn start(&self, kill: Option<Kill>) -> Child {
        let mut command = Command::new(PROGRAM);
        let place = match self.place {
            Place::Folder(folder) => folder.display().to_string(),
            Place::Postgres { url, .. } => url.expose().to_owned(),
        };
        command.arg(place).arg(self.ledgers);
        for number in [self.messages, self.conversations] {
            command.arg(number.to_string());
        }
        command.arg(LEASE.as_millis().to_string()).arg("feed");
        if self.look_up {
            command.arg("look-up");
        }
        if let Some(Kill { point, number }) = kill {
            command.env("YABBY_FAIL_AT", format!("{point}:{number}"));
        }
        command.stdin(Stdio::null()).spawn().expect("started")
    }

    /// Runs one to its end.
    fn run(&self, kill: Option<Kill>) -> ExitStatus {
        let mut child = self.start(kill);
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a status") {
                return status;
            }
            if begun.elapsed() > LIMIT {
                let _ = child.kill();
                panic!("it hangs after {kill:?}");
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn lines(&self, ledger: &str) -> Vec<String> {
        let text = fs::read_to_string(self.ledgers.join(format!("{ledger}.log"))).unwrap_or_default();
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
    async fn check(&self, after: &str) -> usize {
        let store = Store::open(self.place, Access::Write).await.expect("a store");
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
        let delivered = self.delivered();
        for conversation in 0..self.conversations {
            let got = delivered.get(&format!("p{conversation}")).cloned().unwrap_or_default();
            let wanted: Vec<String> = (conversation..self.messages)
                .step_by(self.conversations)
                .flat_map(|n| [format!("m{n} is"), format!("End of m{n}.")])
                .filter(|wanted| {
                    let arrived = got.iter().any(|text| text.starts_with(wanted.as_str()));
                    arrived || !unknown.iter().any(|text| text.starts_with(wanted.as_str()))
                })
                .collect();
            let got: Vec<String> = got
                .iter()
                .map(|text| text.split_inclusive(" is").next().unwrap_or_default().to_owned())
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

const STEPS: [&str; 3] = ["ran", "committed", "told"];
const OPERATIONS: [&str; 8] = [
    "accept",
    "claim_message",
    "begin_turn",
    "begin_effect",
    "end_effect",
    "end_turn",
    "claim_delivery",
    "end_delivery",
];
const BETWEEN: [&str; 4] = ["effect/before", "effect/after", "deliver/before", "deliver/sent"];

fn points() -> Vec<&'static str> {
    let all = OPERATIONS.iter().flat_map(|operation| {
        STEPS.iter().map(move |step| -> &'static str {
            let point = format!("{operation}/{step}");
            Box::leak(point.into_boxed_str())
        })
    });
    all.chain(BETWEEN).collect()
}

/// R1: nothing is lost, nothing is done or sent twice, wherever it is killed.
#[tokio::test]
async fn killed_at_every_point() {
    on_both(async |place| {
        for point in points() {
            for number in [1, 2, 5] {
                let kill = Kill { point, number };
                one_kill(place, kill, true).await;
            }
        }
    })
    .await;
}

/// R3: where the channel cannot say whether it has sent something, it is not sent again.
#[tokio::test]
async fn killed_while_sending_through_a_channel_that_cannot_look_up() {
    on_both(async |place| {
        for (point, unknown) in [
            // It may be one that has found nothing.
            ("claim_delivery/committed", 0),
            ("deliver/before", 1),
            ("deliver/sent", 1),
            ("end_delivery/ran", 1),
            ("end_delivery/told", 0),
        ] {
            for number in [1, 2, 5] {
                let found = one_kill(place, Kill { point, number }, false).await;
                // Two places: another one may have been in work.
                assert!((unknown..=2).contains(&found), "{found} unknown after {point}:{number}");
            }
        }
    })
    .await;
}

async fn one_kill(place: &Place, kill: Kill, look_up: bool) -> usize {
    let ledgers = tempfile::tempdir().expect("a folder");
    let place = empty(place, ledgers.path());
    let trial = Trial {
        place: &place,
        ledgers: ledgers.path(),
        messages: 6,
        conversations: 2,
        look_up,
    };
    let killed = trial.run(Some(kill));
    assert_eq!(killed.signal(), Some(9), "{kill:?} was not passed: {killed}");
    let ended = trial.run(None);
    assert!(ended.success(), "{ended} after {kill:?}");
    trial.check(&format!("after {kill:?}")).await
}

/// A store with nothing in it.
fn empty(place: &Place, folder: &Path) -> Place {
    match place {
        Place::Folder(_) => Place::Folder(folder.join("store")),
        postgres @ Place::Postgres { .. } => postgres.clone(),
    }
}

/// R2, in short.
#[tokio::test]
async fn killed_at_random() {
    on_both(async |place| random_kills(place, 40).await).await;
}

/// R2: `cargo test -p yabby-store --release --test store -- --ignored --nocapture a_thousand`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn killed_a_thousand_times() {
    on_both(async |place| random_kills(place, 1000).await).await;
}

async fn random_kills(place: &Place, kills: u32) {
    let ledgers = tempfile::tempdir().expect("a folder");
    let place = empty(place, ledgers.path());
    let mut random = Random::new();
    println!("seed {:#x}", random.0);
    let mut trial = Trial {
        place: &place,
        ledgers: ledgers.path(),
        messages: 1_000_000,
        conversations: 5,
        look_up: true,
    };
    let begun = Instant::now();
    for _ in 0..kills {
        let mut child = trial.start(None);
        std::thread::sleep(Duration::from_micros(random.below(120_000)));
        child.kill().expect("killed");
        let status = child.wait().expect("a status");
        assert_eq!(status.signal(), Some(9), "{status}");
    }
    // Now for those that have begun to come in.
    let last = trial
        .lines("acked")
        .iter()
        .filter_map(|name| name[1..].parse::<usize>().ok())
        .max();
    // The next one of each conversation may have been kept, and not acknowledged.
    trial.messages = last.map_or(0, |last| last + 1) + trial.conversations;
    let ended = trial.run(None);
    assert!(ended.success(), "{ended}");
    trial.check("after all").await;
    println!(
        "{kills} kills, {} messages, {} deliveries, {:.0?}",
        trial.messages,
        trial.lines("deliveries").len(),
        begun.elapsed()
    );
}

/// Numbers that can be had again.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let id = new_id();
        Self(u64::from_str_radix(&id[16..], 16).unwrap_or(1) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
