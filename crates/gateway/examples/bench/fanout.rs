//! The least that tells many pages of an event: what Yabby is compared with.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    task::LocalSet,
    time::interval,
};

/// A sign of life this often, as Yabby's.
const ALIVE: Duration = Duration::from_secs(15);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"type\":\"hello\"}\n\n";

type Pages = Rc<RefCell<Vec<TcpStream>>>;

/// Each connection is a page, but for `POST /tell/EVENTS/MICROSECONDS`, which tells all pages of so many events, so far apart.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let pages = Pages::default();
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            let alive = Rc::clone(&pages);
            tasks.spawn_local(async move {
                let mut tick = interval(ALIVE);
                loop {
                    tick.tick().await;
                    tell(&alive, b":\n\n");
                }
            });
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let pages = Rc::clone(&pages);
                tasks.spawn_local(async move { drop(connection(stream, &pages).await) });
            }
        })
        .await
}

async fn connection(mut stream: TcpStream, pages: &Pages) -> io::Result<()> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head);
    let Some(rest) = text.strip_prefix("POST /tell/") else {
        stream.writable().await?;
        stream.try_write(HEAD)?;
        pages.borrow_mut().push(stream);
        return Ok(());
    };
    let mut numbers = rest.split(['/', ' ']).map_while(|number| number.parse::<u64>().ok());
    let (events, gap) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1));
    let mut tick = interval(Duration::from_micros(gap.max(1)));
    for seq in 0..events {
        tick.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let event = format!(
            "data: {{\"seq\":{seq},\"conversation\":\"agent:main:main\",\"type\":\"text\",\"delta\":\"{}\"}}\n\n",
            now.as_nanos()
        );
        tell(pages, event.as_bytes());
    }
    Ok(())
}

/// One that cannot take it, or has left, is left out.
fn tell(pages: &Pages, bytes: &[u8]) {
    pages.borrow_mut().retain(|page| page.try_write(bytes).is_ok());
}
