//! Commands that are waited for.

use super::*;

#[tokio::test]
async fn both_outputs_come_in_order_and_how_it_ended_is_a_fact() {
    let place = Place::new(quick());
    assert_eq!(
        [
            place
                .sh("echo one; echo two >&2; printf '\\033[31mthree\\033[0m\\n'; exit 3")
                .await,
            place.sh("true").await,
            place.sh("kill -9 $$").await,
            place.sh("cat; echo \"$0\" read nothing").await,
            place.sh("-e").await.replace(": 1:", ":").replace("line 1: ", ""),
            place.sh(" ").await,
            place.sh("a\0b").await,
        ],
        [
            "one\ntwo\nthree\n[exit status 3] | command ended with status 3",
            "(no output)\n[exit status 0] | command done",
            "(no output)\n[ended by signal 9] | command ended by signal 9",
            "/bin/sh read nothing\n[exit status 0] | command done",
            "/bin/sh: -e: not found\n[exit status 127] | command ended with status 127",
            "Invalid: the command is empty",
            "Invalid: the command could not be started: nul byte found in provided data",
        ]
    );
}

#[tokio::test]
async fn nothing_of_the_environment_is_handed_on() {
    let place = Place::new(ExecSettings {
        environment: vec![("MORE".to_owned(), "yes".to_owned())],
        ..quick()
    });
    // The shell adds some of its own.
    let names = place.sh("env | grep -Ev '^(PWD|OLDPWD|SHLVL|_)=' | sort").await;
    let path = ExecSettings::default().path;
    let home = place.work();
    assert_eq!(
        names,
        format!(
            "HOME={}\nLANG=C.UTF-8\nMORE=yes\nPATH={path}\nTERM=dumb\n[exit status 0] | command done",
            home.display()
        )
    );
}

#[tokio::test]
async fn it_runs_in_a_folder_inside_of_a_root() {
    let place = Place::new(quick());
    fs::create_dir(place.work().join("inner")).unwrap();
    fs::write(place.work().join("file"), "").unwrap();
    std::os::unix::fs::symlink("/etc", place.work().join("out")).unwrap();
    let pwd = |cwd: &'static str| place.told("exec", json!({"command": "pwd -P", "workdir": cwd}));
    let work = place.work().display().to_string();
    assert_eq!(
        [
            place.sh("pwd -P").await.replace(&work, "…"),
            pwd("inner").await.replace(&work, "…"),
            pwd("file").await,
            pwd("missing").await,
            pwd("out").await,
            pwd("..").await,
        ],
        [
            "…\n[exit status 0] | command done",
            "…/inner\n[exit status 0] | command done",
            "Invalid: file: a part of the path is a file, not a folder",
            "NotFound: there is no missing; see what there is with `list`",
            "Denied: out leads out of the folders that can be used, by a symbolic link",
            "Denied: ..: `..` cannot be used; give the path from the workspace",
        ]
    );
}

#[tokio::test]
async fn much_output_is_cut_in_the_middle_and_all_of_it_is_watched() {
    let place = Place::new(quick());
    let (watcher, watched) = watched();
    let at = At {
        room: 300,
        watcher,
        ..testing::at()
    };
    let command = json!({"command": "seq 1 20000"});
    let output = place.run_at("exec", command, at).await.unwrap();
    assert!(output.text.chars().count() <= 300, "{}", output.text.len());
    insta::assert_snapshot!(output.text);
    let all: Vec<String> = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(*watched.lock().unwrap(), all.concat());
}

#[tokio::test]
async fn one_that_takes_too_long_is_stopped_with_all_that_it_started() {
    let place = Place::new(quick());
    // The second one does not want to hear it.
    let command = "trap '' TERM; (sleep 600 & echo $!; wait) & echo $$; sleep 600; sleep 600";
    let told = place.told("exec", json!({"command": command, "timeout": 1})).await;
    let (pids, note) = told.split_once("\n[").unwrap();
    assert_eq!(
        note,
        "stopped after 1 s; give it a longer timeout, or run it in the background]"
    );
    let pids: Vec<&str> = pids.trim_start_matches("TimedOut: ").lines().collect();
    assert_eq!(pids.len(), 2);
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn what_it_leaves_running_is_stopped_when_it_ends() {
    let place = Place::new(quick());
    let told = place.sh("sleep 600 & echo $!").await;
    let (pid, note) = told.split_once('\n').unwrap();
    assert_eq!(
        note,
        "[exit status 0; what it left running was stopped, use background for that] | command done"
    );
    gone(pid).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_all_that_it_started() {
    let place = Place::new(ExecSettings {
        grace: Duration::from_mins(1),
        ..ExecSettings::default()
    });
    let (watcher, watched) = watched();
    let at = At {
        watcher,
        ..testing::at()
    };
    let command = json!({"command":
        "(trap 'touch asked; exit' TERM; echo begun; while :; do sleep 0.05; done) & echo $!; sleep 600 & echo $!; wait"});
    let call = place.run_at("exec", command, at);
    let begun = async {
        while watched.lock().unwrap().lines().count() < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = call => panic!("{ended:?}"),
        () = begun => {}
    }
    let pids = watched.lock().unwrap().clone();
    for pid in pids.lines().filter(|line| *line != "begun") {
        gone(pid).await;
    }
    // It was asked before it was killed.
    assert!(place.work().join("asked").exists());
}

#[test]
fn without_a_runtime_that_waits_it_is_killed_at_once() {
    let place = Place::new(ExecSettings::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (watcher, watched) = watched();
    let at = At {
        watcher,
        ..testing::at()
    };
    let arguments = json!({"command": "trap '' TERM; echo $$; sleep 600; sleep 600"});
    let tool = place.tool("exec");
    let mut call = tool.run(arguments.as_object().unwrap(), &at);
    runtime.block_on(async {
        while watched.lock().unwrap().is_empty() {
            tokio::select! {
                ended = &mut call => panic!("{ended:?}"),
                () = sleep(Duration::from_millis(10)) => {}
            }
        }
    });
    drop(call);
    drop(runtime);
    let pid = watched.lock().unwrap().trim().to_owned();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(gone(&pid));
}
