use std::{io::ErrorKind, time::Duration};

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::*;

/// A connection that writes into a batch, and its other end. Little fits between them.
async fn connected(batch: &Batch) -> (Batched, TcpStream) {
    let near = TcpSocket::new_v4().unwrap();
    near.set_send_buffer_size(16 << 10).unwrap();
    let far = TcpSocket::new_v4().unwrap();
    far.set_recv_buffer_size(16 << 10).unwrap();
    far.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = far.listen(1).unwrap();
    let (near, far) = tokio::join!(near.connect(listener.local_addr().unwrap()), listener.accept());
    let near = near.unwrap();
    // That it can be written on is known once the system was asked.
    near.writable().await.unwrap();
    (Batched::new(near, batch), far.unwrap().0)
}

/// A batch with two requests in flight and its writer, which lives as long as the set.
async fn busy() -> (Batch, [Member; 2], JoinSet<()>) {
    let batch = Batch::default();
    let members = [batch.enter(), batch.enter()];
    let mut tasks = JoinSet::new();
    let writing = batch.clone();
    tasks.spawn(async move { writing.write().await });
    // It begins.
    yield_now().await;
    (batch, members, tasks)
}

/// How many pieces are put aside, and their bytes.
fn put_aside(batch: &Batch) -> (usize, Vec<u8>) {
    let pieces = batch.pieces();
    (pieces.to.len(), pieces.bytes.clone())
}

/// So many bytes that come.
async fn come(far: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    let read = timeout(Duration::from_secs(5), far.read_exact(&mut bytes));
    read.await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn short_pieces_are_written_when_all_tasks_have_taken_their_step() {
    let (batch, members, _tasks) = busy().await;
    let (mut one, mut far_one) = connected(&batch).await;
    let (mut two, mut far_two) = connected(&batch).await;
    one.write_all(b"a").await.unwrap();
    two.write_all(b"b").await.unwrap();
    one.write_all(b"c").await.unwrap();
    one.flush().await.unwrap();
    assert_eq!(put_aside(&batch), (3, b"abc".to_vec()));
    yield_now().await;
    assert_eq!(batch.pieces().to.len(), 0);
    assert_eq!(
        (come(&mut far_one, 2).await, come(&mut far_two, 1).await),
        ("ac".to_owned(), "b".to_owned())
    );
    // One that is alone waits for nobody.
    let [first, _second] = members;
    drop(first);
    one.write_all(b"d").await.unwrap();
    assert!(batch.pieces().to.is_empty());
    assert_eq!(come(&mut far_one, 1).await, "d");
}

#[tokio::test]
async fn long_pieces_are_written_behind_what_was_put_aside_before() {
    let (batch, _members, _tasks) = busy().await;
    let (mut near, mut far) = connected(&batch).await;
    near.write_all(b"a").await.unwrap();
    near.write_all(&[b'b'; LONGEST + 1]).await.unwrap();
    // Its rest would follow it at once, and so does what is not yet flushed.
    near.write_all(b"c").await.unwrap();
    assert!(batch.pieces().to.is_empty());
    near.flush().await.unwrap();
    near.write_all(b"d").await.unwrap();
    assert_eq!(batch.pieces().to.len(), 1);
    near.shutdown().await.unwrap();
    let mut all = String::new();
    far.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, format!("a{}cd", "b".repeat(LONGEST + 1)));
}

#[tokio::test]
async fn not_much_is_put_aside() {
    let (batch, _members, _tasks) = busy().await;
    let (mut near, _far) = connected(&batch).await;
    for _ in 0..FULL / LONGEST {
        near.write_all(&[1; LONGEST]).await.unwrap();
    }
    assert_eq!(batch.pieces().bytes.len(), FULL);
    near.write_all(&[1]).await.unwrap();
    assert_eq!(batch.pieces().bytes.len(), 1);
}

#[tokio::test]
async fn without_a_writer_nothing_is_put_aside_and_nothing_stays_there() {
    let batch = Batch::default();
    let _members = [batch.enter(), batch.enter()];
    let (mut near, mut far) = connected(&batch).await;
    near.write_all(b"a").await.unwrap();
    near.flush().await.unwrap();
    assert_eq!(come(&mut far, 1).await, "a");
    let mut writing = Box::pin(batch.clone().write());
    assert!(futures_util::poll!(&mut writing).is_pending());
    near.write_all(b"b").await.unwrap();
    assert_eq!(batch.pieces().to.len(), 1);
    drop(writing);
    assert_eq!((come(&mut far, 1).await, batch.pieces().to.len()), ("b".to_owned(), 0));
    near.write_all(b"c").await.unwrap();
    assert!(batch.pieces().to.is_empty());
}

#[tokio::test]
async fn what_was_put_aside_is_written_when_its_connection_is_dropped() {
    let (batch, _members, _tasks) = busy().await;
    let (mut near, mut far) = connected(&batch).await;
    near.write_all(b"the end").await.unwrap();
    drop(near);
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"the end");
}

