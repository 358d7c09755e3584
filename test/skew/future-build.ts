import type { Patch } from "../builds/patched-tree.ts";

/** Whatever a later release may add to something (SPEC version-2). */
const LATER = "later: { since: [1, { deep: null }] }";
const ONCE = (what: string, key: string): string =>
  `(globalThis.${what} ??= new Set()).has(${key}) ? false : globalThis.${what}.add(${key})`;
const REFUSAL = `{ code: "moon_phase", message: "Not at this hour.", retryAfterMs: 20, ${LATER} }`;

/**
 * A later release of the same protocol version: its edge adds members to all it sends, says things nobody asked for, and
 * refuses what is asked first by a code of its own.
 */
const EDGE: readonly Patch[] = [
  {
    file: "apps/edge/src/read/packet.ts",
    find: '[${frames.join(",")}]]`',
    replace: `[\${frames.map((frame) => frame.replace("{", '{"later":{"deep":[1]},')).join(",")}],{"later":true}]\``,
  },
  {
    file: "apps/edge/src/connect/sockets.ts",
    find: "ack(answer);",
    replace: `ack({ ...answer, ${LATER} });`,
  },
  {
    file: "apps/edge/src/connect/sockets.ts",
    find: "limits: { ...LIMITS, ...this.#options.limits },",
    replace: `limits: { ...LIMITS, ...this.#options.limits, wishesPerMinute: 7 }, revision: 4, takes: ["wishes"], ${LATER},`,
  },
  {
    file: "apps/edge/src/connect/sockets.ts",
    find: `socket.emit("welcome",`,
    replace: `socket.emit("weather", { wind: 3 }, [1]);
    socket.emit("welcome",`,
  },
  {
    file: "apps/edge/src/connect/handshake.ts",
    find: `if (isDraining()) return refused("draining");`,
    replace: `if (${ONCE("connected", "auth.data.token")}) return { outcome: "refused", error: ${REFUSAL} };`,
  },
  {
    file: "apps/edge/src/connect/connection.ts",
    find: "const checked = this.#admit() ?? checkRequest(openRequestSchema, raw);",
    replace: `if (${ONCE("opened", "this")}) return answer(refusal(${REFUSAL}));
    const checked = this.#admit() ?? checkRequest(openRequestSchema, raw);`,
  },
  {
    file: "apps/edge/src/connect/connection.ts",
    find: "const checked = this.#admit() ?? checkSend(raw);",
    replace: `if (${ONCE("sent", "this")}) return this.#refuseSend(raw, ${REFUSAL}, answer);
    const checked = this.#admit() ?? checkSend(raw);`,
  },
];

/** Its workers write members and a type of frame that nobody knows yet. */
const WORKERS: readonly Patch[] = [
  {
    file: "packages/session-log/src/lua/write.lua",
    find: ".. rest .. '}'",
    replace: `.. rest .. ',"later":{"since":[1,{"deep":null}]}}'`,
  },
  {
    file: "packages/session-log/src/session-log.ts",
    find: "JSON.stringify(started)",
    replace: `JSON.stringify({ ...started, ${LATER} })`,
  },
  {
    file: "packages/session-log/src/lua/write.lua",
    find: "  append(frame((opening ==",
    replace: `  append('{"type":"turn.usage","tokens":[1,{}]}')
  append(frame((opening ==`,
  },
];

/** Its workflow knows more of a session. */
const WORKFLOW: readonly Patch[] = [
  {
    file: "workflows/src/session/turn.ts",
    find: "const turn: EndedTurn = { ...this.#begun, steps, ...ending };",
    replace: `const turn: EndedTurn = { ...this.#begun, steps, ...ending, ${LATER} };`,
  },
  {
    file: "workflows/src/session/turn.ts",
    find: 'frame: { type: "turn.ended",',
    replace: `frame: { ${LATER}, type: "turn.ended",`,
  },
  {
    file: "workflows/src/session/session.ts",
    find: "applied: this.#producers.applied(),",
    replace: `applied: this.#producers.applied(), title: "what we talked about", ${LATER},`,
  },
];

export const FUTURE: readonly Patch[] = [...EDGE, ...WORKERS, ...WORKFLOW];
