//! Ends of text, asked for as C asks.

use sla::*;
use sla_runtime::Model;
use sla_tests::untrusted::{Aligned16, small_files};

#[test]
fn every_end_of_text_is_known() {
    let mut several = 0;
    for (name, file) in small_files() {
        let file = Aligned16::of(&file);
        let bytes = file.bytes();
        let parsed = Model::parse(bytes).expect("a valid file");
        // SAFETY: the storage is an array of integers.
        let mut model: Box<sla_model> =
            unsafe { Box::new(std::mem::MaybeUninit::zeroed().assume_init()) };
        let mut out = true;
        let is_end = |model: *const sla_model, token, out: *mut bool| {
            // SAFETY: null, or storage and room for the result.
            unsafe { sla_is_end_of_text(model, token, out) }
        };
        assert_eq!(is_end(&*model, 0, &mut out), sla_status::SLA_NOT_OPEN);
        // SAFETY: an aligned file and storage that outlive the calls.
        let opened = unsafe { sla_model_open(&mut *model, bytes.as_ptr(), bytes.len()) };
        assert_eq!(opened, sla_status::SLA_OK, "{name}");
        let ends: Vec<u32> = parsed.ends_of_text().collect();
        several += usize::from(ends.len() > 1);
        for token in (0..parsed.desc().inputs).chain([u32::MAX]) {
            assert_eq!(is_end(&*model, token, &mut out), sla_status::SLA_OK);
            assert_eq!(out, ends.contains(&token), "{name}: {token}");
        }
        assert_eq!(
            is_end(&*model, 0, std::ptr::null_mut()),
            sla_status::SLA_NULL
        );
        assert_eq!(is_end(std::ptr::null(), 0, &mut out), sla_status::SLA_NULL);
    }
    assert!(several > 0, "no file with several ends of text");
}
