// Two ways to hear events, with the same face: they take a function that says which conversation is watched, and
// call `on.event(object)` for each event and `on.closed(code)` once. `watch` says whether it could be changed.
import { currentKey, withQuery } from "./api.js";

/** The WebSocket. Browsers allow many of them, where six event streams would block all else. */
export function socket(conversation, on) {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/socket`;
  const ws = new WebSocket(url);
  ws.onopen = () => ws.send(JSON.stringify({ key: currentKey(), conversation: conversation() ?? undefined }));
  ws.onmessage = ({ data }) => on.event(JSON.parse(data));
  ws.onclose = ({ code }) => on.closed(code);
  return {
    watch: (key) => {
      if (ws.readyState === WebSocket.OPEN) ws.send(JSON.stringify({ watch: key }));
      return ws.readyState <= WebSocket.OPEN;
    },
    close: () => {
      ws.onmessage = ws.onclose = null;
      ws.close();
    },
  };
}

/** Server-sent events over fetch, which can send a header: for where a proxy lets no WebSocket through. */
export function eventStream(conversation, on) {
  const abort = new AbortController();
  read(conversation, on, abort.signal).catch(() => abort.signal.aborted || on.closed(0));
  return { watch: () => false, close: () => abort.abort() };
}

async function read(conversation, on, signal) {
  const answer = await fetch(withQuery("/api/events", { conversation: conversation() }), {
    headers: { authorization: `Bearer ${currentKey()}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal,
  });
  if (!answer.ok) return on.closed(answer.status);
  const lines = lineReader();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return on.closed(0);
    for (const data of lines(value)) on.event(JSON.parse(data));
  }
}

/** Cuts a stream into the `data` of its events. */
export function lineReader() {
  let rest = "";
  let data = [];
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      else if (line === "" && data.length) {
        events.push(data.join("\n"));
        data = [];
      }
    }
    return events;
  };
}
