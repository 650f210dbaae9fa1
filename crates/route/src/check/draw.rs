//! A script of a turn, drawn at random.

use std::time::Duration;

use yabby_core::{EndReason, ErrorKind, Priority, Zone, ZoneRule};

use crate::{
    Deadlines,
    check::{
        random::Random,
        script::{Ask, Beat, Continues, End, Failure, Look, Offer, Opens, Place, Prepare, Ready, Script, Slots, Stop},
    },
    upstream::Remedies,
};

const KINDS: [ErrorKind; 39] = {
    use ErrorKind as E;
    [
        E::Refused,
        E::Dns,
        E::Tls,
        E::Unreachable,
        E::Hung,
        E::Resting,
        E::Timeout,
        E::Interrupted,
        E::Interrupted,
        E::Loading,
        E::Loading,
        E::NotLoaded,
        E::ModelNotFound,
        E::Auth,
        E::Auth,
        E::Billing,
        E::Billing,
        E::RateLimit,
        E::RateLimit,
        E::Overloaded,
        E::Overloaded,
        E::ContextOverflow,
        E::ContextOverflow,
        E::ContextOverflow,
        E::Template,
        E::Grammar,
        E::UnsupportedField,
        E::UnsupportedFeature,
        E::ToolParser,
        E::BadRequest,
        E::NotAnApi,
        E::Server,
        E::Server,
        E::Server,
        E::Malformed,
        E::Empty,
        E::Provision,
        E::OverBudget,
        E::Busy,
    ]
};

impl Script {
    pub(super) fn random(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let background = random.chance(25);
        let priority = if background {
            random.one_of(&[Priority::Cron, Priority::Heartbeat, Priority::Upkeep])
        } else {
            random.one_of(&[Priority::Person, Priority::ToolLoop])
        };
        let places = random.one_of(&[1, 2, 2, 2, 3, 3, 4]);
        let zones = random.chance(50);
        Self {
            priority,
            limit: random.maybe(40, |random| random.one_of(&[10, 30, 60, 120, 300, 900]).into_seconds()),
            hedge_after: random.maybe(30, |random| random.one_of(&[2, 3, 5, 8, 30]).into_seconds()),
            prefer_fast: random.chance(20),
            rules: if zones {
                (0..=random.below(2)).map(|_| rule(random)).collect()
            } else {
                Vec::new()
            },
            messages: 1 + 2 * random.below(4),
            story: random.below(200),
            places: (0..places).map(|_| Place::random(random)).collect(),
            stop: random.maybe(15, |random| {
                if random.chance(50) {
                    Stop::At(random.time(600))
                } else {
                    Stop::After(random.below(20))
                }
            }),
        }
    }
}

trait Seconds {
    fn into_seconds(self) -> Duration;
}

impl Seconds for u64 {
    fn into_seconds(self) -> Duration {
        Duration::from_secs(self)
    }
}

fn zone(random: &mut Random) -> Zone {
    match random.below(6) {
        0 | 1 => Zone::Machine,
        2 => Zone::Lan,
        3 => Zone::Region("eu".to_owned()),
        _ => Zone::Hosted,
    }
}

fn rule(random: &mut Random) -> ZoneRule {
    ZoneRule {
        zones: (0..=random.below(3)).map(|_| zone(random)).collect(),
        from: "a rule".to_owned(),
        ask: random.chance(30),
    }
}

fn failure(random: &mut Random) -> Failure {
    Failure {
        kind: random.one_of(&KINDS),
        retry_after: random.maybe(30, |random| random.time(400)),
    }
}

impl Place {
    fn random(random: &mut Random) -> Self {
        // Some are well, so that not every turn fails.
        let well = random.chance(25);
        let quick = well || random.chance(50);
        let total = random.one_of(&[5, 20, 60, 60, 120, 300, 600, 600, 1800]).into_seconds();
        let asks = if well { 1 } else { 1 + random.below(3) };
        let zone = zone(random);
        Self {
            // What is found out can only make it farther away.
            settled: random.maybe(20, |random| {
                let fails = random.one_of(&[ErrorKind::Hung, ErrorKind::Refused]);
                let found = if random.chance(80) {
                    Ok(Zone::Hosted)
                } else {
                    Err(fails)
                };
                (random.time(30), found)
            }),
            prepared: random.maybe(8, |_| Zone::Hosted),
            zone,
            excepted: random.chance(30),
            managed: random.chance(10),
            deadlines: Deadlines {
                silence: random.one_of(&[1, 5, 5, 10]).into_seconds(),
                sign_of_life: random.one_of(&[1, 4, 4, 10]).into_seconds(),
                patience: random.maybe(20, |random| random.seconds(1, 600)).unwrap_or_default(),
                queue: random.one_of(&[5, 60, 300]).into_seconds(),
                first_token: random.one_of(&[20, 180, 300]).into_seconds(),
                gap: random.one_of(&[10, 120]).into_seconds(),
                total,
            },
            breaker: (random.time(1).min(Duration::from_millis(500)), random.chance(90)),
            slots: if well { Slots::Free } else { Slots::random(random) },
            budget: if random.chance(90) { usize::MAX } else { random.below(3) },
            room: random.maybe(20, |random| u32::try_from(random.below(9)).unwrap()),
            smaller: random.maybe(50, |random| u32::try_from(random.below(6)).unwrap()),
            expected: random.maybe(50, |random| random.time(60)),
            usual_load: random.maybe(50, |random| random.time(60)),
            continues: random.one_of(&[
                Continues::Prefills,
                Continues::Obeys,
                Continues::RepeatsAll,
                Continues::RepeatsEnd(0),
                Continues::RepeatsEnd(2),
                Continues::Begins,
            ]),
            lead: random.one_of(&["", "", " ", "\n\n"]),
            prepare: (0..random.below(3)).map(|_| Prepare::random(random, well)).collect(),
            beside: random.maybe(30, |random| random.time(60)),
            asks: (0..asks).map(|_| Ask::random(random, well, quick)).collect(),
            looks: (0..=random.below(3))
                .map(|_| (random.time(600), Look::random(random)))
                .collect(),
            look_takes: random.time(8),
            offers: (0..random.below(4)).map(|_| Offer::random(random)).collect(),
            offers_for_ever: random.chance(30),
        }
    }
}

