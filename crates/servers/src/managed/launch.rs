//! The command line and environment of each kind of server.

use std::{io, path::Path, process::Stdio};

use tokio::process::Command;

use super::{
    Llama, Program,
    site::own_program,
    spec::{CommandSpec, Spec},
    status::Status,
};

/// The command that runs a server, apart from where its output goes.
pub(super) fn command(spec: &Spec, status: &Status) -> io::Result<Command> {
    match spec {
        Spec::Llama(llama) => llama_cpp(llama, status),
        Spec::Command(command) => configured(command),
    }
}

fn llama_cpp(llama: &Llama, status: &Status) -> io::Result<Command> {
    let Llama {
        program,
        model,
        alias,
        window,
        slots,
        threads,
    } = llama;
    let port = status.port.unwrap_or_default();
    let mut command = match program {
        Program::Wheel(python) => {
            let mut command = Command::new(python);
            let spec = serde_json::json!({
                "model": model, "alias": alias, "port": port,
                "window": window, "slots": slots, "threads": threads,
            });
            command
                .args(["-I", "-c", include_str!("launcher.py")])
                .arg(spec.to_string());
            command
        }
        Program::Native(path) => {
            let mut command = bound_to_parent(path)?;
            command
                .arg("--model")
                .arg(model)
                .args(["--host", "127.0.0.1", "--jinja", "--slots", "--no-webui"])
                .args(["--alias", alias])
                .args(["--port", &port.to_string()])
                .args(["--ctx-size", &(window * slots).to_string()])
                .args(["--parallel", &slots.to_string()])
                .args(["--threads", &threads.to_string()]);
            command
        }
    };
    if let Some(key) = &status.key {
        // llama.cpp reads its key from this variable; on the command line every user could see it.
        command.env("LLAMA_API_KEY", key.expose());
    }
    // Closing it ends the wheel's launcher.
    command.stdin(Stdio::piped());
    Ok(command)
}

/// As in docs.openclaw.ai, "Local model services": the program itself, no shell, and `env` over Yabby's own.
fn configured(spec: &CommandSpec) -> io::Result<Command> {
    let mut command = bound_to_parent(&spec.command)?;
    command
        .args(&spec.args)
        .envs(spec.env.iter().map(|(name, value)| (name, value.expose())))
        .stdin(Stdio::null());
    if let Some(folder) = &spec.cwd {
        // What the system says of it would not say which of the two paths is wrong.
        if !folder.is_dir() {
            return Err(io::Error::other(format!("cwd {} is not a folder", folder.display())));
        }
        command.current_dir(folder);
    }
    Ok(command)
}

/// `yabby exec-bound PID -- PROGRAM`: the kernel ends the server when the supervisor ends, however it ends. Behind `--`
/// nothing is an option of Yabby's own.
fn bound_to_parent(program: &Path) -> io::Result<Command> {
    if cfg!(target_os = "linux") {
        let mut command = Command::new(own_program()?);
        command
            .args(["exec-bound", &std::process::id().to_string(), "--"])
            .arg(program);
        Ok(command)
    } else {
        Ok(Command::new(program))
    }
}
