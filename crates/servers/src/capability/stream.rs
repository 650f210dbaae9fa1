//! Does an answer come in pieces, and are its tokens counted at the end?

use yabby_core::{Text, text};

use super::{
    asking::{Asking, Said, question, refused},
    finding::Judged,
    speed,
};
use crate::{Reach, ServerKind};

/// With how fast it writes.
pub(super) async fn try_out(asking: &Asking<'_>) -> (Judged, Option<f64>) {
    match asking
        .ask(question("Count from 1 to 20, separated by commas.", 48))
        .await
    {
        Ok(said) => (judge(&said, asking.kind, asking.endpoint.reach), speed::decode(&said)),
        Err(error) => (refused(&error), None),
    }
}

fn judge(said: &Said, kind: Option<ServerKind>, reach: Reach) -> Judged {
    match (said.pieces, said.usage.output_tokens) {
        (0, _) => Judged::fails(
            text!("the stream was empty"),
            Some(text!(
                "ask again; if nothing comes then either, look into the server's log"
            )),
        ),
        (1, _) => Judged::partly(
            text!("the whole answer came in one piece"),
            Some(text!(
                "look for a proxy in front of the server that collects answers, and switch its buffering off"
            )),
        ),
        (_, None) => Judged::partly(text!("no token counts came at the end"), Some(uncounted(kind, reach))),
        (pieces, Some(_)) => Judged::works(Some(text!("{count} pieces, then token counts", count = pieces))),
    }
}

fn uncounted(kind: Option<ServerKind>, reach: Reach) -> Text {
    match (kind, reach) {
        // `stream_options` from 0.3.18 on (`wire-facts.md` §7.3).
        (Some(ServerKind::LmStudio), _) => text!("update LM Studio: older ones count no tokens on streams"),
        // They are asked for only where it is known that nobody refuses the field.
        (_, Reach::Hosted) => {
            text!("set compat.supportsUsageInStreaming to true for this model, if its service takes stream_options")
        }
        _ => text!("update the server: it was asked for token counts with stream_options.include_usage"),
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Usage;

    use super::*;
    use crate::capability::Outcome;

    #[test]
    fn pieces_and_counts() {
        let said = |pieces, output_tokens| Said {
            pieces,
            usage: Usage {
                output_tokens,
                ..Usage::default()
            },
            ..Said::default()
        };
        for (said, expected) in [
            (said(0, None), Outcome::Fails),
            (said(0, Some(0)), Outcome::Fails),
            (said(1, Some(48)), Outcome::Partly),
            (said(2, None), Outcome::Partly),
            (said(2, Some(9)), Outcome::Works),
        ] {
            for (kind, reach) in [
                (Some(ServerKind::LmStudio), Reach::Loopback),
                (None, Reach::Lan),
                (None, Reach::Hosted),
            ] {
                let judged = judge(&said, kind, reach);
                assert_eq!(
                    (judged.verdict.outcome(), judged.fix.is_some()),
                    (expected, expected != Outcome::Works),
                    "{said:?}"
                );
            }
        }
    }
}
