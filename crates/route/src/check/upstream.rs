//! A candidate without a socket, as the engine sees it.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::{
    FutureExt,
    future::{BoxFuture, pending, ready},
    stream::{BoxStream, StreamExt},
};
use serde_json::Value;
use tokio::time::sleep;
use yabby_core::{
    Caller, ErrorKind, MalformedCall, ModelError, ModelEvent, ModelRef, ModelRequest, Opaque, OpaqueSource, Phase,
    Progress, Text, ToolCall, Usage, Zone, Zones,
};
use yabby_servers::{Admission, Doing};

use super::{
    script::{Ask, Beat, End, Failure, Look, Opens, Ready, Slots},
    story::Voice,
    world::{How, Open, Scripted, What},
};
use crate::{
    Deadlines,
    upstream::{Answering, Heard, Preparing, Remedies, Remedy, Room, Times, Upstream},
};

/// What a model thinks; nobody may see it.
pub(super) const THOUGHT: &str = "†thought†";
/// The tokens of one message.
const MESSAGE: u32 = 100;

/// Time passes, if any does.
async fn pass(time: Duration) {
    if time > Duration::ZERO {
        sleep(time).await;
    }
}

impl Upstream for Scripted {
    fn model(&self) -> &ModelRef {
        &self.model
    }

    fn address(&self) -> String {
        format!("http://{}", self.place)
    }

    fn again(&self) -> Box<dyn Upstream> {
        Box::new(Self::new(&self.world, self.place))
    }

    fn zone(&self) -> Zone {
        self.world.zone(self.place)
    }

    fn is_excepted(&self) -> bool {
        self.script().excepted
    }

    fn settle_zone<'a>(&'a self, _: &'a Zones) -> BoxFuture<'a, Result<Zone, ModelError>> {
        async {
            self.world.note(What::Settling(self.place));
            match &self.script().settled {
                Some((takes, Err(kind))) => {
                    pass(*takes).await;
                    return Err(self.plain(*kind));
                }
                Some((takes, Ok(_))) => pass(*takes).await,
                None => {}
            }
            self.world.is_settled(self.place);
            Ok(self.zone())
        }
        .boxed()
    }

    fn deadlines(&self, _: &ModelRequest) -> Deadlines {
        self.script().deadlines
    }

    fn is_managed(&self) -> bool {
        self.script().managed
    }

