// What a running turn has brought so far. Pure: an event and the old value give the new one.

/** What the page knows beside what the gateway sends. `kept` is what was known of the same turn before. */
export function from(running, kept = null, now = Date.now()) {
  const same = kept?.turn === running.turn ? kept : null;
  return {
    ...running,
    startedAt: same?.startedAt ?? now,
    // When the reasoning began, and how long it took once words came.
    thinkingSince: same?.thinkingSince ?? (running.reasoning ? now : null),
    thoughtFor: same?.thoughtFor ?? (running.reasoning && running.text ? 0 : null),
  };
}

export function begin(turn, now = Date.now()) {
  return from(
    { turn, model: null, text: "", reasoning: "", progress: null, tools: [], notices: [], attempts: [] },
    null,
    now,
  );
}

/** The turn after an event; one that says nothing new to it gives the same object. */
export function after(running, event, now = Date.now()) {
  switch (event.type) {
    case "trying":
      return { ...running, model: event.model, progress: null };
    case "step":
      // What was said is shown until the next words come: by then its entry is there, and nothing blinks.
      return { ...running, stepped: true };
    case "progress": {
      const { stage, done, total, ahead } = event;
      return { ...running, progress: { stage, done, total, ahead } };
    }
    case "text": {
      if (running.stepped) return after(anew(running), event, now);
      const thoughtFor = running.thoughtFor ?? (running.thinkingSince && now - running.thinkingSince);
      return { ...running, progress: null, text: running.text + event.delta, thoughtFor };
    }
    case "reasoning":
      if (running.stepped) return after(anew(running), event, now);
      return {
        ...running,
        progress: null,
        reasoning: running.reasoning + event.delta,
        thinkingSince: running.thinkingSince ?? now,
      };
    case "tool":
      return { ...running, progress: null, tools: withTool(running.tools, event) };
    case "attempt":
      return { ...running, attempts: [...running.attempts, event.attempt] };
    case "notice":
      return { ...running, notices: [...running.notices, event.words] };
    default:
      return running;
  }
}

const anew = (running) => ({ ...running, stepped: false, text: "", reasoning: "", thinkingSince: null, thoughtFor: null });

function withTool(tools, event) {
  const piece = event.piece ?? event.output ?? "";
  const { id, name, arguments: args, state, summary } = event;
  const known = tools.find((tool) => tool.id === id);
  if (!known) return [...tools, { id, name, arguments: args, state, output: piece, summary: summary ?? null }];
  const next = { ...known, state, output: known.output + piece, summary: summary ?? known.summary };
  return tools.map((tool) => (tool === known ? next : tool));
}
