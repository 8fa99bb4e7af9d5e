//! The section of tokens that end a text (docs/format.md F12), at each bound and one beyond it.

mod small_models;

use sla_format::{Backbone, Ends, MAX_ENDS, ModelDesc, NONE};
use small_models::desc;

fn section(ids: impl IntoIterator<Item = u32>) -> Vec<u8> {
    ids.into_iter().flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_section_is_whole_ids_of_the_vocabulary() {
    let desc = ModelDesc {
        inputs: 100,
        ..desc(Backbone::Gla)
    };
    let is_read = |bytes: &[u8]| Ends::read(bytes, &desc).is_some();
    assert!(is_read(&[]));
    let most = section(0..MAX_ENDS as u32);
    for bytes in 1..=most.len() {
        assert_eq!(is_read(&most[..bytes]), bytes % 4 == 0, "{bytes} bytes");
    }
    assert!(!is_read(&section(0..MAX_ENDS as u32 + 1)));
    for (id, good) in [(99, true), (100, false), (u32::MAX, false)] {
        assert_eq!(is_read(&section([1, id])), good, "{id}");
        assert_eq!(is_read(&section([id, 1])), good, "{id}");
    }
}

#[test]
fn ids_are_eos_and_the_section_each_once() {
    for (eos, listed, ids) in [
        (NONE, &[][..], &[][..]),
        (3, &[], &[3]),
        (NONE, &[5, 2], &[5, 2]),
        (3, &[5, 2], &[3, 5, 2]),
        (3, &[5, 3, 2], &[3, 5, 2]),
    ] {
        let desc = ModelDesc {
            eos,
            ..desc(Backbone::Gla)
        };
        let bytes = section(listed.iter().copied());
        let ends = Ends::read(&bytes, &desc).expect("ids of the vocabulary");
        assert_eq!(ends.ids(&desc).collect::<Vec<_>>(), ids, "{eos} {listed:?}");
    }
}
