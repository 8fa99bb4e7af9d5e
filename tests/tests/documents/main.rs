//! Every Rust and C example of the documents stands in a source file between `// [DOCUMENT]` and
//! `// [end]`, so it is compiled, and what can run on the host runs here;
//! firmware-examples/documents has the firmware. The text in the document is the same, but for its
//! indentation.

mod applications;
mod blocks;
mod links;
mod realtime;
mod snapshot;
mod tokenizer;

use blocks::{Block, blocks, documented, files, ignored, regions, root};

/// Where examples may stand. A C file's markers are the same.
const SOURCES: [&str; 4] = [
    "tests/tests/documents",
    "firmware-examples/documents/src",
    "firmware-examples/c-m4",
    "c-api",
];

#[test]
fn every_example_is_compiled() {
    let sources = SOURCES
        .iter()
        .flat_map(|folder| files(&root().join(folder), &["rs", "c", "h"]));
    let regions: Vec<Block> = sources.flat_map(|path| regions(&path)).collect();
    let mut found = 0;
    for document in files(root(), &["md"]) {
        let name = documented(&document);
        let here: Vec<&Block> = regions
            .iter()
            .filter(|region| region.documents.contains(&name))
            .collect();
        let blocks = blocks(&document);
        for block in &blocks {
            let is_compiled = here.iter().any(|region| region.text == block.text);
            assert!(
                is_compiled,
                "{}: no source has this between `// [{name}]` and `// [end]`:\n{}",
                block.place, block.text
            );
        }
        for region in here {
            let is_shown = blocks.iter().any(|block| block.text == region.text);
            assert!(
                is_shown,
                "{}: {name} does not show this:\n{}",
                region.place, region.text
            );
        }
        found += blocks.len();
    }
    let names: Vec<String> = files(root(), &["md"])
        .iter()
        .map(|path| documented(path))
        .collect();
    for region in &regions {
        assert!(
            region.documents.iter().all(|name| names.contains(name)),
            "{}: no such document",
            region.place
        );
    }
    assert!(found >= 9, "{found} examples");
}

/// Examples in the crates' own documentation are compiled and run by rustdoc, unless they say that
/// they are not.
#[test]
fn no_example_of_a_crate_is_left_out() {
    let sources = files(root(), &["rs"]);
    assert!(sources.len() > 300);
    let left_out: Vec<String> = sources.iter().flat_map(|path| ignored(path)).collect();
    assert!(left_out.is_empty(), "not compiled: {}", left_out.join(", "));
}
