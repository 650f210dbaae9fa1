// Serves the page as the gateway does, over the scripted world.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import * as figures from "./figures.mjs";
import { scene } from "./scenes.mjs";
import { World } from "./world.mjs";

const WEB = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", json: "application/json", svg: "image/svg+xml" };

export async function start() {
  const world = new World();
  const policy = (await readFile(join(WEB, "policy.txt"), "utf8")).trim();
  const state = { away: false, deaf: false, sockets: true };
  const server = createServer((request, response) => {
    if (state.away) return request.socket.destroy();
    respond(world, policy, state, request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (state.away || !state.sockets) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => talk(world, ws));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    world,
    state,
    /** Ends all connections. */
    cut() {
      for (const ws of sockets.clients) ws.terminate();
      server.closeAllConnections();
    },
    stop() {
      this.cut();
      server.close();
    },
  };
}

function talk(world, ws) {
  const watcher = { conversation: null, send: (event) => ws.send(JSON.stringify(event)) };
  ws.on("message", (data) => {
    const asks = JSON.parse(data);
    if (!watcher.known) {
      if (!world.keys.has(asks.key)) return ws.close(1008, "no key");
      watcher.known = true;
      world.watchers.add(watcher);
      watcher.send({ seq: world.seq, type: "hello", version: world.version, replica: "r1" });
    }
    watcher.conversation = asks.conversation ?? asks.watch ?? watcher.conversation;
    if (watcher.conversation) watcher.send(world.snapshot(watcher.conversation));
  });
  ws.on("close", () => world.watchers.delete(watcher));
}

async function respond(world, policy, state, request, response) {
  const url = new URL(request.url, "http://here");
  const reply = (status, value) => response.writeHead(status, { "content-type": "application/json" }).end(value === undefined ? "" : JSON.stringify(value));
  const refuse = (status, code, message) => reply(status, { error: { code, message, hint: "" } });
  if (!url.pathname.startsWith("/api/")) return page(policy, url.pathname, response);
  const body = await read(request);
  if (url.pathname === "/api/sign-in") {
    if (body.token !== "owner-token" && body.code !== "one-time-code") return refuse(401, "unauthorized", "that is no token");
    const key = `yk_${world.keys.size}`;
    world.keys.add(key);
    return reply(200, { key, expires_at: Date.now() + 9e9 });
  }
  const key = request.headers.authorization?.replace("Bearer ", "");
  if (!world.keys.has(key)) return refuse(401, "unauthorized", "a key is needed");
  if (state.deaf && request.method === "POST") return refuse(503, "unavailable", "the store cannot be reached");
  const [, , what, id, rest] = url.pathname.split("/").map(decodeURIComponent);
  const query = Object.fromEntries(url.searchParams);
  const route = ROUTES[`${request.method} ${[what, id && ":id", rest].filter(Boolean).join("/")}`];
  if (!route) return refuse(404, "not_found", `there is no ${url.pathname} here`);
  return route({ world, id, query, body, key, reply, refuse, request, response });
}

const ROUTES = {
  "POST sign-out": ({ world, key, reply }) => (world.keys.delete(key), reply(204)),
  "GET me": ({ world, reply }) => reply(200, { name: "owner", kind: "device", version: world.version, replica: "r1" }),
  "GET agents": ({ reply }) => reply(200, [{ id: "main", name: "Yabby", main: "agent:main:main" }]),
  "GET conversations": ({ world, query, reply }) => {
    const words = (query.search ?? "").toLowerCase();
    const hit = (one) => world.of(one.key).find((entry) => entry.text.toLowerCase().includes(words));
    const list = world.conversations.filter((one) => !words || hit(one)).map((one) => ({ ...one, running: world.running.has(one.key), ...(words && { found: hit(one).text.slice(0, 120) }) }));
    reply(200, { conversations: list, more: false });
  },
  "POST conversations": ({ world, reply }) => reply(200, { key: `agent:main:web:${++world.seq}` }),
  "GET conversations/:id": ({ world, id, reply }) => reply(200, { ...world.conversation(id), running: world.running.has(id) }),
  "DELETE conversations/:id": ({ world, id, reply }) => {
    world.entries.delete(id);
    world.conversations = world.conversations.filter((one) => one.key !== id);
    reply(204);
  },
  "GET conversations/:id/entries": ({ world, id, query, reply }) => {
    const all = world.of(id).filter((entry) => query.before === undefined || entry.seq < Number(query.before));
    const limit = Number(query.limit ?? 100);
    const session = `${id} ${world.sessions.get(id) ?? 0}`;
    const known = query.session === session ? all.filter(({ seq }) => seq <= Number(query.after)).length : null;
    const page = known === null ? all.slice(-limit) : all.slice(known, known + limit);
    const more = (known ?? 0) + page.length < all.length;
    // What only the model is told has a number too.
    const entries = page.filter(({ kind }) => kind !== "note");
    const [first, last] = [page.at(0)?.seq ?? null, page.at(-1)?.seq ?? null];
    reply(200, { entries, more, first, last, session: all.length ? session : null, turn: world.running.get(id) ?? null, event: world.seq });
  },
  "POST conversations/:id/messages": ({ world, id, body, reply }) => {
    reply(202, { accepted: body.id });
    accept(world, id, body);
  },
  "POST conversations/:id/edit": ({ world, id, body, reply }) => {
    const kept = world.of(id).filter((entry) => entry.seq < body.seq).map((entry) => ({ ...entry, id: `e${world.seq}:${entry.id}` }));
    world.entries.set(id, kept);
    world.sessions.set(id, world.seq);
    reply(202, { accepted: body.id });
    accept(world, id, body);
  },
  "GET approvals": ({ world, reply }) => reply(200, world.approvals.filter((one) => one.state === "open")),
  "POST approvals/:id": ({ world, id, body, reply }) => {
    const approval = world.approvals.find((one) => one.id === id);
    approval.state = body.approve ? "approved" : "denied";
    approval.answered?.(body.approve);
    reply(200, approval);
    world.tell(null, { type: "approvals" });
  },
  "GET models": ({ reply }) => reply(200, figures.models),
  "GET servers": ({ reply }) => reply(200, figures.servers()),
  "GET usage": ({ query, reply }) => reply(200, figures.usage(Number(query.days ?? 30))),
  "GET settings": ({ reply }) => reply(200, figures.settings),
  "GET logs": ({ query, reply }) => reply(200, { lines: figures.logs.filter((line) => line.n > Number(query.after ?? -1) && (!query.level || line.level === query.level)) }),
  "GET keys": ({ reply }) => reply(200, figures.keys()),
  "POST keys": ({ reply }) => reply(200, { id: "k9", key: "yk_shown_once_1234567890" }),
  "DELETE keys/:id": ({ reply }) => reply(204),
  "GET events": ({ world, query, request, response }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const watcher = { conversation: query.conversation ?? null, send: (event) => response.write(`data: ${JSON.stringify(event)}\n\n`) };
    world.watchers.add(watcher);
    watcher.send({ seq: world.seq, type: "hello", version: world.version, replica: "r1" });
    if (watcher.conversation) watcher.send(world.snapshot(watcher.conversation));
    request.on("close", () => world.watchers.delete(watcher));
  },
};

function accept(world, key, { id, text, images }) {
  if (world.accepted.has(id)) return;
  world.accepted.set(id, text);
  if (text === "/stop") {
    if (world.running.has(key)) world.running.get(key).stopped = true;
  } else if (text.startsWith("/")) {
    const known = world.listed(key);
    const [command, word] = text.slice(1).split(" ");
    if (command === "model") known.model = word === "default" ? null : word;
    if (command === "private") known.private = word === "on";
    world.add(key, { kind: "notice", text: `done: ${text}`, words: { en: `done: ${text}`, "zh-TW": `完成：${text}` } });
  } else {
    world.add(key, { kind: "user", text, images });
    world.turn(key, (steps) => scene(text, steps));
  }
}

async function page(policy, path, response) {
  const name = path === "/" ? "index.html" : /^\/assets\/test\/(.+)$/.exec(path)?.[1];
  const file = name && join(WEB, normalize(name));
  if (!file?.startsWith(WEB)) return response.writeHead(404).end();
  try {
    let data = await readFile(file);
    if (name === "index.html") data = data.toString().replaceAll("/assets/@/", "/assets/test/");
    response.writeHead(200, { "content-type": TYPES[name.split(".").pop()], "content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store" });
    response.end(data);
  } catch {
    response.writeHead(404).end();
  }
}

async function read(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text ? JSON.parse(text) : {};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await start()).url);
