// Figures for the views of the scripted gateway. The same each time.

const now = Date.UTC(2026, 10, 26, 9, 0);
const wave = (n, by) => 0.5 + 0.5 * Math.sin(n * by);

const history = (speed, away = () => false) =>
  Array.from({ length: 120 }, (_, n) => ({ at: now - (119 - n) * 60_000, up: !away(n), decode_tps: away(n) ? null : speed * (0.7 + 0.3 * wave(n, 0.31)), latency_ms: 12 }));

export const servers = () => [
  { id: "lmstudio", base_url: "http://192.168.1.20:1234/v1", kind: "LM Studio", zone: "lan", state: "busy", words: null, models: [{ id: "minimax-m2.1", window: 32768, state: "ready" }, { id: "qwen3-30b-a3b", window: 65536, state: "unloaded" }], slots: 4, busy: 3, waiting: 1, breaker: "closed", retry_at: null, prefill_tps: 812, decode_tps: 42.4, history: history(44) },
  { id: "llamacpp", base_url: "http://127.0.0.1:8080/v1", kind: "llama.cpp", zone: "machine", state: "ready", words: null, models: [{ id: "qwen2.5-coder-1.5b", window: 8192, state: "ready" }], slots: 2, busy: 0, waiting: 0, breaker: "closed", retry_at: null, prefill_tps: 96, decode_tps: 9.1, history: history(9, (n) => n > 40 && n < 52) },
  { id: "ollama", base_url: "http://127.0.0.1:11434", kind: "Ollama", zone: "machine", state: "unreachable", words: { en: "nothing listens at http://127.0.0.1:11434; start it with `ollama serve`", "zh-TW": "http://127.0.0.1:11434 沒有回應；請用 `ollama serve` 啟動" }, models: [{ id: "llama3.2:3b", window: null, state: "unknown" }], slots: null, busy: null, waiting: 0, breaker: "open", retry_at: Date.now() + 45_000, prefill_tps: null, decode_tps: null, history: history(20, (n) => n > 70) },
];

export const models = [
  { id: "lmstudio/minimax-m2.1", aliases: ["fast"], provider: "lmstudio", zone: "lan", window: 32768, state: "ready" },
  { id: "llamacpp/qwen2.5-coder-1.5b", aliases: [], provider: "llamacpp", zone: "machine", window: 8192, state: "ready" },
  { id: "ollama/llama3.2:3b", aliases: [], provider: "ollama", zone: "machine", window: null, state: "unreachable" },
  { id: "anthropic/claude-opus", aliases: ["Opus"], provider: "anthropic", zone: "hosted", window: 200000, state: "ready" },
];

export const usage = (count) => ({
  days: Array.from({ length: count }, (_, n) => {
    const day = new Date(now - (count - 1 - n) * 86_400_000).toISOString().slice(0, 10);
    const row = (model, share, cost, first) => {
      const input = Math.round(60_000 * share * (0.4 + wave(n, 0.7)));
      return { day, model, requests: Math.round(30 * share * (0.4 + wave(n, 0.7))), failed: n % 9 === 4 ? 2 : 0, input, cached: Math.round(input * (0.55 + 0.3 * wave(n, 0.4))), output: Math.round(input * 0.12), cost: cost * (0.3 + wave(n, 0.5)), first_token_ms_p50: first * (0.7 + 0.6 * wave(n, 0.9)), tokens_per_second: 38.2 };
    };
    return [row("lmstudio/minimax-m2.1", 1, 0, 640), row("Opus", 0.3, 0.42, 1200), row("llamacpp/qwen2.5-coder-1.5b", 0.2, 0, 2300)];
  }).flat(),
  budget: { day: { spent: 0.31, limit: 2 } },
});

export const settings = {
  file: "/home/me/.yabby/yabby.json5",
  values: [
    { key: "agents.defaults.model.primary", value: "lmstudio/minimax-m2.1", source: "yabby.json5", line: 12 },
    { key: "agents.defaults.model.fallbacks", value: ["Opus"], source: "yabby.json5", line: 13 },
    { key: "gateway.auth.token", value: "•••", source: "environment YABBY_GATEWAY_TOKEN", line: null },
    { key: "gateway.port", value: 18789, source: "default", line: null },
    { key: "models.providers.lmstudio.baseUrl", value: "http://192.168.1.20:1234/v1", source: "yabby.json5", line: 24 },
    { key: "models.providers.anthropic.apiKey", value: "•••", source: "secrets.json5", line: 3 },
    { key: "route.preferFast", value: false, source: "default", line: null },
  ],
  diagnostics: [{ severity: "warning", words: { en: "unknown key `fallback`; did you mean `fallbacks`?", "zh-TW": "不認得的鍵 `fallback`；是不是 `fallbacks`？" }, line: 14 }],
};

const LOG = [["info", "gateway", "listens on http://127.0.0.1:18789"], ["info", "servers", "lmstudio is ready, window 32768"], ["warn", "servers", "ollama cannot be reached: connection refused"], ["debug", "route", "lmstudio/minimax-m2.1 answered in 2.3 s"], ["error", "route", "no model could answer within the deadline"]];
export const logs = Array.from({ length: 60 }, (_, n) => ({ n, at: now + n * 1000, level: LOG[n % 5][0], target: LOG[n % 5][1], text: LOG[n % 5][2] }));

export const keys = () => [
  { id: "k1", name: "this house", kind: "owner", scopes: { models: [], agents: [], operate: true }, created_at: now - 9e9, last_used_at: now, expires_at: null, revoked_at: null },
  { id: "k2", name: "Open WebUI", kind: "client", scopes: { models: ["lmstudio/*"], agents: [], budget: 2, rate: 60, zone: "lan" }, created_at: now - 5e9, last_used_at: now - 6e6, expires_at: now + 5e9, revoked_at: null },
  { id: "k3", name: "Phone", kind: "device", scopes: { models: [], agents: [], operate: true }, created_at: now - 4e9, last_used_at: null, expires_at: now + 7e9, revoked_at: null },
];
