//! What all tools together cost.

use std::sync::Arc;

use crate::{Exec, ExecSettings, FileSettings, Files, FolderVersions, VersionLimits, testing};

#[test]
fn what_models_are_told_of_files_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let versions = FolderVersions::open(folder.path().join("versions"), VersionLimits::default()).unwrap();
    let settings = FileSettings {
        workspace: folder.path().join("work"),
        ..FileSettings::default()
    };
    let files = Files::open(&settings, Arc::new(versions)).unwrap();
    let exec = Exec::new(files.clone(), ExecSettings::default());
    let tools = [files.tools(), exec.tools()].concat();
    insta::assert_snapshot!(testing::told(&tools));
}
