//! What all tools together cost.

use std::sync::Arc;

use crate::{FileSettings, Files, FolderVersions, VersionLimits, testing};

#[test]
fn what_models_are_told_of_files_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let versions = FolderVersions::open(folder.path().join("versions"), VersionLimits::default()).unwrap();
    let settings = FileSettings {
        workspace: folder.path().join("work"),
        ..FileSettings::default()
    };
    let tools = Files::open(&settings, Arc::new(versions)).unwrap().tools();
    insta::assert_snapshot!(testing::told(&tools));
}
