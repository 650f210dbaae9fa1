// Small pictures, drawn by hand on a grid of 20.
import { html } from "../../vendor/ui.js";

const PATHS = {
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  plus: "M10 4v12M4 10h12",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM13 13l4 4",
  send: "M10 16V4M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  image: "M3.5 4.5h13v11h-13zM3.5 13l4-4 3.5 3.5 2-2 3.5 3.5M13 7.5v.01",
  copy: "M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4",
  retry: "M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4",
  edit: "M4 16l.8-3.2L13 4.6l2.4 2.4-8.2 8.2z",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v5M11.5 9v5",
  lock: "M5 9h10v7H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  unlock: "M5 9h10v7H5zM7 9V6.5a3 3 0 0 1 5.8-1",
  chevron: "M6 8l4 4 4-4",
  close: "M5 5l10 10M15 5L5 15",
  down: "M10 4v11M5 10.5l5 5 5-5",
  check: "M4 10.5l4 4 8-9",
  warn: "M10 3.5l7.5 13h-15zM10 8.5v3.5M10 14.5v.01",
  servers: "M3.5 4h13v5h-13zM3.5 11h13v5h-13zM6.5 6.5v.01M6.5 13.5v.01",
  usage: "M4 16V10M8 16V5M12 16v-8M16 16V3",
  settings: "M3.5 6h6M13.5 6h3M3.5 14h3M10.5 14h6M11.5 4v4M8.5 12v4",
  logs: "M4 5h12M4 10h12M4 15h7",
  keys: "M12.5 3.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM9.5 10L4 15.5V17h2.5v-2h2v-2",
  help: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4zM8 8a2 2 0 1 1 2.6 1.9c-.4.1-.6.5-.6 1v.6M10 14v.01",
  tool: "M12.5 4a3.8 3.8 0 0 0-3.4 5.4L4 14.5 5.5 16l5.1-5.1A3.8 3.8 0 0 0 16 7.5l-2.4 1-1.8-1.8z",
  thought: "M10 3.5a4.8 4.8 0 0 0-2.6 8.8V14h5.2v-1.7A4.8 4.8 0 0 0 10 3.5zM8 16.5h4",
  ask: "M10 3l6 2.5v4.2c0 3.6-2.5 6-6 7.3-3.5-1.3-6-3.7-6-7.3V5.5zM10 7v3.5M10 13v.01",
  out: "M8 4H4v12h4M12.5 6.5L16 10l-3.5 3.5M16 10H8",
};

export const Icon = ({ name, size = 18 }) => html`
  <svg class="icon" width=${size} height=${size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>
`;
