// The time, once a second, for whatever counts seconds.
import { signal } from "../../vendor/ui.js";

export const now = signal(Date.now());
setInterval(() => document.hidden || (now.value = Date.now()), 1000);