impl Slots {
    fn random(random: &mut Random) -> Self {
        match random.below(20) {
            0 => Self::Never,
            1 => Self::Broken,
            2 | 3 => Self::After(random.time(600)),
            4..=8 => Self::Shared(
                (0..=random.below(4))
                    .map(|_| (random.time(100), random.time(60)))
                    .collect(),
            ),
            _ => Self::Free,
        }
    }
}

impl Prepare {
    fn random(random: &mut Random, well: bool) -> Self {
        if well {
            return Self {
                steps: Vec::new(),
                takes: Duration::ZERO,
                fails: None,
            };
        }
        let ready = |random: &mut Random| (random.time(60), random.one_of(&[Ready::Loading, Ready::Untimed]));
        Self {
            steps: (0..random.below(3)).map(|_| ready(random)).collect(),
            takes: if random.chance(5) {
                random.seconds(60, 6000)
            } else {
                random.time(30)
            },
            fails: random.maybe(10, |random| random.one_of(&KINDS)),
        }
    }
}

impl Ask {
    fn random(random: &mut Random, well: bool, quick: bool) -> Self {
        let pause = |random: &mut Random| {
            if quick { random.time(1) } else { random.time(400) }
        };
        if well {
            let beats = [Beat::Text(9), Beat::Reasoning, Beat::Usage, Beat::Call, Beat::Text(30)];
            let beats = beats.iter().filter(|_| random.chance(70)).copied();
            return Self {
                head: Duration::from_millis(10),
                opens: Opens::Head,
                beats: beats
                    .chain([Beat::Text(3)])
                    .map(|beat| (Duration::from_millis(1), beat))
                    .collect(),
                pause: Duration::ZERO,
                end: End::Complete(EndReason::Stop),
            };
        }
        if random.chance(10) {
            // It thinks, and says nothing.
            return Self {
                head: pause(random),
                opens: Opens::Head,
                beats: vec![(pause(random), Beat::Reasoning)],
                pause: pause(random),
                end: End::Complete(random.one_of(&[EndReason::Stop, EndReason::Length])),
            };
        }
        let opens = match random.below(20) {
            0 | 1 => Opens::Fails(Failure {
                kind: ErrorKind::Refused,
                retry_after: None,
            }),
            2 => Opens::Hangs,
            3..=6 => Opens::Fails(failure(random)),
            _ => Opens::Head,
        };
        Self {
            head: pause(random),
            opens,
            beats: (0..random.below(8))
                .map(|_| (pause(random), Beat::random(random)))
                .collect(),
            pause: pause(random),
            end: match random.below(20) {
                0..=8 => End::Complete(random.one_of(&[
                    EndReason::Stop,
                    EndReason::Length,
                    EndReason::ToolCalls,
                    EndReason::Refused,
                    EndReason::Unknown,
                ])),
                9..=12 => End::Fails(failure(random)),
                13..=15 => End::Cut,
                16..=18 => End::Hangs,
                _ => End::Endless(random.seconds(1, 20), Beat::random(random)),
            },
        }
    }
}

impl Beat {
    fn random(random: &mut Random) -> Self {
        match random.below(16) {
            0 => Self::Space,
            1 | 2 => Self::Reasoning,
            3 => Self::Call,
            4 => Self::Malformed,
            5 => Self::Usage,
            6 => Self::ServedBy,
            7 => Self::Opaque,
            8 => Self::Alive,
            _ => Self::Text(1 + random.below(40)),
        }
    }
}

impl Look {
    fn random(random: &mut Random) -> Self {
        random.one_of(&[
            Self::Alive,
            Self::Working,
            Self::Loading,
            Self::Idle,
            Self::Hung,
            Self::Hung,
            Self::Refused,
        ])
    }
}

impl Offer {
    fn random(random: &mut Random) -> Self {
        Self {
            takes: if random.chance(3) {
                random.seconds(60, 6000)
            } else {
                random.time(10)
            },
            remedies: if random.chance(10) {
                Err(random.one_of(&[ErrorKind::Hung, ErrorKind::Refused, ErrorKind::Unreachable]))
            } else {
                Ok(Remedies {
                    step: random.chance(10),
                    chat: random.chance(10),
                    reasoning_off: random.chance(30),
                    other_key: random.chance(50),
                })
            },
        }
    }
}