    fn may_ask(&mut self) -> BoxFuture<'_, Result<(), ModelError>> {
        async {
            self.world.contact(self.place, How::MayAsk);
            let (takes, may) = self.script().breaker;
            pass(takes).await;
            if may {
                Ok(())
            } else {
                Err(self.plain(ErrorKind::Resting))
            }
        }
        .boxed()
    }

    fn enter(&self) -> BoxStream<'static, Admission> {
        self.world.contact(self.place, How::Enter);
        if let Slots::Broken = self.script().slots {
            return futures_util::stream::empty().boxed();
        }
        let queue = self.world.place(self.place, |now| now.queue.clone());
        let mut waiting = queue.enter(Caller {
            priority: self.world.script.priority,
            session: "s".to_owned(),
        });
        let places = stream! {
            loop {
                let place = waiting.next().await;
                let granted = matches!(place, Admission::Granted(_));
                yield place;
                if granted {
                    return;
                }
            }
        };
        places.boxed()
    }

    fn fitted(&self, request: &ModelRequest) -> ModelRequest {
        request.clone()
    }

    fn room(&self, _: &ModelRequest) -> Option<Room> {
        let overrun = self.world.place(self.place, |now| now.overrun);
        let smaller = self.script().smaller.filter(|_| overrun);
        let messages = smaller.or(self.script().room)?;
        Some(Room {
            window: messages * MESSAGE + MESSAGE,
            input: messages * MESSAGE,
        })
    }

    fn tokens(&self, request: &ModelRequest) -> u32 {
        MESSAGE * u32::try_from(request.messages.len()).unwrap()
    }

    fn go_on(&self, request: &mut ModelRequest, said: &str) -> bool {
        self.go_on_with(request, said)
    }

    fn prepare<'a>(&'a mut self, _: &'a mut ModelRequest) -> BoxStream<'a, Preparing> {
        let number = self.world.place(self.place, |now| {
            now.prepares += 1;
            now.prepares - 1
        });
        let prepare = &self.script().prepare;
        let prepare = prepare.get(number).or(prepare.last()).cloned();
        let steps = stream! {
            self.world.contact(self.place, How::Prepare);
            let Some(prepare) = prepare else {
                self.world.is_prepared(self.place);
                return;
            };
            for (takes, step) in prepare.steps {
                pass(takes).await;
                yield match step {
                    Ready::Loading => Preparing::Progress(Progress::Loading { usual: None }),
                    Ready::Untimed => Preparing::Untimed,
                };
            }
            pass(prepare.takes).await;
            self.world.is_prepared(self.place);
            if let Some(kind) = prepare.fails {
                yield Preparing::Failed(self.plain(kind));
            }
        };
        steps.boxed()
    }

    fn beside(&mut self) -> Option<BoxFuture<'static, ()>> {
        let takes = self.script().beside?;
        let open = self.open(How::Beside);
        let work = async move {
            pass(takes).await;
            drop(open);
        };
        Some(work.boxed())
    }

    fn expected(&self, _: &ModelRequest) -> Option<Duration> {
        self.script().expected
    }

    fn reserve<'a>(&'a mut self, _: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>> {
        let left = self.world.place(self.place, |now| {
            now.reservations += 1;
            self.world.script.places[self.place].budget >= now.reservations
        });
        let reserved = if left {
            self.world.note(What::Reserved(self.place));
            Ok(())
        } else {
            Err(self.plain(ErrorKind::OverBudget))
        };
        ready(reserved).boxed()
    }

    fn begun(&mut self) {}

    fn settle(&mut self, _: &Usage) -> Option<f64> {
        self.world.note(What::Settled(self.place));
        None
    }

    fn ask(&self, request: &ModelRequest) -> BoxFuture<'static, Result<Answering, ModelError>> {
        let Some(number) = self.count() else {
            return pending().boxed();
        };
        let asks = &self.script().asks;
        let Some(ask) = asks.get(number).or(asks.last()).cloned() else {
            return pending().boxed();
        };
        let open = self.open(How::Ask(number));
        let failure = match ask.opens {
            Opens::Fails(failure) => Some(self.error(failure, Phase::Head)),
            Opens::Head | Opens::Hangs => None,
        };
        let voice = self.world.voice(self.place, request);
        let answering = Answer {
            ends: match ask.end {
                End::Fails(failure) => Some(self.error(failure, Phase::Streaming)),
                _ => None,
            },
            name: format!("p{}a{number}", self.place),
            _open: open,
            voice,
        };
        async move {
            pass(ask.head).await;
            if ask.opens == Opens::Hangs {
                pending::<()>().await;
            }
            match failure {
                Some(failure) => Err(failure),
                None => Ok(answering.events(ask)),
            }
        }
        .boxed()
    }

    fn look(&self, limit: Duration) -> BoxFuture<'static, Result<Doing, ModelError>> {
        let open = self.open(How::Look);
        let takes = self.script().look_takes;
        let seen = if takes >= limit { Look::Hung } else { self.seen() };
        let takes = if seen == Look::Hung { limit } else { takes };
        let result = match seen {
            Look::Alive => Ok(Doing::Alive),
            Look::Working => Ok(Doing::Working),
            Look::Loading => Ok(Doing::Loading),
            Look::Idle => Ok(Doing::Idle),
            Look::Hung => Err(self.plain(ErrorKind::Hung)),
            Look::Refused => Err(self.plain(ErrorKind::Refused)),
        };
        async move {
            pass(takes).await;
            drop(open);
            result
        }
        .boxed()
    }

    fn usual_load(&self) -> Option<Duration> {
        self.script().usual_load
    }

    fn heard(&mut self, _: &ModelEvent) -> Vec<Text> {
        Vec::new()
    }

    fn remedy<'a>(&'a mut self, _: &'a ModelRequest, _: &'a ModelError) -> BoxFuture<'a, Result<Remedies, ModelError>> {
        async {
            self.world.contact(self.place, How::Remedy);
            let number = self.world.place(self.place, |now| {
                now.offers += 1;
                now.offers - 1
            });
            let offers = &self.script().offers;
            let last = offers.last().filter(|_| self.script().offers_for_ever);
            let Some(offer) = offers.get(number).or(last) else {
                return Ok(Remedies::default());
            };
            pass(offer.takes).await;
            offer.remedies.map_err(|kind| self.plain(kind))
        }
        .boxed()
    }

    fn take(&mut self, _: Remedy, _: &ModelError) -> Vec<Text> {
        Vec::new()
    }

    fn succeeded(&mut self, _: &ModelRequest, _: &Usage) -> Vec<Text> {
        self.world.note(What::Succeeded(self.place));
        Vec::new()
    }

    fn failed(&mut self, error: &ModelError) {
        if error.kind == ErrorKind::ContextOverflow {
            self.world.place(self.place, |now| now.overrun = true);
        }
        self.world.note(What::Failed(self.place, error.kind));
    }

    fn timed(&self, _: &Times) {}

    fn opaque(&self, data: Value) -> Opaque {
        Opaque {
            from: OpaqueSource {
                endpoint: self.address(),
                model: "m".to_owned(),
            },
            data,
        }
    }
}

