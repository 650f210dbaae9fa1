//! Ids that nobody else makes.

use std::time::{SystemTime, UNIX_EPOCH};

/// A new id: 32 hexadecimal digits that sort by the time when they were made, as UUID version 7 does.
pub fn new_id() -> String {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut random = [0; 10];
    // Without random numbers, nanoseconds and the process must do.
    if getrandom::fill(&mut random).is_err() {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        random = (nanos ^ u128::from(std::process::id()) << 48).to_le_bytes()[..10]
            .try_into()
            .unwrap_or_default();
    }
    let tail = random.iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
    format!("{:032x}", millis << 80 | tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_sort_by_time() {
        let first = new_id();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = new_id();
        assert!(
            first < second && first.len() == 32 && second.len() == 32,
            "{first} {second}"
        );
    }
}
