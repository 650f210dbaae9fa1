//! Has a release binary laid out as `layout/x86_64-linux.ld` says, where the linker can do that.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script in its environment what it builds"
)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=layout/x86_64-linux.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|there| there == value);
    let is_known = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64");
    // Whoever has chosen another linker may have one that reads no scripts.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_chosen =
        ["linker=", "fuse-ld="].iter().any(|choice| flags.contains(choice)) || env::var_os("RUSTC_LINKER").is_some();
    if is_known && is("PROFILE", "release") && !is_chosen {
        let folder = env!("CARGO_MANIFEST_DIR");
        println!("cargo:rustc-link-arg-bin=yabby=-T{folder}/layout/x86_64-linux.ld");
    }
}
