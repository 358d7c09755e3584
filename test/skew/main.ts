import { fileURLToPath } from "node:url";
import type { Tree } from "../builds/patched-tree.ts";
import { releasedTree } from "../builds/released-tree.ts";
import { does, program, run } from "../kit/command-line.ts";
import { type Counts, countsOf, isClean, seconds } from "../kit/report.ts";
import { type Phase, PHASES, Rollout } from "./rollout.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const command = program(
  "skew",
  "Rolls real processes from an earlier release to this one and back while clients of both talk through edges of both; a checker looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
)
  .requiredOption("--from <ref>", "the earlier release: a commit, a tag, a branch")
  .option("--to <ref>", "the later one (this source tree as it is)");
await run(does(command, ({ from, to }: { from: string; to?: string }) => skew(from, to)));

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
  return rows.every(isClean) ? 0 : 1;
}

interface Row extends Counts {
  phase: string;
  acked: number;
  "longest silence": string;
  "at rest after": string;
  "continued as new": number;
}

async function told(phase: Phase, rollout: Rollout): Promise<Row> {
  const { acked, violations, longestSilenceMs, settledMs, continued } = await rollout.run(phase);
  const row: Row = {
    phase: phase.name,
    acked,
    ...countsOf(violations),
    "longest silence": seconds(longestSilenceMs),
    "at rest after": seconds(settledMs),
    "continued as new": continued,
  };
  console.error(JSON.stringify(row));
  for (const violation of violations) console.error(`  BROKEN ${JSON.stringify(violation)}`);
  return row;
}
