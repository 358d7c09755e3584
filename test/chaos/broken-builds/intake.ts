import { until } from "../../kit/wait.ts";
import { type BrokenBuild, edit, type Story } from "./build.ts";
import type { Trial } from "./trial.ts";

const SLOWLY = "tokens=60,slow=25ms";

async function waiting(trial: Trial, events: number): Promise<void> {
  await until(`${events} events wait at the edge`, async () => (await trial.lane.waitingEvents()) === events);
}

async function hello(trial: Trial): Promise<void> {
  trial.say(trial.one, "hello");
  await trial.shows(trial.one, "the first answer", ({ turns }) => turns.length === 1);
}

/** Temporal is out of reach; the edge takes an input, and the client, whose connection is cut, sends it again. */
const sentTwice: Story = async (trial) => {
  const { edgeToTemporal } = trial.lane;
  await hello(trial);
  edgeToTemporal.freeze();
  const said = trial.say(trial.one, "once");
  await waiting(trial, 1);
  trial.linkOf(trial.one).cut();
  await waiting(trial, 2);
  edgeToTemporal.thaw();
  await until("it is durable", () => said.durable);
};

/** Temporal is out of reach; an input waits at the edge, which is killed. */
const edgeDies: Story = async (trial) => {
  const { edgeToTemporal } = trial.lane;
  await hello(trial);
  edgeToTemporal.freeze();
  const said = trial.say(trial.one, "are you there?");
  await trial.misdeed("an input is acked while Temporal is out of reach", () => said.durable);
  await trial.lane.replace("edge", () => edgeToTemporal.cut());
};

/** The signal of one batch fails while the next one waits. */
const signalFails: Story = async (trial) => {
  const { edgeToTemporal } = trial.lane;
  await hello(trial);
  edgeToTemporal.freeze();
  trial.say(trial.one, "first");
  await waiting(trial, 1);
  const last = trial.say(trial.one, "second");
  await waiting(trial, 2);
  edgeToTemporal.cut();
  await until("both are durable", () => last.durable);
};

/** Inputs come one by one while a turn takes its time. */
const inputsQueue: Story = async (trial) => {
  trial.say(trial.one, "take your time", SLOWLY);
  await trial.shows(trial.one, "a running turn", ({ running }) => running !== null);
  for (const words of ["one", "two", "three"]) {
    const said = trial.say(trial.one, words);
    await until(`"${words}" is durable`, () => said.durable);
  }
};

/** What the way in must not do: everything said is durable before it is acked, and in one turn, in order. */
export const INTAKE: readonly BrokenBuild[] = [
  {
    name: "acks before the signal returns",
    app: "edge",
    patches: [
      edit(
        "apps/edge/src/send/session-queue.ts",
        "const error = await this.#deliver(batch);",
        "for (const piece of batch) this.#settle(piece, undefined); await this.#deliver(batch); return;",
      ),
    ],
    story: edgeDies,
    breaks: "lost",
  },
  {
    name: "goes on with the next batch when one fails",
    app: "edge",
    patches: [
      edit(
        "apps/edge/src/send/session-queue.ts",
        "await this.#sleep(backoff(attempt, options.firstRetryMs, options.longestRetryMs));",
        "this.#waiting.push(...batch); return 'later';",
      ),
      edit(
        "apps/edge/src/send/session-queue.ts",
        "const error = await this.#deliver(batch);",
        "const error = await this.#deliver(batch); if (error === 'later') return;",
      ),
    ],
    story: signalFails,
    breaks: "lost",
  },
  {
    name: "skips the dedupe",
    app: "orchestrator",
    patches: [
      edit("workflows/src/session/inbox.ts", "if (before !== undefined && seq <= before.seq) return false;", ""),
    ],
    story: sentTwice,
    breaks: "duplicated",
  },
  {
    name: "takes the newest input first",
    app: "orchestrator",
    patches: [
      edit(
        "workflows/src/session/inbox.ts",
        "const input = this.#inputs[this.#taken];\n    if (input === undefined) return undefined;\n    this.#taken++;",
        "const input = this.#inputs.pop();\n    if (input === undefined) return undefined;",
      ),
    ],
    story: inputsQueue,
    breaks: "reordered",
  },
  {
    name: "forgets its inbox when it continues as new",
    app: "orchestrator",
    patches: [
      edit("workflows/src/session/continue-as-new.ts", "const SIGNALS = 2_000;", "const SIGNALS = 3;"),
      edit("workflows/src/session/session.ts", "inbox: this.#inbox.waiting,", "inbox: [],"),
    ],
    story: inputsQueue,
    breaks: "lost",
  },
];
