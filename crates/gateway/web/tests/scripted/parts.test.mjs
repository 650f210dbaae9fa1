// Parts of the page by themselves, in the browser that runs them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open } from "../lib/browser.mjs";

let house;
let page;
before(async () => {
  house = await open();
  page = await house.page();
});
after(() => house.close());

const TEXTS = [
  "# One\n\nText with **bold** and `code`.\n\n- a\n- b\n\n  more of b\n\n1. x\n2. y\n\n```js\nlet a = 1;\n\n// still code\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nend",
  "para\n===\n\n> quote\n> goes on\n\n***\n\n~~~\nopen fence\n\nwithout end",
  "tabs\there\r\nand\r\nreturns\n\n\n\n\n- [x] done\n- [ ] open\n",
  "一段中文。\n\n**粗體**與`程式`\n\n```\n未完",
];

test("an answer in pieces is the same as one in one piece, and what is drawn stays", async () => {
  const wrong = await page.evaluate(async (texts) => {
    const { blocks, nodes } = await import("/assets/test/js/text/markdown.js");
    const html = (fragment) => {
      const box = document.createElement("div");
      box.append(fragment);
      return box.innerHTML.replace(/\s+/g, " ").trim();
    };
    const wrong = [];
    for (const text of texts) {
      let cut = null;
      for (let end = 1; end <= text.length; end += 1) {
        const next = blocks(text.slice(0, end), cut);
        if (cut && cut.whole !== "\u0000" && cut.done.some((block, at) => next.done[at] !== block)) wrong.push(["moved", text.slice(0, end)]);
        cut = next;
      }
      const pieces = [...cut.done, cut.tail].map((block) => html(nodes(block))).filter(Boolean).join(" ");
      if (pieces !== html(nodes(text))) wrong.push([pieces, html(nodes(text))]);
    }
    return wrong;
  }, TEXTS);
  assert.deepEqual(wrong, []);
});

test("what is open at the end is closed while it comes", async () => {
  const closed = await page.evaluate(async () => {
    const { closed } = await import("/assets/test/js/text/markdown.js");
    return ["a **bold", "a `co", "a **b** c", "see [the page](https://exa", "```\n**", "a **", "~~gone"].map((text) => closed(text));
  });
  assert.deepEqual(closed, ["a **bold**", "a `co`", "a **b** c", "see the page", "```\n**", "a ", "~~gone~~"]);
});

test("entries of another session replace those that are known", async () => {
  const merged = await page.evaluate(async () => {
    const { merge } = await import("/assets/test/js/state/entries.js");
    const entry = (seq, of = "s") => ({ seq, id: `${of}${seq}`, text: "" });
    const ids = (list) => list.map((one) => one.id).join(" ");
    const known = [0, 1, 2, 3].map((seq) => entry(seq));
    const kept = merge(known, { entries: [entry(2), entry(3), entry(4)], more: true });
    return [
      ids(kept),
      kept[1] === known[1] && kept[2] === known[2],
      ids(merge(known, { entries: [entry(0, "n"), entry(1, "n")], more: false })),
      ids(merge(known, { entries: [entry(8), entry(9)], more: true })),
      ids(merge([], { entries: [entry(8)], more: true })),
    ];
  });
  assert.deepEqual(merged, ["s0 s1 s2 s3 s4", true, "n0 n1", "s8 s9", "s8"]);
});

test("what is known is not read again, but for questions that are open", async () => {
  const wanted = await page.evaluate(async () => {
    const { since } = await import("/assets/test/js/state/entries.js");
    const known = [{ seq: 3 }, { seq: 5, approval: { state: "approved" } }];
    const open = [{ seq: 5, approval: { state: "open" } }, { seq: 6 }];
    return [since(known, "s", 5), since(known, "s", 9), since([], "s", 9), since(open, "s", 6), since([], "s", null), since(known, null, 5)];
  });
  assert.deepEqual(wanted, [{ session: "s", after: 5 }, { session: "s", after: 9 }, { session: "s", after: 9 }, {}, {}, {}]);
});

test("a turn is one group, and what is told beside it another", async () => {
  const grouped = await page.evaluate(async () => {
    const { groups } = await import("/assets/test/js/state/entries.js");
    const entry = (id, kind, turn, more = {}) => ({ id, seq: 0, kind, turn, text: id, ...more });
    const made = groups([
      entry("q", "user", null),
      entry("a", "assistant", "t1", { calls: [{ id: "c", name: "exec", arguments: {} }] }),
      entry("r", "tool", "t1", { call: { id: "c", name: "exec" } }),
      entry("b", "assistant", "t1"),
      entry("n", "notice", null),
      entry("c", "assistant", "t2"),
    ]);
    return made.map((group) => [group.kind, group.question?.id ?? null, group.parts?.map((part) => `${part.kind} ${part.result?.id ?? part.id}`).join(", ") ?? null]);
  });
  assert.deepEqual(grouped, [
    ["user", undefined, undefined],
    ["answer", "q", "text a, tool r, text b"],
    ["answer", undefined, "notice n"],
    ["answer", undefined, "text c"],
  ].map((group) => group.map((part) => part ?? null)));
});

test("a stream of events is cut where its events end, however its bytes come", async () => {
  const found = await page.evaluate(async () => {
    const { lineReader } = await import("/assets/test/js/net/stream.js");
    const text = 'data: {"a":1}\n\n: alive\n\ndata: {"b":\r\ndata: 2}\r\n\r\ndata: {"c":3}\n\n';
    const all = [1, 2, 3, 7, text.length].map((size) => {
      const read = lineReader();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...read(text.slice(at, at + size)));
      return events.map((event) => JSON.stringify(JSON.parse(event)));
    });
    return all;
  });
  for (const events of found) assert.deepEqual(events, ['{"a":1}', '{"b":2}', '{"c":3}']);
});

test("days without a request are days of a chart too, and scales end at round numbers", async () => {
  const [days, round] = await page.evaluate(async () => {
    const { byDay } = await import("/assets/test/js/views/sums.js");
    const { roundUp } = await import("/assets/test/js/ui/chart.js");
    const rows = [{ day: "2026-02-27", model: "a", requests: 1, input: 5 }, { day: "2026-03-01", model: "b", requests: 2, input: 7 }, { day: "2026-03-01", model: "a", requests: 1 }];
    return [byDay(rows).map(({ day, requests, input }) => [day, requests, input]), [0, 0.3, 1, 1.1, 4, 9.1, 77, 1234].map(roundUp)];
  });
  assert.deepEqual(days, [["2026-02-27", 1, 5], ["2026-02-28", 0, 0], ["2026-03-01", 3, 7]]);
  assert.deepEqual(round, [1, 0.4, 1, 2, 4, 10, 100, 2000]);
});
