// Rows of usage, a day and a model each, added up. Pure.

const COUNTS = ["requests", "failed", "input", "cached", "output", "cost"];

const none = () => Object.fromEntries(COUNTS.map((name) => [name, 0]));
const add = (sum, row) => COUNTS.forEach((name) => (sum[name] += row[name] ?? 0));
const noon = (day) => new Date(`${day}T12:00`).getTime();

export function total(rows) {
  const sum = none();
  rows.forEach((row) => add(sum, row));
  return sum;
}

/** A sum for each day from the first to the last, also for those on which nothing was asked. */
export function byDay(rows) {
  const sums = new Map();
  for (const row of rows) {
    if (!sums.has(row.day)) sums.set(row.day, none());
    add(sums.get(row.day), row);
  }
  const known = [...sums.keys()].sort();
  const out = [];
  const at = new Date(`${known[0]}T12:00`);
  for (const last = noon(known.at(-1)); at.getTime() <= last; at.setDate(at.getDate() + 1)) {
    const pad = (number) => String(number).padStart(2, "0");
    const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
    out.push({ at: at.getTime(), day, ...(sums.get(day) ?? none()) });
  }
  return out;
}

/** The time to the first token of each model by day, those asked most first. */
export function byModel(rows) {
  const models = new Map();
  for (const row of rows) {
    const known = models.get(row.model) ?? { model: row.model, requests: 0, latency: new Map() };
    known.requests += row.requests ?? 0;
    if (row.first_token_ms_p50 !== null && row.first_token_ms_p50 !== undefined) known.latency.set(noon(row.day), row.first_token_ms_p50);
    models.set(row.model, known);
  }
  return [...models.values()].sort((one, other) => other.requests - one.requests);
}
