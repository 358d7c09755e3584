/** How a server says that its answer ends. */
export type FinishMeaning =
  /** The model had said all it wanted. */
  | "stop"
  /** A limit of tokens cut it. */
  | "length"
  /** A content filter cut it. */
  | "filtered"
  /** The generation broke: what came until then is no answer. */
  | "broken"
  /** A word nobody here knows. */
  | "unclear";

/**
 * The words servers are known to send as `finish_reason`, in lower case. Where they come from:
 * OpenAI's own five (stop, length, content_filter, tool_calls, function_call); Together and TGI (eos, eos_token, stop_sequence);
 * Anthropic behind gateways (end_turn, max_tokens, refusal, model_context_window_exceeded); Mistral (model_length, error); Cohere
 * (complete, error_limit, error_toxic); Gemini (SAFETY, RECITATION, MALFORMED_FUNCTION_CALL, OTHER); DeepSeek
 * (insufficient_system_resource); Zhipu (sensitive, network_error); vLLM and SGLang (abort when the engine stops, sleeps or scales
 * down); OpenRouter and LiteLLM (error); Ollama (load, unload: a model that was only moved).
 */
const KNOWN: Record<Exclude<FinishMeaning, "unclear">, string[]> = {
  // A model that wants to call a tool although none was offered has ended by its own will: what it said is whole.
  stop: (
    "stop end eos eos_token end_turn end_of_text endoftext eot stop_sequence stop_string stop_str stop_token stop_word stop_words " +
    "complete completed completion done finish finished success normal natural tool_calls tool_call tool_use function_call"
  ).split(" "),
  length: (
    "length max_tokens max_token max_output_tokens max_completion_tokens max_new_tokens max_length max_tokens_reached model_length " +
    "token_limit output_limit context_length context_window_exceeded model_context_window_exceeded truncated error_limit"
  ).split(" "),
  filtered: (
    "content_filter content_filtered safety recitation blocklist blocked prohibited_content spii image_safety language refusal " +
    "content_policy content_policy_violation sensitive moderation flagged guardrail guardrails guardrail_intervened model_armor " +
    "error_toxic"
  ).split(" "),
  broken: (
    "abort aborted cancel canceled cancelled error engine_error server_error internal_error network_error timeout timed_out " +
    "insufficient_system_resource malformed_function_call malformed_response unexpected_tool_call too_many_tool_calls failed failure " +
    "interrupted preempted evicted shutdown overloaded unavailable disconnected incomplete load unload"
  ).split(" "),
};

const MEANINGS = new Map(
  Object.entries(KNOWN).flatMap(([meaning, words]) =>
    isMeaning(meaning) ? words.map((word): [string, FinishMeaning] => [word, meaning]) : [],
  ),
);

/** For words of tomorrow. What sounds like a fault comes first: half an answer must not be taken for a whole one. */
const SOUNDS_LIKE: [RegExp, FinishMeaning][] = [
  [/toxic|filter|safety|polic|sensitiv|moderat|prohibit|block|guardrail|refus/, "filtered"],
  [
    /abort|cancel|error|fail|time_?d?_?out|interrupt|insufficient|unavailab|overload|malformed|invalid|network|connect|crash|kill|shut_?down|preempt|evict|incomplete|exception/,
    "broken",
  ],
  [/length|max|limit|truncat/, "length"],
  [/^(stop|end|eos|finish|complet|done)/, "stop"],
];

/** Undefined for what is no finish reason: a missing one, `null`, and "", which older Ollamas send with every chunk. */
export function meaningOf(finishReason: unknown): FinishMeaning | undefined {
  if (finishReason === undefined || finishReason === null || finishReason === false) return undefined;
  if (typeof finishReason !== "string") return "unclear";
  const word = finishReason
    .toLowerCase()
    .replace(/^finish_?reason[._]/, "")
    .replaceAll(/[^a-z]+/g, "_")
    .replaceAll(/^_|_$/g, "");
  if (word === "" || word === "null" || word === "none") return undefined;
  return MEANINGS.get(word) ?? SOUNDS_LIKE.find(([sound]) => sound.test(word))?.[1] ?? "unclear";
}

function isMeaning(text: string): text is keyof typeof KNOWN {
  return text in KNOWN;
}
