//! What stands before a conversation, made to fit a smaller window for one answer.

use yabby_core::ModelRequest;

/// Between the parts of a system prompt.
const GAP: &str = "\n\n";
/// So many parts at the beginning stay: they say who the assistant is and what must not be done.
const STAY: usize = 4;
/// Stands behind a prompt that was cut.
const CUT: &str = "[More instructions and files are left out here: the window of this model is small.]";

/// The request with a prompt that takes no more than half of what fits, as far as it can be cut: the last parts of the
/// instructions go first, then the last tools, which are the least needed ones. Otherwise as it is.
///
/// It depends on the prompt and the window alone, so that the requests of a conversation begin the same.
pub(super) fn narrowed(request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> ModelRequest {
    let leaves_room = |request: &ModelRequest| fits(&twice(request));
    if leaves_room(request) {
        return request.clone();
    }
    let system = request.system.as_deref().unwrap_or_default();
    let ends: Vec<usize> = system.match_indices(GAP).map(|(at, _)| at).collect();
    let cut_at = |end: usize| ModelRequest {
        system: system.get(..end).map(|kept| format!("{kept}{GAP}{CUT}")),
        ..request.clone()
    };
    // Only what is longer than the note makes it shorter.
    let places: Vec<usize> = ends
        .into_iter()
        .skip(STAY - 1)
        .filter(|end| system.len() - end > GAP.len() + CUT.len())
        .collect();
    let fitting = places.partition_point(|end| leaves_room(&cut_at(*end)));
    let place = places.get(fitting.saturating_sub(1));
    let cut = place.map_or_else(|| request.clone(), |end| cut_at(*end));
    if leaves_room(&cut) {
        return cut;
    }
    let with_tools = |count: usize| ModelRequest {
        tools: cut.tools.iter().take(count).cloned().collect(),
        ..cut.clone()
    };
    // Some servers refuse the calls of a conversation without any tool.
    let counts: Vec<usize> = (1..=cut.tools.len()).collect();
    let fitting = counts.partition_point(|count| leaves_room(&with_tools(*count)));
    counts
        .get(fitting.saturating_sub(1))
        .map_or_else(|| cut.clone(), |count| with_tools(*count))
}

/// What stands before the conversation two times, and nothing else.
fn twice(request: &ModelRequest) -> ModelRequest {
    let system = request.system.as_deref().map(|system| [system, system].concat());
    ModelRequest {
        system,
        tools: [request.tools.as_slice(), &request.tools].concat(),
        messages: Vec::new(),
        ..request.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use yabby_core::{Message, Tool};

    use super::*;

    fn request(parts: usize, tools: usize) -> ModelRequest {
        let part = |number: usize| format!("part {number} {}", "x".repeat(100));
        let tool = |number: usize| Tool {
            name: format!("tool{number}"),
            description: "y".repeat(50),
            parameters: json!({"type": "object"}),
        };
        ModelRequest {
            system: (parts > 0).then(|| (0..parts).map(part).collect::<Vec<_>>().join(GAP)),
            tools: (0..tools).map(tool).collect(),
            messages: vec![Message::user("hello")],
            ..ModelRequest::default()
        }
    }

    fn length(request: &ModelRequest) -> usize {
        let tools: usize = request.tools.iter().map(|tool| tool.description.len() + 10).sum();
        request.system.as_deref().map_or(0, str::len) + tools + request.messages.len() * 10
    }

    #[test]
    fn instructions_go_before_tools_and_some_of_both_stay() {
        let whole = request(10, 5);
        let shown = |most: usize| {
            let narrow = narrowed(&whole, &|request| length(request) <= most);
            let system = narrow.system.unwrap();
            let parts = system.matches("part ").count();
            (parts, system.ends_with(CUT), narrow.tools.len())
        };
        assert_eq!(shown(3_000), (10, false, 5));
        assert_eq!(shown(2_600), (8, true, 5));
        assert_eq!(shown(1_700), (4, true, 5));
        assert_eq!(shown(1_400), (4, true, 3));
        assert_eq!(shown(10), (4, true, 1));
    }

    proptest! {
        #[test]
        fn it_leaves_half_or_has_done_all_it_can(parts in 0_usize..12, tools in 0_usize..6, most in 0_usize..5_000) {
            let whole = request(parts, tools);
            let fits = |request: &ModelRequest| length(request) <= most;
            let narrow = narrowed(&whole, &fits);
            prop_assert_eq!(&narrow.messages, &whole.messages);
            prop_assert!(length(&narrow) <= length(&whole));
            prop_assert!(whole.tools.starts_with(&narrow.tools));
            let least = narrow.tools.len() <= 1;
            prop_assert!(fits(&twice(&narrow)) || least);
            prop_assert_eq!(narrowed(&narrow, &fits).tools.len(), narrow.tools.len());
        }
    }
}
