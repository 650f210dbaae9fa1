//! The lines by which a model knows of skills.

use std::fmt::Write as _;

use super::Skill;
use crate::prompt::Tokens;

/// What stands above them.
const HEAD: &str = "\
# Skills
Your owner's instructions for some tasks. If one fits, read its file first and do what it says.";

/// How long descriptions may be, in characters: the first at which all skills fit. Nothing is the last.
const LENGTHS: [usize; 6] = [1024, 320, 160, 80, 40, 0];

/// The lines, and how many skills are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The section; empty where no skill fits.
    pub(crate) text: String,
    /// Skills that are shown.
    pub(crate) shown: usize,
    /// Whether descriptions are shorter than they were written.
    pub(crate) shortened: bool,
}

/// One line for each skill, within `room` tokens and `most` characters. Where even names do not fit, the first ones are
/// shown, and that there are more.
pub(crate) fn list(skills: &[Skill], tokens: &Tokens, room: u32, most: usize) -> Listed {
    let fits = |text: &str| text.len() <= most && tokens.of_text(text) <= room;
    if skills.is_empty() {
        return Listed {
            text: String::new(),
            shown: 0,
            shortened: false,
        };
    }
    let longest = |skill: &Skill| skill.description.chars().count();
    for length in LENGTHS {
        let text = section(skills, length, 0);
        if fits(&text) {
            return Listed {
                text,
                shown: skills.len(),
                shortened: skills.iter().any(|skill| longest(skill) > length),
            };
        }
    }
    let shown = (1..skills.len())
        .rev()
        .find(|count| fits(&section(&skills[..*count], 0, skills.len() - count)));
    let shown = shown.unwrap_or(0);
    Listed {
        text: if shown == 0 {
            String::new()
        } else {
            section(&skills[..shown], 0, skills.len() - shown)
        },
        shown,
        shortened: true,
    }
}

fn section(skills: &[Skill], length: usize, more: usize) -> String {
    let mut text = HEAD.to_owned();
    for skill in skills {
        text.push_str("\n- ");
        text.push_str(&skill.name);
        let description = shortened(&skill.description, length);
        if !description.is_empty() {
            text.push_str(": ");
            text.push_str(&description);
        }
        let _ = write!(text, " ({})", skill.path.display());
    }
    if more > 0 {
        let _ = write!(text, "\n[{more} more do not fit]");
    }
    text
}

/// The beginning of a description, up to a word.
fn shortened(text: &str, length: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(length) else {
        return text.to_owned();
    };
    if length == 0 {
        return String::new();
    }
    let kept = &text[..end];
    let kept = kept
        .rfind(' ')
        .filter(|at| *at > end / 2)
        .map_or(kept, |at| &kept[..at]);
    format!("{}…", kept.trim_end_matches([' ', ',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skills(count: usize, description: &str) -> Vec<Skill> {
        (0..count)
            .map(|number| Skill {
                name: format!("skill-{number}"),
                description: description.to_owned(),
                path: format!("skills/skill-{number}/SKILL.md").into(),
            })
            .collect()
    }

    #[test]
    fn descriptions_give_way_before_skills_do() {
        let tokens = Tokens::default();
        let long = "Get the weather of a place, today and for the days to come. ".repeat(20);
        let told = |count, room| list(&skills(count, &long), &tokens, room, 18_000);
        insta::assert_snapshot!("shortened", told(2, 120).text);
        insta::assert_snapshot!("names_of_some", told(9, 120).text);
        assert_eq!(told(9, 20).text, "");
        let all = list(&skills(3, "Short."), &tokens, 200, 18_000);
        assert_eq!((all.shown, all.shortened), (3, false));
        for room in 0..400 {
            let listed = told(12, room);
            assert!(tokens.of_text(&listed.text) <= room, "{room}");
        }
    }
}
