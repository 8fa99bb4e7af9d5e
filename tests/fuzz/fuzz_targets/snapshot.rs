#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sla_tests::fuzz::snapshot(data));
