// Before anything is loaded or drawn.

// The code of a one-time link leaves the address at once, so that no history, bookmark or screenshot has it.
if (location.hash.startsWith("#code=")) {
  globalThis.yabbyCode = location.hash.slice("#code=".length);
  history.replaceState(null, "", location.pathname);
}

// The colours that were chosen here, so that no other ones flash up.
try {
  const theme = localStorage.getItem("yabby.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // This browser keeps nothing; the system's colours it is.
}
