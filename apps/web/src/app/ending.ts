import { textOf, type Finish, type Turn } from "@holdfast/contract";

/** What a person has to know of how a turn ended. */
export interface Ending {
  kind: "stopped" | "cut" | "failed";
  /** What happened, in plain words. */
  title: string;
  /** What one can do. Empty where nothing is to be done. */
  advice: string;
  /** For whoever runs the service. */
  details: string | undefined;
  /** Saying the same again may help. */
  retry: boolean;
}

/** Undefined for an answer that is whole. `me`: the subject that reads it. */
export function endingOf(turn: Turn, me: string): Ending | undefined {
  const said = textOf(turn) !== "";
  switch (turn.outcome) {
    case "completed":
      return cutOf(turn.finish);
    case "interrupted":
      return {
        kind: "stopped",
        title: said ? `${stoppedBy(turn, me)} here.` : `${stoppedBy(turn, me)} before the first word.`,
        advice: "",
        details: undefined,
        retry: true,
      };
    case "failed": {
      const { code, message } = turn.error ?? { code: "unknown", message: "No reason was given." };
      const { title, advice } = FAILURES.get(code) ?? UNKNOWN_FAILURE;
      return {
        kind: "failed",
        title: said ? `${title} The answer breaks off here.` : title,
        advice,
        details: `${code}: ${message}`,
        retry: true,
      };
    }
  }
}

function stoppedBy({ by }: Turn, me: string): string {
  if (by === undefined) return "The answer was stopped";
  return `${by === me ? "You" : by} stopped the answer`;
}

const CUT = { kind: "cut", details: undefined } as const;

function cutOf(finish: Finish): Ending | undefined {
  switch (finish) {
    case "length":
      return {
        ...CUT,
        title: "The answer was cut off here: it had become as long as one answer may be.",
        advice: "Ask for the rest, or for a shorter answer.",
        retry: false,
      };
    case "limit":
      return {
        ...CUT,
        title: "The answer was cut off here: it is more than one turn may hold.",
        advice: "Ask for the rest, or for it in parts.",
        retry: false,
      };
    case "filtered":
      return {
        ...CUT,
        title: "The answer was cut off here by a filter for unsuitable content.",
        advice: "Try to say it in other words.",
        retry: false,
      };
    case "interrupted":
      return { ...CUT, kind: "stopped", title: "The answer was stopped here.", advice: "", retry: true };
    case "error":
      return { ...CUT, title: "The answer breaks off here.", advice: "Try again.", retry: true };
    case "stop":
      return undefined;
  }
}

interface Words {
  title: string;
  advice: string;
}

const UNKNOWN_FAILURE: Words = {
  title: "Something went wrong while answering.",
  advice: "Your message is kept. Try again, or say it in other words.",
};

/** SPEC turn-5, in words for a visitor: keys and model names are the operator's matter, and stand in the details. */
const FAILURES: ReadonlyMap<string, Words> = new Map(
  Object.entries({
    model_refused: {
      title: "This could not be answered.",
      advice: "Try it in other words, or shorter. If nothing is answered, tell whoever runs this service.",
    },
    content_refused: {
      title: "This may not be answered here.",
      advice: "Say it in other words, or ask for something else.",
    },
    context_too_long: {
      title: "This message is too long to be answered.",
      advice: "Send a shorter one, or send it in parts.",
    },
    output_limit: {
      title: "The answer was thought about for so long that no room was left to say it.",
      advice: "Ask for less at once.",
    },
    model_unavailable: {
      title: "What writes the answers could not be reached.",
      advice: "Your message is kept. Try again in a minute.",
    },
    turn_deadline: {
      title: "The answer took too long and was given up.",
      advice: "Try again, or ask for less at once.",
    },
    agent_error: {
      title: "The agent stumbled over this message.",
      advice: "Try again, or say it in other words. If it stays so, tell whoever runs this service.",
    },
    state_too_large: {
      title: "The agent's memory of this conversation is full.",
      advice: "Begin a new conversation.",
    },
  }),
);
