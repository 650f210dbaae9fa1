//! `apply_patch`: several files at once, in the format that models know from Codex.

mod apply;
mod parse;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};
use yabby_core::text;

use self::parse::{Operation, Step, parse};
use super::{
    Shared,
    call::blocking,
    change::{Behalf, Plan, carry_out},
    manifests,
    read::is_binary,
    roots::{Place, invalid},
};
use crate::{At, Effect, Manifest, Output, Returns, Tool, ToolError, arguments::arguments};

pub(super) struct ApplyPatch {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "patch")]
    input: String,
}

impl ApplyPatch {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::apply_patch();
        Self { manifest, files }
    }
}

impl Tool for ApplyPatch {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn effect(&self, arguments: &Map<String, Value>) -> Effect {
        let input = arguments.get("input").or_else(|| arguments.get("patch"));
        // One that cannot be read changes nothing.
        let steps = input
            .and_then(Value::as_str)
            .and_then(|input| parse(input).ok())
            .unwrap_or_default();
        self.files.effect_of(steps.iter().flat_map(Step::paths))
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[("patch", "input")]
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let (files, behalf, call) = (Arc::clone(&self.files), Behalf::of(at), at.label.clone());
        async move {
            let args: Arguments = arguments(args)?;
            let output = blocking(move |_| files.changing.run(|| run(&files, &args.input, &behalf))).await?;
            // An answer that it worked only names what the call named; errors show lines of files.
            Ok(Output {
                label: Some(Returns::Own.label("apply_patch", &call)),
                ..output
            })
        }
        .boxed()
    }
}

/// The files of a patch, by their names on this machine.
#[derive(Default)]
struct Plans(BTreeMap<PathBuf, Plan>);

impl Plans {
    fn get(&mut self, files: &Shared, place: &Place<'_>, make: bool, behalf: &Behalf) -> Result<&mut Plan, ToolError> {
        use std::collections::btree_map::Entry;

        Ok(match self.0.entry(place.absolute()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Plan::of(files, place, make, behalf)?),
        })
    }
}

fn run(files: &Shared, input: &str, behalf: &Behalf) -> Result<Output, ToolError> {
    let steps = parse(input).map_err(|wrong| {
        invalid(format!(
            "the patch cannot be read, line {}: {}. Nothing was changed",
            wrong.line, wrong.what
        ))
    })?;
    let mut plans = Plans::default();
    let mut said = Vec::new();
    for step in &steps {
        plan(files, &mut plans, step, behalf)
            .map_err(|error| ToolError::new(error.kind, format!("{}. Nothing was changed", error.message)))?;
        said.push(step.said());
    }
    // Moved files are written before they are taken away.
    let mut all: Vec<&Plan> = plans.0.values().collect();
    all.sort_by_key(|plan| plan.after.is_none());
    carry_out(files, &all, behalf)?;
    let output = Output::text(said.join("\n"));
    Ok(match all.as_slice() {
        [one] => output.with_summary(one.summary()),
        many => output.with_summary(text!("{count} files changed", count = many.len())),
    })
}

fn plan(files: &Shared, plans: &mut Plans, step: &Step, behalf: &Behalf) -> Result<(), ToolError> {
    let place = files.roots.place(&step.path)?;
    match &step.operation {
        Operation::Add(content) => {
            let plan = plans.get(files, &place, true, behalf)?;
            if plan.after.is_some() {
                return Err(invalid(format!(
                    "{} is there already; use *** Update File",
                    place.shown
                )));
            }
            plan.overwrite(content.clone().into_bytes(), behalf);
        }
        Operation::Delete => {
            let plan = plans.get(files, &place, false, behalf)?;
            plan.contents()?;
            plan.after = None;
        }
        Operation::Update { to, hunks } => {
            let plan = plans.get(files, &place, false, behalf)?;
            let old = &plan.contents()?.bytes;
            if is_binary(old) {
                return Err(invalid(format!("{} is a binary file", place.shown)));
            }
            let (new, lines) = apply::apply(old, hunks).map_err(|miss| invalid(miss.told(&place.shown)))?;
            plan.set(new, lines);
            if let Some(to) = to {
                rename(files, plans, &place, to, behalf)?;
            }
        }
    }
    Ok(())
}

fn rename(files: &Shared, plans: &mut Plans, from: &Place<'_>, to: &str, behalf: &Behalf) -> Result<(), ToolError> {
    let to = files.roots.place(to)?;
    if to.absolute() == from.absolute() {
        return Ok(());
    }
    if plans.get(files, &to, true, behalf)?.after.is_some() {
        return Err(invalid(format!("{} is there already; delete it first", to.shown)));
    }
    // Out of the map for a moment, because two of its values cannot be borrowed at once.
    if let Some(mut old) = plans.0.remove(&from.absolute()) {
        plans.get(files, &to, true, behalf)?.take_over(&mut old);
        plans.0.insert(from.absolute(), old);
    }
    Ok(())
}
