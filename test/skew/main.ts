import { fileURLToPath } from "node:url";
import { Command } from "commander";
import type { Tree } from "../builds/patched-tree.ts";
import { releasedTree } from "../builds/released-tree.ts";
import type { BrokenPromise } from "../chaos/violation.ts";
import { PHASES, type Phase } from "./phases.ts";
import { type PhaseResult, Rollout } from "./rollout.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const program = new Command("npm run skew --").description(
  "Rolls real processes from an earlier release to this one and back while clients of both talk through edges of both; a checker looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
);
// As everywhere here: 2 for an option that is not right, 1 for what was found.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
program
  .requiredOption("--from <ref>", "the earlier release: a commit, a tag, a branch")
  .option("--to <ref>", "the later one (this source tree as it is)")
  .action(async (options: { from: string; to?: string }) => {
    process.exitCode = await skew(options.from, options.to);
  });
await program.parseAsync();
// A library's timer must not keep a command alive that has done its work.
process.exit();

async function skew(from: string, to: string | undefined): Promise<number> {
  const trees: Tree[] = [];
  const treeOf = async (ref: string): Promise<string> => {
    console.error(`${ref} is checked out, and what it depends on installed`);
    const tree = await releasedTree(ref);
    trees.push(tree);
    return tree.root;
  };
  const rows: Row[] = [];
  try {
    const rollout = await Rollout.start({ old: await treeOf(from), new: to === undefined ? ROOT : await treeOf(to) });
    try {
      for (const phase of PHASES) rows.push(await told(phase, rollout));
    } finally {
      await rollout.stop();
    }
  } finally {
    await Promise.all(trees.map((tree) => tree.remove()));
  }
  console.table(rows);
  return rows.every((row) => row.lost + row.repeated + row.garbled + row.gaps + row.hangs === 0) ? 0 : 1;
}

interface Row {
  phase: string;
  acked: number;
  lost: number;
  repeated: number;
  garbled: number;
  gaps: number;
  hangs: number;
  "longest silence": string;
  "at rest after": string;
  "continued as new": number;
}

async function told(phase: Phase, rollout: Rollout): Promise<Row> {
  const result = await rollout.run(phase);
  const row = rowOf(phase, result);
  console.error(JSON.stringify(row));
  for (const violation of result.violations) console.error(`  BROKEN ${JSON.stringify(violation)}`);
  return row;
}

function rowOf({ name }: Phase, { acked, violations, longestSilenceMs, settledMs, continued }: PhaseResult): Row {
  const count = (...promises: BrokenPromise[]): number =>
    violations.filter(({ promise }) => promises.includes(promise)).length;
  return {
    phase: name,
    acked,
    lost: count("lost", "retracted"),
    repeated: count("duplicated", "reordered", "invented"),
    garbled: count("garbled"),
    gaps: count("gap", "diverged"),
    hangs: count("hang"),
    "longest silence": seconds(longestSilenceMs),
    "at rest after": seconds(settledMs),
    "continued as new": continued,
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
