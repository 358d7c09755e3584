import { textOf } from "@holdfast/contract";
import type { SessionView } from "@holdfast/client";
import type { Sight } from "./recovery.ts";

/** What recovery is measured on, out of a view of the session. `at`: when it was seen, `performance.now()`'s. */
export function sightOf(view: SessionView<object>, at: number): Sight {
  const { running, turns, version } = view;
  const shown = running ?? turns.at(-1);
  return {
    at,
    connected: view.connection.state === "connected",
    version,
    running: running !== null,
    turn: shown?.turn ?? 0,
    index: running?.index ?? 0,
    text: shown === undefined ? "" : textOf(shown),
  };
}
