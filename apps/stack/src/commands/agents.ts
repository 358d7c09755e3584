import { agentCodeError, lackingAgents } from "@holdfast/orchestrator/src/agent-code.ts";
import { bundleKey } from "@holdfast/orchestrator/src/bundle-key.ts";
import { prepareApart } from "@holdfast/orchestrator/src/workflow-bundle.ts";
import type { Offer } from "../children.ts";
import { ROOT } from "../paths.ts";
import { StackError } from "../stack-error.ts";
import type { StartOptions } from "./settings.ts";

const LOOK_MS = 1_000;

/** Which agents the edges offer, from the code as it is and from what was set. */
export class Agents {
  readonly #settings: StartOptions["agents"];
  #names: readonly string[] | undefined;
  #key: string | undefined;

  constructor(settings: StartOptions["agents"]) {
    this.#settings = settings;
  }

  /** Of the state of the sources that was read last (`bundleKey`). */
  get key(): string | undefined {
    return this.#key;
  }

  /** Undefined while the code of the agents cannot be read: the edges then offer what they do by default. */
  get offer(): Offer | undefined {
    const agents = this.#settings.offered ?? this.#names;
    if (agents === undefined) return undefined;
    return { agents, defaultAgent: this.#settings.defaultAgent ?? defaultOf(agents) };
  }

  /**
   * Reads the agents' code, and makes the bundle the orchestrator will run. Returns what is wrong with the code, in one line.
   * Rejects with a `StackError` where what was set names agents there are not.
   */
  async read(signal?: AbortSignal): Promise<string | undefined> {
    // Before they are read: what is saved meanwhile is another state.
    this.#key = await bundleKey(ROOT).catch(() => undefined);
    const prepared = await prepareApart(signal).catch((error: unknown) => ({
      problem: agentCodeError(error, ROOT).message,
    }));
    if ("problem" in prepared) return prepared.problem;
    const { offered, defaultAgent } = this.#settings;
    const problem = lackingAgents(offered ?? [], prepared.agents);
    if (problem !== undefined) throw new StackError("unknown_agent", `${problem} Unset it to offer all of them.`);
    const names = offered ?? prepared.agents;
    if (defaultAgent !== undefined && !names.includes(defaultAgent)) {
      throw new StackError(
        "unknown_agent",
        `HOLDFAST_DEFAULT_AGENT is "${defaultAgent}", but the agents offered are ${names.join(", ")}: name one of them.`,
      );
    }
    this.#names = prepared.agents;
    return undefined;
  }
}

/** The page talks to the concierge, and so does who names no agent, where there is one. */
function defaultOf(agents: readonly string[]): string {
  return agents.includes("concierge") ? "concierge" : (agents[0] ?? "concierge");
}

/** Calls back whenever the sources are others than those that were read last. Returns what ends the watch. */
export function watchCode(agents: Agents, onChange: () => Promise<void>): () => void {
  let busy = false;
  const look = async (): Promise<void> => {
    const key = await bundleKey(ROOT).catch(() => undefined);
    if (key !== undefined && key !== agents.key) await onChange();
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void look().finally(() => (busy = false));
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
