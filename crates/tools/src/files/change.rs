//! Changing files: all that belong to one call, or none.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use yabby_core::{Label, Text, Time, text};

use super::{
    Change, Shared, State,
    disk::Spot,
    roots::{Place, invalid},
};
use crate::{At, ToolError, ToolErrorKind};

/// One change at a time, so that no call reads what another is about to write.
#[derive(Default)]
pub(super) struct OneAtATime(Mutex<()>);

/// What one file will be.
pub(super) struct Plan {
    pub(super) spot: Spot,
    path: PathBuf,
    pub(super) before: Option<State>,
    pub(super) after: Option<State>,
    /// What the new contents are made from.
    label: Label,
    /// How many lines are changed.
    pub(super) lines: usize,
}

/// On whose behalf and when.
#[derive(Clone)]
pub(super) struct Behalf {
    label: Label,
    now: Time,
}

impl Behalf {
    pub(super) fn of(at: &At) -> Self {
        Self {
            label: at.label.clone(),
            now: at.now,
        }
    }
}

impl OneAtATime {
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

impl Plan {
    /// A plan that changes nothing yet. Folders on the way are made when `make` says so; otherwise it is an error that there is
    /// no such file.
    pub(super) fn of(shared: &Shared, place: &Place<'_>, make: bool, behalf: &Behalf) -> Result<Self, ToolError> {
        let missing = || {
            ToolError::new(
                ToolErrorKind::NotFound,
                format!("there is no {}; see what there is with `list`", place.shown),
            )
        };
        let spot = Spot::of(place, make)?.ok_or_else(missing)?;
        let before = spot.now(shared.limits.file_bytes)?;
        let path = place.absolute();
        // What is left of the old contents keeps where they came from.
        let old = match &before {
            Some(_) => shared.versions.label(&path).map_err(|error| unkept(&error))?,
            None => None,
        };
        Ok(Self {
            after: before.clone(),
            label: old.map_or_else(|| behalf.label.clone(), |old| old.join(&behalf.label)),
            lines: 0,
            spot,
            path,
            before,
        })
    }

    /// The contents, which have to be there.
    pub(super) fn contents(&self) -> Result<&State, ToolError> {
        self.after.as_ref().ok_or_else(|| {
            ToolError::new(
                ToolErrorKind::NotFound,
                format!("there is no {}; see what there is with `list`", self.spot.shown),
            )
        })
    }

    /// Plans other contents.
    pub(super) fn set(&mut self, bytes: Vec<u8>, lines: usize) {
        let mode = self
            .after
            .as_ref()
            .or(self.before.as_ref())
            .map_or(0, |state| state.mode);
        self.after = Some(State { bytes, mode });
        self.lines += lines;
    }

    /// Plans all new contents, of which nothing is old.
    pub(super) fn overwrite(&mut self, bytes: Vec<u8>, behalf: &Behalf) {
        let lines = lines_between(self.after.as_ref().map_or(&[], |state| &state.bytes), &bytes);
        self.label = behalf.label.clone();
        self.set(bytes, lines);
    }

    /// Takes over what another file is, with where it came from.
    pub(super) fn take_over(&mut self, other: &mut Self) {
        self.after = other.after.take();
        self.label = self.label.join(&other.label);
        self.lines += other.lines;
    }

    fn is_change(&self) -> bool {
        self.before != self.after
    }

    /// For the person who watches.
    pub(super) fn summary(&self) -> Text {
        let file = &self.spot.shown;
        match (&self.before, &self.after) {
            (None, Some(_)) => text!("{file} written", file = file),
            (_, None) => text!("{file} deleted", file = file),
            _ if self.lines == 1 => text!("1 line changed in {file}", file = file),
            _ => text!("{count} lines changed in {file}", count = self.lines, file = file),
        }
    }
}

/// Keeps the old versions and makes the changes. When one cannot be made, those before it are taken back.
pub(super) fn carry_out(shared: &Shared, plans: &[&Plan], behalf: &Behalf) -> Result<(), ToolError> {
    let changes: Vec<&&Plan> = plans.iter().filter(|plan| plan.is_change()).collect();
    if changes.is_empty() {
        return Err(invalid("this changes nothing: the file is like that already"));
    }
    for (done, plan) in changes.iter().enumerate() {
        let change = Change {
            path: &plan.path,
            before: plan.before.as_ref(),
            after: plan.after.as_ref(),
            label: &plan.label,
            at: behalf.now,
        };
        let made = shared
            .versions
            .keep(&change)
            .map_err(|error| unkept(&error))
            .and_then(|()| {
                plan.spot.set(plan.after.as_ref()).inspect_err(|_| {
                    let _ = shared.versions.forget_last(&plan.path);
                })
            });
        if let Err(error) = made {
            for plan in changes.iter().take(done).rev() {
                plan.spot.set(plan.before.as_ref())?;
                let _ = shared.versions.forget_last(&plan.path);
            }
            return Err(error);
        }
    }
    Ok(())
}

fn unkept(error: &std::io::Error) -> ToolError {
    ToolError::new(
        ToolErrorKind::Unavailable,
        format!("nothing was changed, because the old version could not be kept: {error}"),
    )
}

/// How many lines are others: those between the first and the last that differ.
pub(super) fn lines_between(old: &[u8], new: &[u8]) -> usize {
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (
        old.split_inclusive(|byte| *byte == b'\n').collect(),
        new.split_inclusive(|byte| *byte == b'\n').collect(),
    );
    let same_begin = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (
        old.get(same_begin..).unwrap_or_default(),
        new.get(same_begin..).unwrap_or_default(),
    );
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    old.len().max(new.len()) - same_end
}
