//! `include/sla.h` is what cbindgen makes of the sources. `SLA_BLESS=1 cargo test -p sla-c` writes
//! it.

use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(root);
    let bindings = cbindgen::Builder::new()
        .with_crate(root)
        .with_config(config)
        .generate()
        .expect("cbindgen reads the crate");
    let mut fresh = Vec::new();
    bindings.write(&mut fresh);
    let fresh = String::from_utf8(fresh)
        .expect("a header is text")
        .replace("// # Safety", "// The caller promises:");
    // C++98 has no comma behind the last of an enum.
    let fresh = fresh.replace(",\n}", "\n}");
    let path = root.join("include/sla.h");
    if std::env::var_os("SLA_BLESS").is_some() {
        std::fs::write(&path, &fresh).expect("a writable folder");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fresh,
        "include/sla.h is out of date: SLA_BLESS=1 cargo test -p sla-c --test header"
    );
}

/// The functions that the header declares.
fn functions(header: &str) -> Vec<&str> {
    let lines = header
        .lines()
        .filter(|line| !line.starts_with(['/', ' ', '#', '}']) && !line.starts_with("typedef"));
    let mut all: Vec<&str> = lines
        .filter_map(|line| {
            line.split_once('(')?
                .0
                .rsplit([' ', '*'])
                .next()
                .filter(|name| name.starts_with("sla_"))
        })
        .collect();
    all.sort_unstable();
    all
}

/// `cargo xtask c-api --check` measures the bounds; here each function has one.
#[test]
fn every_function_has_one_bound_of_its_stack() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/sla.h");
    let header = &std::fs::read_to_string(path).expect("a header");
    let rows = header.lines().filter_map(|line| {
        let (bytes, names) = line.strip_prefix("//   ")?.trim().split_once(' ')?;
        bytes.parse::<u32>().ok().map(|_| names.split_whitespace())
    });
    let mut bounded: Vec<&str> = rows.flatten().collect();
    bounded.sort_unstable();
    assert_eq!(bounded, functions(header));
    assert!(bounded.len() >= 30, "{bounded:?}");
}