/// Writes pieces in pairs until the other end takes no more; what was written.
async fn fill(near: &mut Batched) -> Vec<u8> {
    let mut all = Vec::new();
    while !near.outlet.is_stuck() {
        for _ in 0..2 {
            let piece: Vec<u8> = (0..=250).cycle().skip(all.len() % 251).take(777).collect();
            near.write_all(&piece).await.unwrap();
            near.flush().await.unwrap();
            all.extend(piece);
        }
        yield_now().await;
    }
    all
}

#[tokio::test]
async fn flushing_waits_for_an_end_that_takes_no_more_and_tells_that_it_is_gone() {
    let (batch, _members, _tasks) = busy().await;
    let (mut near, mut far) = connected(&batch).await;
    let written = fill(&mut near).await;
    assert!(timeout(Duration::from_millis(50), near.flush()).await.is_err());
    let mut bytes = vec![0; written.len()];
    let reading = timeout(Duration::from_secs(5), far.read_exact(&mut bytes));
    let (flushed, read) = tokio::join!(near.flush(), reading);
    assert!(flushed.is_ok() && read.unwrap().is_ok() && bytes == written);
    drop(far);
    let gone = async {
        loop {
            if let Err(error) = near.write_all(b"x").await {
                return error.kind();
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    let kind = timeout(Duration::from_secs(5), gone).await.unwrap();
    assert!(
        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{kind}"
    );
}

#[tokio::test]
async fn whoever_only_reads_writes_what_is_left_too() {
    let (batch, _members, _tasks) = busy().await;
    let (mut near, mut far) = connected(&batch).await;
    let written = fill(&mut near).await;
    let mut tasks = JoinSet::new();
    // As a page does whose last event was flushed.
    tasks.spawn(async move { near.read_exact(&mut [0]).await.map(|_| near) });
    let mut bytes = vec![0; written.len()];
    let read = timeout(Duration::from_secs(5), far.read_exact(&mut bytes)).await;
    assert!(read.unwrap().is_ok() && bytes == written);
    far.write_all(b"x").await.unwrap();
    assert!(tasks.join_next().await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn who_has_written_is_woken_when_the_other_end_takes_no_more() {
    let batch = Batch::default();
    let _members = [batch.enter(), batch.enter()];
    let (mut near, mut far) = connected(&batch).await;
    // Nobody writes what is put aside yet: these are written at once.
    let mut written = Vec::new();
    while let Poll::Ready(length) = futures_util::poll!(std::pin::pin!(near.write(&[7; 1000]))) {
        written.resize(written.len() + length.unwrap(), 7);
    }
    near.flush().await.unwrap();
    let mut writing = Box::pin(batch.clone().write());
    assert!(futures_util::poll!(&mut writing).is_pending());
    let outlet = Arc::clone(&near.outlet);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        near.write_all(b"the end").await.unwrap();
        near.flush().await.unwrap();
        // It is woken, and reads.
        drop(near.read_exact(&mut [0]).await);
    });
    yield_now().await;
    assert_eq!((put_aside(&batch).0, outlet.is_stuck()), (1, false));
    assert!(futures_util::poll!(&mut writing).is_pending());
    assert!(outlet.is_stuck());
    written.extend_from_slice(b"the end");
    let mut bytes = vec![0; written.len()];
    let read = timeout(Duration::from_secs(5), far.read_exact(&mut bytes)).await;
    assert!(read.unwrap().is_ok() && bytes == written);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the lengths, and however slowly the other ends read.
    #[test]
    fn nothing_is_lost_and_nothing_overtakes(
        lengths in prop::collection::vec(prop::collection::vec(prop_oneof![8 => 1..2000_usize, 1 => 5000..200_000_usize], 1..40), 1..6),
        read_at_once in 500..100_000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (batch, _members, _tasks) = busy().await;
            let mut connections = JoinSet::new();
            for lengths in lengths {
                let (mut near, mut far) = connected(&batch).await;
                let all: Vec<u8> = (0..=250).cycle().take(lengths.iter().sum()).collect();
                let wanted = all.clone();
                connections.spawn(async move {
                    let mut rest = all.as_slice();
                    for length in lengths {
                        let (piece, others) = rest.split_at(length);
                        near.write_all(piece).await.unwrap();
                        near.flush().await.unwrap();
                        rest = others;
                    }
                    near.shutdown().await.unwrap();
                });
                connections.spawn(async move {
                    let (mut all, mut bytes) = (Vec::new(), vec![0; read_at_once]);
                    loop {
                        let length = far.read(&mut bytes).await.unwrap();
                        all.extend_from_slice(&bytes[..length]);
                        if length == 0 {
                            break;
                        }
                        yield_now().await;
                    }
                    assert!(all == wanted, "{} bytes instead of {}", all.len(), wanted.len());
                });
            }
            timeout(Duration::from_secs(20), connections.join_all()).await.unwrap();
        });
    }
}
