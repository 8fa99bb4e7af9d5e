#![no_main]
// The models are made before an input's time is counted.
libfuzzer_sys::fuzz_target!(init: sla_tests::fuzz::snapshot(&[0]), |data: &[u8]| sla_tests::fuzz::snapshot(data));
