import type { Patch } from "../builds/patched-tree.ts";

/** Whatever a later release may add to something (SPEC version-2). */
const LATER = "later: { since: [1, { deep: null }] }";
const ONCE = (what: string, key: string): string =>
  `(globalThis.${what} ??= new Set()).has(${key}) ? false : globalThis.${what}.add(${key})`;
const REFUSAL = `{ code: "moon_phase", message: "Not at this hour.", retryAfterMs: 20, ${LATER} }`;

/** Subject in whose first answer the later release streams what takes another protocol version: a part of an unknown type. */
export const VIEWER = "viewer";
/** In mid-answer, between two deltas. It changes no index: whoever cannot read it lacks nothing else. */
const UNKNOWN_PART = `if HEAD:find('/${VIEWER}/') and turn == 1 and head.index == 2 then
    append('{"type":"part","turn":1,"step":1,"attempt":' .. digits(attempt)
      .. ',"index":1,"at":1,"part":{"type":"hologram","image":[1,{}]}}')
  end`;

type Changes = Record<string, readonly [find: string, replace: string][]>;

/**
 * A later release of the same protocol version: its edge adds members to all it sends, says things nobody asked for, and
 * refuses what is asked first by a code of its own.
 */
const EDGE: Changes = {
  "apps/edge/src/read/packet.ts": [
    [
      '[${frames.join(",")}]]`',
      `[\${frames.map((frame) => frame.replace("{", '{"later":{"deep":[1]},')).join(",")}],{"later":true}]\``,
    ],
  ],
  "apps/edge/src/connect/sockets.ts": [
    ["ack(answer);", `ack({ ...answer, ${LATER} });`],
    [
      "limits: { ...LIMITS, ...this.#options.limits },",
      `limits: { ...LIMITS, ...this.#options.limits, wishesPerMinute: 7 }, revision: 4, takes: ["wishes"], ${LATER},`,
    ],
    [`socket.emit("welcome",`, `socket.emit("weather", { wind: 3 }, [1]); socket.emit("welcome",`],
  ],
  "apps/edge/src/connect/handshake.ts": [
    [
      `if (isDraining()) return refused("draining");`,
      `if (${ONCE("connected", "auth.data.token")}) return { outcome: "refused", error: ${REFUSAL} };`,
    ],
  ],
  "apps/edge/src/connect/connection.ts": [
    [
      "const checked = this.#admit() ?? checkRequest(openRequestSchema, raw);",
      `if (${ONCE("opened", "this")}) return answer(refusal(${REFUSAL}));
      const checked = this.#admit() ?? checkRequest(openRequestSchema, raw);`,
    ],
    [
      "const checked = this.#admit() ?? checkSend(raw);",
      `if (${ONCE("sent", "this")}) return this.#refuseSend(raw, ${REFUSAL}, answer);
      const checked = this.#admit() ?? checkSend(raw);`,
    ],
  ],
};

/** Its workers write members and a type of frame that nobody knows yet. */
const WORKERS: Changes = {
  "packages/session-log/src/lua/write.lua": [
    [".. rest .. '}'", `.. rest .. ',"later":{"since":[1,{"deep":null}]}}'`],
    [
      "  append(frame((opening ==",
      `  append('{"type":"turn.usage","tokens":[1,{}]}') ${UNKNOWN_PART} append(frame((opening ==`,
    ],
  ],
  "packages/session-log/src/session-log.ts": [["JSON.stringify(started)", `JSON.stringify({ ...started, ${LATER} })`]],
};

/** Its workflow knows more of a session. */
const WORKFLOW: Changes = {
  "workflows/src/session/turn.ts": [
    [
      "const turn: EndedTurn = { ...this.#begun, steps, ...ending };",
      `const turn: EndedTurn = { ...this.#begun, steps, ...ending, ${LATER} };`,
    ],
    ['frame: { type: "turn.ended",', `frame: { ${LATER}, type: "turn.ended",`],
  ],
  "workflows/src/session/session.ts": [
    [
      "applied: this.#producers.applied(),",
      `applied: this.#producers.applied(), title: "what we talked about", ${LATER},`,
    ],
  ],
};

export const FUTURE: readonly Patch[] = Object.entries({ ...EDGE, ...WORKERS, ...WORKFLOW }).flatMap(
  ([file, changes]) => changes.map(([find, replace]) => ({ file, find, replace })),
);
