import type { Question } from "@holdfast/contract";
import { Fold } from "../fold.tsx";
import { useMe } from "../me.ts";
import { cut, oneLine } from "../plain-text.ts";
import { StateValue } from "../state-view.tsx";

const LONGEST = 500;

/** What a turn waits for: the questions that somebody has to answer before it goes on. */
export function OpenQuestions({ questions }: { questions: readonly Question[] }) {
  const me = useMe();
  if (questions.length === 0) return null;
  return (
    <section className="questions" aria-label="The agent waits for an answer">
      {questions.map((question) => (
        <div key={question.id} className="question" data-question={question.id}>
          <p>
            <strong>
              <bdi lang="">{cut(oneLine(question.title), LONGEST) || "A question without words"}</bdi>
            </strong>
          </p>
          {question.details === undefined ? null : (
            <Fold summary="Details">
              <StateValue value={question.details} />
            </Fold>
          )}
          <p className="muted">
            {whoMayAnswer(question, me)} {question.until === undefined ? "" : deadline(question.until)}
          </p>
        </div>
      ))}
    </section>
  );
}

/** SPEC turn-7, in words. */
export function whoMayAnswer({ of }: Pick<Question, "of">, me: string): string {
  if (of === "owner") return "Whoever this conversation belongs to may answer.";
  if (of === "operators") return "Whoever runs this service may answer.";
  if ("subject" in of)
    return of.subject === me ? "You may answer." : `${cut(oneLine(of.subject), LONGEST)} may answer.`;
  return `Whoever has the role “${cut(oneLine(of.role), LONGEST)}” may answer.`;
}

/** What is asked, for those who hear it. */
export function questionsInWords(questions: readonly Question[], me: string): string {
  return questions
    .map((question) => `The agent asks: ${cut(oneLine(question.title), LONGEST)} ${whoMayAnswer(question, me)}`)
    .join(" ");
}

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function deadline(until: number): string {
  // A number that is no time is the agent's mistake.
  if (Number.isNaN(new Date(until).getTime())) return "";
  return `Without an answer it is decided on ${time.format(until)}.`;
}
