import { sleep } from "@temporalio/workflow";
import { type Agent, defineAgent } from "../src/agents/define-agent.ts";
import { sessionWorkflow } from "../src/session/workflow.ts";

type Notes = { notes: string[] };
const initialState: Notes = { notes: [] };

const AGENTS: readonly Agent[] = [
  defineAgent<Notes>({
    name: "two-steps",
    initialState,
    async onTurn(turn) {
      const first = await turn.reply();
      turn.update(({ notes }) => ({ notes: [...notes, first.text] }));
      await turn.reply({ instructions: "and now?" });
    },
  }),
  defineAgent<Notes>({
    name: "stepper",
    initialState,
    async onTurn(turn) {
      const { text } = await turn.reply();
      turn.update(({ notes }) => ({ notes: [...notes, text] }));
      if (turn.input.text === "twice") await turn.reply({ instructions: "and now?" });
      if (turn.input.text === "stop") await turn.reply({ instructions: "hold" });
      if (turn.input.text !== "try again") return;
      await turn.reply({ instructions: "refuse half-way" }).catch(() => {});
      await turn.reply();
    },
  }),
  defineAgent<Notes>({
    name: "hold-second",
    initialState,
    async onTurn(turn) {
      const { text } = await turn.reply();
      turn.update({ notes: [text] });
      await turn.reply({ instructions: "hold" });
    },
  }),
  defineAgent<Notes>({
    name: "late-thrower",
    initialState,
    async onTurn(turn) {
      const { text } = await turn.reply();
      turn.update(({ notes }) => ({ notes: [...notes, text] }));
      await turn.reply();
      throw new Error("a defect of the agent");
    },
  }),
  defineAgent<Notes>({
    name: "silent",
    initialState,
    async onTurn(turn) {
      turn.update({ notes: [turn.input.text] });
    },
  }),
  defineAgent<Notes>({
    name: "thrower",
    initialState,
    async onTurn(turn) {
      turn.update({ notes: ["lost"] });
      if (turn.input.text === "late") await turn.reply();
      throw new Error("a defect of the agent");
    },
  }),
  defineAgent<Notes>({
    name: "hoarder",
    initialState,
    async onTurn(turn) {
      turn.update({ notes: [await turn.reply().then(({ text }) => text.repeat(100_000))] });
    },
  }),
  defineAgent<Notes>({
    name: "catcher",
    initialState,
    async onTurn(turn) {
      try {
        await turn.reply();
      } catch (error) {
        turn.update({ notes: [error instanceof Error ? error.name : ""] });
      }
    },
  }),
  defineAgent<Notes>({
    name: "wrapper",
    initialState,
    async onTurn(turn) {
      try {
        await turn.reply();
        await turn.reply();
      } catch (cause) {
        throw new Error("wrapped", { cause });
      }
    },
  }),
  defineAgent<Notes>({
    name: "half-refused",
    initialState,
    async onTurn(turn) {
      await turn.reply();
      try {
        await turn.reply({ instructions: "refuse half-way" });
      } catch (error) {
        if (turn.input.text === "give up") throw error;
        if (turn.input.text === "try again") await turn.reply();
      }
    },
  }),
  defineAgent<Notes>({
    name: "impatient",
    initialState,
    deadlineSeconds: 1,
    async onTurn(turn) {
      await turn.reply();
    },
  }),
  defineAgent<Notes>({
    name: "endless",
    initialState,
    async onTurn(turn) {
      if (turn.input.text === "after a reply") await turn.reply();
      if (turn.input.text === "awaiting") for (;;) await Promise.resolve();
      for (let round = 0; round < 100_000; round++) if (turn.input.text === "long") turn.number.toFixed();
      if (turn.input.text !== "long") for (;;);
    },
    onObserve(_, events) {
      if (events.some(({ name }) => name === "loop")) for (;;);
    },
  }),
  defineAgent<Notes>({
    name: "prompt",
    initialState,
    deadlineSeconds: 4,
    async onTurn(turn) {
      await turn.reply();
    },
  }),
  defineAgent<Notes>({
    name: "hasty",
    initialState,
    async onTurn(turn) {
      await Promise.all([turn.reply(), turn.reply()]);
    },
  }),
  defineAgent<Notes>({
    name: "careless",
    initialState,
    async onTurn(turn) {
      if (turn.input.text !== "hold") return;
      const late = () => turn.update({ notes: ["too late"] });
      turn.reply().then(late, late);
      await sleep(500);
    },
  }),
];

export const session = sessionWorkflow((name) => {
  const agent = AGENTS.find((candidate) => candidate.name === name);
  if (agent === undefined) throw new Error(`There is no test agent "${name}".`);
  return agent;
});
