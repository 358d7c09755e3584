import { sessionPath } from "@holdfast/contract";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { answersBy, modelCallsOf } from "../chaos/answers.ts";
import { check } from "../chaos/checker.ts";
import type { History } from "../chaos/history.ts";
import { questionIn } from "../chaos/prompt.ts";
import { rest } from "../chaos/rest.ts";
import { type OutageArena, SCRIPT } from "./outage-arena.ts";
import type { Outage } from "./outage-run.ts";
import { truthOf } from "./outage-truth.ts";

/** A turn that was under way when what it needs went away for longer has failed in the end. */
const TURN_DEADLINE_SECONDS = 120;

/** Waits until all is said and answered, and lets the checker look at every frame and every turn. */
export async function judge({ arena, plan, promises, crowd, unwatched, floods, result }: Outage): Promise<void> {
  const { members } = crowd;
  const { transcripts, hangs, tookMs } = await rest(members, arena.servers.temporalAddress);
  result.restMs = Math.max(...result.convergedMs) + tookMs;
  const readers = members.map((member) => member.record());
  if (unwatched.sent.length > 0) {
    for (const key of unwatched.keys) {
      transcripts.set(sessionPath(key), (await truthOf(arena.temporal, key)).snapshot);
    }
    readers.push(...(await unwatched.readBy(promises, (key) => transcripts.get(sessionPath(key))?.version ?? 0)));
  }
  const script = parseScript(SCRIPT);
  result.violations = check({
    sent: [...crowd.sent, ...unwatched.sent],
    transcripts,
    readers,
    modelCalls: modelCalls(arena, [...crowd.sent, ...unwatched.sent]),
    answers: answersBy((question) => answerTokens(question, script).join("")),
    interrupts: [],
    turnsMayFail: plan.seconds > TURN_DEADLINE_SECONDS,
    hangs,
  });
  for (const flood of floods) await flood.ebb(arena.temporal, promises);
}

/** Those of this run: an arena may have had others before. */
function modelCalls({ model }: OutageArena, sent: History["sent"]): History["modelCalls"] {
  const said = new Set(sent.map(({ text }) => text));
  return modelCallsOf(model.calls).filter(({ messages }) => said.has(questionIn(messages)));
}
