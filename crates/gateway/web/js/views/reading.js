// Reads something for a view, once and again.
import { signal, useEffect, useMemo } from "../../vendor/ui.js";
import { get } from "../net/api.js";

/** `{value, error, again}`; with `every`, it is read anew after so many milliseconds while the page is seen. */
export function useReading(path, every = null) {
  const state = useMemo(() => ({ value: signal(null), error: signal(null) }), []);
  const again = () =>
    get(path).then(
      (value) => {
        state.value.value = value;
        state.error.value = null;
      },
      (error) => (state.error.value = error),
    );
  useEffect(() => {
    again();
    if (!every) return undefined;
    const timer = setInterval(() => document.hidden || again(), every);
    return () => clearInterval(timer);
  }, [path, every]);
  return { value: state.value.value, error: state.value.value ? null : state.error.value, again };
}