/// An answer that is given.
struct Answer {
    /// The error at its end.
    ends: Option<ModelError>,
    /// What its calls are named after.
    name: String,
    /// Kept until the answer is over or given up.
    _open: Open,
    voice: Voice,
}

impl Answer {
    fn events(mut self, ask: Ask) -> Answering {
        let events = stream! {
            let mut calls = 0;
            let heard = |event| Ok(Heard { event, bytes: 1 });
            for (pause, beat) in ask.beats {
                pass(pause).await;
                yield heard(self.event(beat, &mut calls));
            }
            pass(ask.pause).await;
            match ask.end {
                End::Complete(reason) => {
                    let rest = self.voice.rest();
                    if !rest.is_empty() {
                        yield heard(ModelEvent::Text(rest));
                    }
                    yield heard(ModelEvent::End(reason));
                }
                End::Fails(Failure { .. }) => {
                    if let Some(error) = self.ends.take() {
                            yield Err(error);
                    }
                }
                End::Cut => {}
                End::Hangs => pending::<()>().await,
                End::Endless(pause, beat) => loop {
                    pass(pause).await;
                    yield heard(self.event(beat, &mut calls));
                },
            }
        };
        events.boxed()
    }

    fn event(&mut self, beat: Beat, calls: &mut usize) -> ModelEvent {
        let mut id = || {
            *calls += 1;
            format!("{}c{calls}", self.name)
        };
        match beat {
            Beat::Text(chars) => ModelEvent::Text(self.voice.take(chars)),
            // Who repeats does it to the letter.
            Beat::Space if self.voice.is_repeating() => ModelEvent::Text(self.voice.take(1)),
            Beat::Space => ModelEvent::Text(" ".to_owned()),
            Beat::Reasoning => ModelEvent::Reasoning(THOUGHT.to_owned()),
            Beat::Call => ModelEvent::ToolCall(ToolCall {
                id: id(),
                name: "tool".to_owned(),
                arguments: serde_json::Map::new(),
            }),
            Beat::Malformed => ModelEvent::MalformedCall(MalformedCall {
                id: id(),
                name: "tool".to_owned(),
                arguments: String::new(),
                problem: "none".to_owned(),
            }),
            Beat::Usage => ModelEvent::Usage(Usage {
                output_tokens: Some(1),
                ..Usage::default()
            }),
            Beat::ServedBy => ModelEvent::ServedBy("another".to_owned()),
            Beat::Opaque => ModelEvent::Opaque(Value::Null),
            Beat::Alive => ModelEvent::Progress(Progress::Alive),
        }
    }
}

/// All candidates of a world.
pub(super) fn all(world: &Arc<super::world::World>) -> Vec<Box<dyn Upstream>> {
    let places = 0..world.script.places.len();
    places
        .map(|place| Box::new(Scripted::new(world, place)) as Box<dyn Upstream>)
        .collect()
}
