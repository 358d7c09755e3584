import { textOf } from "../../kit/reading.ts";
import { type BrokenBuild, edit, type Story } from "./build.ts";

const READER = "apps/edge/src/read/reader.ts";
const WRITE = "packages/session-log/src/lua/write.lua";
const SLOWLY = "tokens=50,slow=25ms";

/** Two inputs, one after the other's answer. */
const smallTalk: Story = async (trial) => {
  trial.say(trial.one, "good morning", SLOWLY);
  await trial.shows(trial.one, "the first answer", ({ turns }) => turns.length === 1);
  trial.say(trial.two, "good night", SLOWLY);
};

/** A client opens the session in mid-sentence. */
const lateComer: Story = async (trial) => {
  trial.say(trial.one, "tell me a story", SLOWLY);
  await trial.shows(trial.one, "half a sentence", ({ running }) => (running?.index ?? 0) > 5);
  await trial.join("three");
};

/** A client is away while a turn ends. */
const away: Story = async (trial) => {
  trial.say(trial.one, "tell me a story", SLOWLY);
  await trial.shows(trial.one, "half a sentence", ({ running }) => (running?.index ?? 0) > 5);
  const link = trial.linkOf(trial.one);
  link.unplug();
  await trial.shows(trial.two, "the whole of it", ({ turns }) => turns.length === 1);
  link.plug();
  trial.say(trial.one, "and then?", SLOWLY);
  await trial.shows(trial.two, "what came then", ({ turns }) => turns.length === 2);
};

/** The model's answer is cut half-way, and the call made again. */
const modelCut: Story = async (trial) => {
  trial.say(trial.one, "tell me a story", "cut@10,tokens=30,slow=10ms");
  await trial.shows(trial.one, "half a sentence", ({ running }) => textOf(running) !== "");
};

/** An attempt takes longer than its worker may be silent. */
const longAnswer: Story = async (trial) => {
  trial.say(trial.one, "take your time", "tokens=90,slow=50ms");
  await trial.shows(trial.one, "half a sentence", ({ running }) => textOf(running) !== "");
};

/** The worker that made an answer dies before Temporal has heard of it. */
const resultIsLost: Story = async (trial) => {
  const { inferenceToTemporal } = trial.lane;
  trial.say(trial.one, "tell me a story", SLOWLY);
  await trial.shows(trial.one, "half a sentence", ({ running }) => textOf(running) !== "");
  inferenceToTemporal.freeze();
  await trial.misdeed("a turn ends that Temporal has not heard of", () => trial.one.view().turns.length === 1);
  await trial.lane.replace("inference", () => inferenceToTemporal.cut());
};

const SEND = "this.#writer.write(packet.under(this.#start.ref));";
const drops = (condition: string, otherwise: string) =>
  `const it = packet.frames[0]; if (${condition}) return; ${otherwise}`;

/** What the way out must not do: readers are shown all that is, whole and in order, and nothing that is not. */
export const OUTPUT: readonly BrokenBuild[] = [
  {
    name: "drops a frame, which the next one's place in the chain gives away",
    app: "edge",
    patches: [edit(READER, SEND, drops("it.type === 'delta' && it.index === 3", SEND))],
    story: smallTalk,
    breaks: "healed",
  },
  {
    name: "drops a frame and mends the chain",
    app: "edge",
    patches: [
      edit(
        READER,
        SEND,
        `
          const it = packet.frames[0];
          if (it.type === "delta" && it.index === 3) { this.dropped = it; return; }
          const mended = JSON.parse(it.json);
          if (it.prev === this.dropped?.id) mended.prev = this.dropped.prev;
          if (mended.turn === this.dropped?.turn && mended.index > 3) mended.index--;
          const repacked = new FramesPacket([{ ...it, json: JSON.stringify(mended) }]);
          this.#writer.write(repacked.under(this.#start.ref));`,
      ),
    ],
    story: smallTalk,
    breaks: "garbled",
  },
  {
    name: "drops the last frame, after which nothing gives it away",
    app: "edge",
    patches: [edit(READER, SEND, drops("it.type === 'turn.ended' && it.turn === 2", SEND))],
    story: smallTalk,
    breaks: "diverged",
  },
  {
    name: "resumes a reader at the end of the log instead of its cursor",
    app: "edge",
    patches: [
      edit(
        READER,
        "if (newest !== undefined) return this.#joinAfter(behind, newest);",
        "behind.cursor = this.#feed.tail; behind.sequence = new SequenceCheck(undefined); return this.#joinAfter(behind, []);",
      ),
    ],
    story: away,
    breaks: "gap",
  },
  {
    name: "writes a delta that the log's own copy of the text misses",
    app: "inference",
    patches: [
      edit(WRITE, "redis.call('APPEND', TEXT, text)", "if head.index ~= 3 then redis.call('APPEND', TEXT, text) end"),
      edit(
        WRITE,
        // Were it counted, the log would notice that it is not there.
        "head.textBytes + #text",
        "head.textBytes + (head.index ~= 3 and #text or 0)",
      ),
    ],
    story: lateComer,
    breaks: "garbled",
  },
  {
    name: "starts an answer over without a rewind",
    app: "inference",
    patches: [
      edit("activities/src/attempt.ts", 'if (prompt.prefix !== "") this.#writer.goOn();', "this.#writer.goOn();"),
    ],
    story: modelCut,
    breaks: "garbled",
  },
  {
    name: "goes on writing when it was given up for dead, and is not stopped by the fence",
    app: "inference",
    patches: [
      edit(
        "activities/src/respond.ts",
        "=> context.heartbeat(progress.toDetails());",
        "=> void (attempt > 1 && context.heartbeat(progress.toDetails()));",
      ),
      edit(
        "activities/src/attempt.ts",
        "this.#activity.onCancel((why) => this.#generation.end({ why }));",
        "this.#activity.onCancel(() => {});",
      ),
      edit(WRITE, "if order < 0 then return 'stale' end", "if order < 0 then return 'appended' end"),
      edit(
        WRITE,
        // The fence stays the later attempt's, which goes on as well.
        "head.attempt, head.held, head.seq, head.torn = attempt, attempt, seq, 0",
        "if compare_fence(step, attempt) >= 0 then head.attempt, head.held, head.seq, head.torn = attempt, attempt, seq, 0 end",
      ),
    ],
    story: longAnswer,
    breaks: "garbled",
  },
  {
    name: "publishes before the commit",
    app: "inference",
    patches: [
      edit(
        "activities/src/attempt.ts",
        "return await this.#respond(await this.#writer.begin(this.#contextTurns));",
        `const result = await this.#respond(await this.#writer.begin(this.#contextTurns));
          const { key, epoch, startedVersion, turn, origin, inputs } = this.#request;
          const { attempt, index, parts, finish, model } = result;
          const ending = { outcome: "completed", finish, model };
          const ended = { turn, origin, inputs, steps: [{ step: 1, attempt, parts }], ...ending };
          const place = { version: startedVersion + 1, turn, step: 1, attempt, index };
          const frame = { type: "turn.ended", ...place, ...ending, parts, patch: [] };
          await this.#deps.log.commit(key, { run: "no run", epoch, frame, state: {}, turn: ended, keepTurns: 1 });
          return result;`,
      ),
    ],
    story: resultIsLost,
    breaks: "retracted",
  },
];
