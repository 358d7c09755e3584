import type { Json, Question, ToolPart, ToolState } from "@holdfast/contract";
import { Fold } from "../fold.tsx";
import { GivenName } from "../given-name.tsx";
import { CodeBlock } from "../markdown/code-block.tsx";
import { useMe } from "../me.ts";
import { StateValue } from "../state-view.tsx";
import { cut, oneLine } from "../plain-text.ts";

/** SPEC part-3, in words. */
const STATES: Record<ToolState, { mark: string; words: string; isOpen: boolean }> = {
  writing: { mark: "…", words: "being called…", isOpen: true },
  ready: { mark: "…", words: "about to run…", isOpen: true },
  asking: { mark: "?", words: "waits for an answer", isOpen: true },
  approved: { mark: "…", words: "approved, about to run…", isOpen: true },
  denied: { mark: "✕", words: "not allowed", isOpen: false },
  running: { mark: "…", words: "running…", isOpen: true },
  done: { mark: "✓", words: "done", isOpen: false },
  failed: { mark: "✕", words: "failed", isOpen: false },
  stopped: { mark: "■", words: "stopped", isOpen: false },
  unknown: { mark: "?", words: "interrupted: nobody can tell whether it ran", isOpen: false },
};

interface ToolCallProps {
  tool: ToolPart;
  /** Its turn has not ended. */
  isRunning: boolean;
  /** The question that is asked for it, while nobody has answered it. */
  question: Question | undefined;
}

/** A tool that the agent called: what became of it, and on demand what it was given and what it gave. */
export function ToolCall({ tool, isRunning, question }: ToolCallProps) {
  const { name, state, error, progress } = tool;
  const { mark, words, isOpen } = STATES[state];
  const isLost = isOpen && !isRunning;
  return (
    <div className="part tool" data-tool={name} data-state={state}>
      <p className="part-head">
        <span className="tool-mark" aria-hidden="true">
          {isLost ? "■" : mark}
        </span>
        <span className="visually-hidden">Tool: </span>
        <strong>
          <GivenName name={name} />
        </strong>
        <span className="muted">{isLost ? "not finished" : words}</span>
      </p>
      {isOpen && !isLost && progress !== undefined ? <Progress progress={progress} /> : null}
      <Decision tool={tool} question={question} />
      {error === undefined ? null : (
        <p className="failure" dir="auto">
          {cut(error, LONGEST_ERROR)}
        </p>
      )}
      <Input tool={tool} />
      <Output tool={tool} />
    </div>
  );
}

const LONGEST_ERROR = 1_000;

/** A number from 0 to 1, or `{ done, total }`, as a bar; anything else as it is. */
function Progress({ progress }: { progress: Json }) {
  if (typeof progress === "number") return <Bar done={progress} total={1} />;
  if (typeof progress === "string") return <p className="muted">{cut(oneLine(progress), LONGEST_ERROR)}</p>;
  if (progress !== null && typeof progress === "object" && "done" in progress && "total" in progress) {
    const { done, total } = progress;
    if (typeof done === "number" && typeof total === "number" && total > 0) return <Bar done={done} total={total} />;
  }
  return <StateValue value={progress} />;
}

function Bar({ done, total }: { done: number; total: number }) {
  const part = Math.min(1, Math.max(0, done / total));
  return (
    <p className="progress">
      <progress value={part} aria-label="How far it is" /> <span className="muted">{Math.round(part * 100)} %</span>
    </p>
  );
}

/** Who decided about it. What is still asked stands at the turn's end. */
function Decision({ tool: { state, by }, question }: Pick<ToolCallProps, "tool" | "question">) {
  const me = useMe();
  if (question !== undefined) {
    return (
      <p className="muted">
        Asked: <bdi lang="">{cut(oneLine(question.title), LONGEST_ERROR)}</bdi>
      </p>
    );
  }
  if (by === undefined || state === "asking") return null;
  return (
    <p className="muted">
      {state === "denied" ? "Denied" : "Approved"} by {by === me ? "you" : <GivenName name={by} />}.
    </p>
  );
}

function Input({ tool: { input, inputText } }: Pick<ToolCallProps, "tool">) {
  if (input !== undefined) return <Values summary="Input" value={input} />;
  if (inputText === undefined || inputText === "") return null;
  return (
    <Fold summary="Input (being written)">
      <CodeBlock code={inputText} language="json" label="Input" />
    </Fold>
  );
}

function Output({ tool: { output, preview, blob } }: Pick<ToolCallProps, "tool">) {
  if (output !== undefined) return <Values summary="Output" value={output} />;
  if (preview !== undefined) {
    return (
      <Fold summary="Output (its beginning)">
        <CodeBlock code={preview} language="" label="Output" />
      </Fold>
    );
  }
  return blob === undefined ? null : <p className="muted">Its output is kept as a file.</p>;
}

/** A text as it is, anything else as JSON: both to the letter, and copied as they are. */
function Values({ summary, value }: { summary: "Input" | "Output"; value: Json }) {
  return (
    <Fold summary={summary}>
      <Letters label={summary} value={value} />
    </Fold>
  );
}

function Letters({ label, value }: { label: string; value: Json }) {
  const isText = typeof value === "string";
  return (
    <CodeBlock code={isText ? value : JSON.stringify(value, null, 2)} language={isText ? "" : "json"} label={label} />
  );
}
