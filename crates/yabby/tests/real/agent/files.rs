//! Files of the workspace.

use super::{assert_reuse, desk, lines};

/// A file is read, another time it is changed.
#[test]
fn files_are_read_and_changed() {
    let desk = desk();
    desk.write("notes.txt", "The code word is marmalade.\n");
    let said = desk.say("read", &lines(&["Read the file notes.txt and tell me the code word."]));
    assert!(said.told.contains("read"), "no tool was called: {}", said.told);
    assert!(said.answers.concat().contains("marmalade"), "{:?}", said.answers);

    desk.say("change", &lines(&["In notes.txt replace marmalade with honey."]));
    assert_eq!(desk.read("notes.txt"), "The code word is honey.\n");

    for session in ["read", "change"] {
        let requests = desk.kept(session).asked();
        assert!(requests.len() >= 2, "{requests:?}");
        assert_reuse(&requests);
    }
}

/// What one tool gives goes into the next one.
#[test]
fn a_task_of_two_steps_is_done() {
    let desk = desk();
    desk.write("order.txt", "The code word is plum.\n");
    let task = "Read the file order.txt and write its code word into the new file copy.txt.";
    let said = desk.say("steps", &lines(&[task]));
    assert!(desk.file("copy.txt").exists(), "{}", said.told);
    assert!(desk.read("copy.txt").contains("plum"), "{}", desk.read("copy.txt"));
    let kept = desk.kept("steps");
    assert_eq!(kept.results().first(), Some(&"The code word is plum.\n"));
    assert_reuse(&kept.asked());
}

/// A tool that fails ends nothing: the model is told why, and what it says to that reaches the person.
#[test]
fn a_tool_that_fails_is_told_to_the_model_which_goes_on() {
    let desk = desk();
    let said = desk.say("error", &lines(&["Read the file plan.txt and tell me what it says."]));
    let kept = desk.kept("error");
    let results = kept.results();
    assert!(
        results
            .first()
            .is_some_and(|result| result.starts_with("[error: ") && result.contains("plan.txt")),
        "{results:?}"
    );
    println!("after {} results: {:?}", results.len(), said.answers);
    assert_eq!((said.code, said.answers.is_empty()), (Some(0), false), "{}", said.told);
    assert!(kept.asked().len() > results.len(), "{:?}", kept.asked());
    assert_reuse(&kept.asked());
}
