//! A new user: the server is found, its model is proved, and the config is written.

use crate::{
    llama::{Llama, SMOLLM2},
    place::{err, home, json, out, run, yabby},
};

#[test]
fn a_server_is_found_proved_and_written_down() {
    let llama = Llama::start();
    let home = home("");
    let file = home.path().join("yabby.json5");
    std::fs::remove_file(&file).unwrap();
    let place = format!("llamacpp:{}", llama.port());
    let ran = run(yabby(home.path(), &["setup", "--yes"]).env("YABBY_DISCOVER", place));
    let told = out(&ran);
    println!("{told}{}", err(&ran));
    assert_eq!(ran.status.code(), Some(0), "{told}");
    for part in [
        "llamacpp/smollm2  ready",
        "constrained",
        "window of 2048 tokens",
        "tokens/s",
        "yabby.json5 is written",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("primary: \"llamacpp/smollm2\""), "{written}");

    // From now on the config is enough.
    let ran = run(&mut yabby(
        home.path(),
        &["ask", "--json", "--max-tokens", "8", "Hello?"],
    ));
    assert_eq!(
        json(&ran)["model"],
        format!("llamacpp/{}", SMOLLM2.alias),
        "{}",
        err(&ran)
    );
    let ran = run(&mut yabby(home.path(), &["doctor", "--deep"]));
    assert_eq!(ran.status.code(), Some(0), "{}", out(&ran));
    assert!(out(&ran).contains("llamacpp/smollm2 answers"), "{}", out(&ran));
    let ran = run(&mut yabby(home.path(), &["setup"]));
    assert!(out(&ran).contains("nothing is written"), "{}", out(&ran));
}
