import { parse, type Node } from "acorn";

const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);
/** What `workflows/src/session/loop-guard.ts` puts there. */
const ROUND = "globalThis.holdfastRound?.();";

/** Of what webpack calls a loader with. */
interface Loading {
  callback(error: null, code: string, map?: string): void;
}

/**
 * Webpack's loader for agents' code: each round of each loop is counted. An endless loop would otherwise hold the one thread of
 * all sessions until the SDK gives up on the workflow task, which Temporal then tries again, and again. Counted, and not timed:
 * a replay must end it at the same place. Everything stays in its line, for stack traces.
 */
export default function loopLoader(this: Loading, source: string, map?: string): void {
  this.callback(null, guarded(source), map);
}

export function guarded(source: string): string {
  const insertions: { at: number; text: string }[] = [];
  for (const node of nodesOf(parse(source, { ecmaVersion: "latest", sourceType: "module" }))) {
    if (!LOOPS.has(node.type) || !("body" in node) || !isNode(node.body)) continue;
    const { type, start, end } = node.body;
    if (type === "BlockStatement") insertions.push({ at: start + 1, text: ROUND });
    else insertions.push({ at: start, text: `{${ROUND}` }, { at: end, text: "}" });
  }
  // From the end, so that places before stay where they are; of two at one place the inner loop's, which comes later, goes first.
  let code = source;
  for (const { at, text } of insertions.toSorted((a, b) => b.at - a.at)) {
    code = code.slice(0, at) + text + code.slice(at);
  }
  return code;
}

function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const element of value) yield* nodesOf(element);
  if (!isNode(value)) return;
  yield value;
  for (const member of Object.values(value)) yield* nodesOf(member);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
