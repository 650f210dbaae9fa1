// On a narrow screen the sidebar is a drawer.
import { signal } from "../../vendor/ui.js";

const narrow = matchMedia("(max-width: 52rem)");

export const isNarrow = signal(narrow.matches);
export const drawerOpen = signal(false);

narrow.addEventListener("change", () => {
  isNarrow.value = narrow.matches;
  drawerOpen.value = false;
});

export function openDrawer() {
  drawerOpen.value = true;
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}

export function closeDrawer() {
  if (!drawerOpen.value) return;
  drawerOpen.value = false;
  requestAnimationFrame(() => document.getElementById("drawer-button")?.focus());
}
