//! `include/sla.h` is what cbindgen makes of the sources. `SLA_BLESS=1 cargo test -p sla-c` writes it.

use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(root);
    let bindings =
        cbindgen::Builder::new().with_crate(root).with_config(config).generate().expect("cbindgen reads the crate");
    let mut fresh = Vec::new();
    bindings.write(&mut fresh);
    let fresh = String::from_utf8(fresh).expect("a header is text").replace("// # Safety", "// The caller promises:");
    let path = root.join("include/sla.h");
    if std::env::var_os("SLA_BLESS").is_some() {
        std::fs::write(&path, &fresh).expect("a writable folder");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == fresh, "include/sla.h is out of date: SLA_BLESS=1 cargo test -p sla-c --test header");
}
