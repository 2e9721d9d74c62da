//! A line of an audit log is read by its outline as serde alone reads it, or is
//! an event to neither.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packwright::audit::replay::Event;
use packwright::audit::types::Level;

fuzz_target!(|data: &[u8]| {
    // Bytes go to serde at once; text only where its outline is not enough.
    let slow = Event::read(Err(data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    match (Event::read(Ok(text)), slow) {
        (Ok(fast), Ok(slow)) => {
            assert_eq!(format!("{fast:?}"), format!("{slow:?}"));
            assert!(fast.bytes_above(Level::None) <= data.len() as u64);
        }
        (Err(fast), Err(slow)) => assert_eq!(fast, slow),
        (fast, slow) => panic!("{fast:?} but {slow:?}"),
    }
});
