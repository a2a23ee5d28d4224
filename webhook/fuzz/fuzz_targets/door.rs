//! Content encodings, charsets and the choice of the format.

#![no_main]

use leadcapture_webhook_fuzz::check_door;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check_door(input));
