import { useId } from "react";
import { isName } from "./identity.ts";

interface NameFieldProps {
  label: string;
  value: string;
  autoComplete: string;
  onChange: (value: string) => void;
}

/** A text field for one of the contract's names (SPEC ids-1), which says what is wrong with it. */
export function NameField({ label, value, autoComplete, onChange }: NameFieldProps) {
  const input = useId();
  const advice = useId();
  const wrong = !isName(value);
  return (
    <div className="field">
      <label htmlFor={input}>{label}</label>
      <input
        id={input}
        value={value}
        required
        autoComplete={autoComplete}
        autoCapitalize="off"
        spellCheck={false}
        aria-invalid={wrong}
        aria-describedby={advice}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={advice} className="advice">
        {wrong ? "Use 1–128 letters, digits and . _ ~ @ : + = | - without spaces." : ""}
      </p>
    </div>
  );
}
