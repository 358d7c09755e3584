import { useEffect, useId, useRef } from "react";
import { isName } from "./identity.ts";

interface NameFieldProps {
  label: string;
  value: string;
  autoComplete: string;
  onChange: (value: string) => void;
}

const ADVICE = "Use 1–128 letters, digits and . _ ~ @ : + = | - without spaces.";

/** A text field for one of the contract's names (SPEC ids-1), which says what is wrong with it and holds up its form. */
export function NameField({ label, value, autoComplete, onChange }: NameFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const advice = isName(value) ? "" : ADVICE;

  // Not the `pattern` attribute: browsers read it as a regular expression of another dialect (flag `v`).
  useEffect(() => field.current?.setCustomValidity(advice), [advice]);

  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        ref={field}
        id={id}
        value={value}
        autoComplete={autoComplete}
        autoCapitalize="off"
        spellCheck={false}
        aria-invalid={advice !== ""}
        aria-describedby={`${id}-advice`}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-advice`} className="advice">
        {advice}
      </p>
    </div>
  );
}
