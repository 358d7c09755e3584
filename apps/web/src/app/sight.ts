import type { SessionView } from "@holdfast/client";
import type { Sight } from "./recovery.ts";

/** What recovery is measured on, out of a view of the session. `at`: when it was seen, `performance.now()`'s. */
export function sightOf(view: SessionView<object>, at: number): Sight {
  const { streaming, turns, version } = view;
  const shown = streaming ?? turns.at(-1);
  return {
    at,
    connected: view.connection.state === "connected",
    version,
    running: streaming !== null,
    turn: shown?.turn ?? 0,
    index: streaming?.index ?? 0,
    text: shown?.text ?? "",
  };
}
