//! Bodies of the format xml.

#![no_main]

use leadcapture_webhook::cdr::Format;
use leadcapture_webhook_fuzz::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| check(Format::Xml, body));
