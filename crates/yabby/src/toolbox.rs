//! Which tools there are in this run.

use yabby_tools::Registry;

use crate::app::App;

/// All tools that an agent may have; its profile chooses among them.
pub(crate) fn tools_of(_app: &App, _agent: Option<&str>) -> Registry {
    Registry::default()
}
