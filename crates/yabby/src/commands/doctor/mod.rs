//! `yabby doctor`: what is wrong, and the exact fix.

mod checks;
mod deep;
mod endpoint;
mod keys;
mod machine;
mod zones;

use yabby_core::{Text, text};

use crate::{
    app::App,
    arguments::Doctor,
    exit::Exit,
    models::{Look, here},
    terminal::Mark,
};

/// One thing that was looked at.
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    pub(crate) message: Text,
    /// What to do, for notes and faults.
    pub(crate) fix: Option<Text>,
}

impl Finding {
    fn good(message: Text) -> Self {
        Self {
            mark: Mark::Good,
            message,
            fix: None,
        }
    }

    fn note(message: Text, fix: Text) -> Self {
        Self {
            mark: Mark::Note,
            message,
            fix: Some(fix),
        }
    }

    fn bad(message: Text, fix: Option<Text>) -> Self {
        Self {
            mark: Mark::Bad,
            message,
            fix,
        }
    }
}

pub(crate) async fn run(app: &App, arguments: &Doctor) -> Exit {
    let mut report = Report { app, bad: 0 };
    report.title(&text!("Config"));
    report.all(checks::config(app));
    let rendered = app.loaded.render_diagnostics(app.terminal.lang, false);
    if !rendered.is_empty() {
        app.terminal.out(rendered.trim_end());
    }

    let here = match here(app, None, Look::Everywhere).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    report.title(&text!("Model servers"));
    report.all(endpoint::all(app, &here.fleet).await);
    report.all(zones::endpoints(app, &here.fleet).await);
    app.keep(&here.fleet);
    report.title(&text!("This machine"));
    report.all(machine::look(app, &here.fleet).await);
    report.title(&text!("Embedded model"));
    report.all(checks::embedded(app, here.embedded).await);
    report.title(&text!("Models in use"));
    let (plan, findings) = checks::chain(app, &here);
    report.all(findings);
    report.all(zones::agents(app, &here));
    if arguments.deep {
        report.title(&text!("One short answer from each"));
        for candidate in deep::candidates(app, &here.fleet, plan).await {
            report.one(&deep::ask(app, candidate).await);
        }
    }
    app.terminal.out("");
    if report.bad == 0 {
        app.terminal.out(&app.terminal.say(&text!("Nothing to mend.")));
        Exit::Answered
    } else {
        app.terminal
            .out(&app.terminal.say(&text!("To mend: {count}", count = report.bad)));
        Exit::Findings
    }
}

struct Report<'a> {
    app: &'a App,
    bad: usize,
}

impl Report<'_> {
    fn title(&self, title: &Text) {
        let terminal = self.app.terminal;
        terminal.out(&terminal.bold(&terminal.say(title)));
    }

    fn all(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            self.one(&finding);
        }
    }

    fn one(&mut self, finding: &Finding) {
        let terminal = self.app.terminal;
        terminal.out(&format!(
            "  {} {}",
            terminal.mark(finding.mark),
            terminal.say(&finding.message)
        ));
        if let Some(fix) = &finding.fix {
            terminal.out(&format!("    → {}", terminal.say(fix)));
        }
        if finding.mark == Mark::Bad {
            self.bad += 1;
        }
    }
}
