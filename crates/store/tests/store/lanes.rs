//! One owner at a time.

use std::time::Duration;

use yabby_store::StoreErrorKind;

use crate::both::{on_both, open};

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_lane_has_one_owner_at_a_time() {
    on_both(async |place| {
        let store = open(place).await;
        let first = store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
        assert_eq!(store.lease_conversation("c", LONG).await.unwrap(), None);
        assert!(store.lease_conversation("d", LONG).await.unwrap().is_some());
        store.renew(&first, LONG).await.unwrap();
        store.release(&first).await.unwrap();
        let second = store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
        assert!(second.fence() > first.fence(), "{} {}", second.fence(), first.fence());
        let late = store.renew(&first, LONG).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        // Giving back what was lost takes nothing from the other.
        store.release(&first).await.unwrap();
        store.renew(&second, LONG).await.unwrap();
    })
    .await;
}
