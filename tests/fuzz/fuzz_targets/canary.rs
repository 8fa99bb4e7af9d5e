//! Must crash within seconds: shows that the fuzzer's coverage guidance, its sanitizer and the
//! report of a finding work.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let [b'S', b'L', b'A', rest @ ..] = data {
        // SAFETY: none; reads one byte behind the input, for the sanitizer to find.
        std::hint::black_box(unsafe { *rest.as_ptr().add(rest.len()) });
    }
});
