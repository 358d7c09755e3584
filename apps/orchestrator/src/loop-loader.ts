import { parse, type Node } from "acorn";

const OPTIONS = { ecmaVersion: "latest", sourceType: "module" } as const;
const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);
/** Imported, and no global: to look up one of those takes so long in the sandbox that many rounds would be over its time. */
const round = (awaits: boolean): string => (awaits ? `holdfastRound(${AWAITING});` : "holdfastRound();");
/** A round that awaits counts for so many: each promise costs the sandbox microseconds, since the SDK takes its stack. */
const AWAITING = 100;

/** Of what webpack calls a loader with. `guard`: the file that exports `holdfastRound`. */
interface Loading {
  callback(error: null, code: string, map?: string): void;
  getOptions(): { guard: string };
}

/**
 * Webpack's loader for agents' code: each round of each loop is counted. An endless loop would otherwise hold the one thread of
 * all sessions until the SDK gives up on the workflow task, which Temporal then tries again, and again. Counted, and not timed:
 * a replay must end it at the same place. Everything stays in its line, for stack traces.
 */
export default function loopLoader(this: Loading, source: string, map?: string): void {
  const code = guarded(source);
  if (code === source) return this.callback(null, source, map);
  const guard = JSON.stringify(this.getOptions().guard);
  const imported = isModule(source)
    ? `import { holdfastRound } from ${guard};`
    : `const { holdfastRound } = require(${guard});`;
  // Behind the rest, so that lines stay where they are; an import is done first wherever it stands.
  this.callback(null, isModule(source) ? `${code}\n${imported}\n` : `${imported}${code}`, map);
}

function isModule(source: string): boolean {
  const { body } = parse(source, OPTIONS);
  return body.some(({ type }) => /^(Import|Export)\w*Declaration$/.test(type));
}

export function guarded(source: string): string {
  const insertions: { at: number; text: string }[] = [];
  for (const node of nodesOf(parse(source, OPTIONS))) {
    if (!LOOPS.has(node.type) || !("body" in node) || !isNode(node.body)) continue;
    const { type, start, end } = node.body;
    const counted = round(awaits(node));
    if (type === "BlockStatement") insertions.push({ at: start + 1, text: counted });
    else insertions.push({ at: start, text: `{${counted}` }, { at: end, text: "}" });
  }
  // From the end, so that places before stay where they are; of two at one place the inner loop's, which comes later, goes first.
  let code = source;
  for (const { at, text } of insertions.toSorted((a, b) => b.at - a.at)) {
    code = code.slice(0, at) + text + code.slice(at);
  }
  return code;
}

/** Itself, and not only in a function within it. */
function awaits(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(awaits);
  if (!isNode(value) || /Function/.test(value.type)) return false;
  if (value.type === "AwaitExpression" || ("await" in value && value.await === true)) return true;
  return Object.values(value).some(awaits);
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
