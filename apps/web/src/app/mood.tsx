import { Flash } from "./flash.tsx";

interface MoodProps {
  /** −1 (bad) … 1 (good). */
  score: number;
  label: string;
}

/** How the agent thinks its guest feels. */
export function Mood({ score, label }: MoodProps) {
  return (
    <section className="mood">
      <h3>Mood</h3>
      <div className="mood-scale" aria-hidden="true">
        <span className="mood-mark" style={{ left: `${(score + 1) * 50}%` }} />
      </div>
      <p>
        <Flash of={label}>{label}</Flash>{" "}
        <Flash of={score}>
          <span className="muted">{score.toFixed(2)}</span>
        </Flash>
      </p>
    </section>
  );
}
