import { fileURLToPath } from "node:url";
import { releasedTree } from "../builds/released-tree.ts";
import { does, program, run } from "../kit/command-line.ts";
import { withUndo } from "../kit/fixture.ts";
import { type Counts, countsOf, isClean, seconds } from "../kit/report.ts";
import { openRollout, type Phase, PHASES, type Rollout } from "./rollout.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const command = program(
  "skew",
  "Rolls real processes from an earlier release to this one and back while clients of both talk through edges of both; a checker looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
)
  .requiredOption("--from <ref>", "the earlier release: a commit, a tag, a branch")
  .option("--to <ref>", "the later one (this source tree as it is)");
await run(does(command, ({ from, to }: { from: string; to?: string }) => skew(from, to)));

async function skew(from: string, to: string | undefined): Promise<number> {
  const rows: Counts[] = [];
  const { close } = await withUndo(async (undo) => {
    const treeOf = async (ref: string): Promise<string> => {
      console.error(`${ref} is checked out, and what it depends on installed`);
      const tree = await releasedTree(ref);
      undo(() => tree.remove());
      return tree.root;
    };
    const rollout = await openRollout({ old: await treeOf(from), new: to === undefined ? ROOT : await treeOf(to) });
    undo(() => rollout.close());
    for (const phase of PHASES) rows.push(await told(phase, rollout));
    return {};
  });
  await close();
  console.table(rows);
  return rows.every(isClean) ? 0 : 1;
}

async function told(phase: Phase, rollout: Rollout): Promise<Counts> {
  const { acked, violations, longestSilenceMs, settledMs, continued } = await rollout.run(phase);
  const row = {
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
