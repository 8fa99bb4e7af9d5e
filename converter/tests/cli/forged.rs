//! Files with the right checksum around numbers that somebody chose: refused in one line, in every
//! profile.

use super::{Case, bytes_config};
use sla_format::{HEADER_BYTES, Section, SectionKind, seal};
use sla_reference::Backbone;

/// Offset of a section.
fn section(file: &[u8], kind: SectionKind) -> usize {
    let index = (0..8)
        .find(|&i| Section::read(file, i).is_some_and(|s| s.kind == kind as u32))
        .expect("the section");
    Section::read(file, index).expect("an entry").offset as usize
}

#[test]
fn forged_files_are_refused_in_one_line() {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    let file = std::fs::read(case.file("m.sla")).unwrap();
    let (model, tensors) = (
        section(&file, SectionKind::Model),
        section(&file, SectionKind::Tensors),
    );
    let description = "the model description contradicts itself";
    // Where the section begins, words of it with their new values, and what the refusal says.
    type Forgery = (usize, &'static [(usize, u32)], &'static str);
    let words: [Forgery; 6] = [
        (model, &[(6, u32::MAX)], description),
        // The largest layer that the other limits allow, and so many of them that no integer holds
        // their state.
        (
            model,
            &[
                (6, u32::MAX),
                (10, 1),
                (11, 1),
                (12, 1),
                (13, 1 << 16),
                (14, 1 << 16),
                (17, u32::MAX),
            ],
            description,
        ),
        (model, &[(17, u32::MAX)], description),
        (tensors, &[(2, u32::MAX)], "the entry of tensor attn.q_proj"),
        (
            tensors,
            &[(4, u32::MAX - 15)],
            "the entry of tensor attn.q_proj",
        ),
        (
            HEADER_BYTES,
            &[(1, u32::MAX - 15)],
            "entry 0 of the section table",
        ),
    ];
    for (at, changes, text) in words {
        let mut forged = file.clone();
        for (word, value) in changes {
            forged[at + 4 * word..at + 4 * word + 4].copy_from_slice(&value.to_le_bytes());
        }
        seal(&mut forged);
        case.write("forged.sla", &forged);
        for command in [
            "inspect forged.sla",
            "inspect forged.sla --json",
            "run forged.sla",
            "plan forged.sla",
        ] {
            let error = case.sla(command).error(1);
            assert!(error.contains(text), "{command}: {error}");
        }
    }
    // A region of flash, read back whole.
    case.write("region.sla", [&file[..], &[0xff; 1_024]].concat());
    let error = case.sla("inspect region.sla").error(1);
    let (have, need) = (file.len() + 1_024, file.len());
    assert!(
        error.contains(&format!(
            "{have} bytes, and the model is the first {need} of them"
        )),
        "{error}"
    );
    case.write("cut.sla", &file[..file.len() - 1]);
    assert!(case.sla("inspect cut.sla").error(1).contains("cut off"));
}
