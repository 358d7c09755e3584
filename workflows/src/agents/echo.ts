import { defineAgent } from "./define-agent.ts";

/** The smallest agent there is: no state, and each input gets one reply, without what was said before. */
export const echo = defineAgent({
  name: "echo",
  initialState: {},
  async onTurn(turn) {
    await turn.reply({ contextTurns: 0 });
  },
});
