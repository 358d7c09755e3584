import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERRORS } from "./errors.ts";
import { frameSchema } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { PROTOCOL_VERSION } from "./requests.ts";

const spec = readFileSync(new URL("../SPEC.md", import.meta.url), "utf8");

/** The cells of the one table whose first column is headed `heading`. */
function table(heading: string): string[][] {
  const lines = spec.split("\n");
  const head = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  const rows = lines.slice(head + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** A first column may name several things; the second then has one value for all or one for each. */
function spread([names = "", values = ""]: string[]): [string, string][] {
  const each = values.split(", ");
  return names.split(", ").map((name, i) => [name, each[i] ?? each[0] ?? ""]);
}

const UNITS: Record<string, number> = { "": 1, Ki: 1024, KiB: 1024, MiB: 1024 * 1024, h: 3600 };

function amount(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+) ?(\D*)$/.exec(text) ?? [];
  return Number(digits) * (UNITS[unit] ?? Number.NaN);
}

test("limit-1: the table of limits is the code's, but for the length of names, which ids-1 gives", () => {
  const documented = table("name")
    .flatMap(spread)
    .map(([name, value]) => [name, amount(value)]);
  const { nameLength, ...others } = LIMITS;
  expect(Object.fromEntries(documented)).toEqual(others);
  expect(documented).toHaveLength(Object.keys(others).length);
  expect(spec).toContain(`is 1–${nameLength} characters`);
  expect(spec).toContain(`1–${LIMITS.eventsPerSend} events`);
});

test("err-2: the table of errors is the code's, with what may be repeated", () => {
  const documented = table("code")
    .flatMap(spread)
    .map(([code, retry]) => [code, retry === "yes"]);
  const inCode = Object.entries(ERRORS).map(([code, { retry }]) => [code, retry]);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(inCode));
  expect(documented).toHaveLength(inCode.length);
});

test("frame-1 … frame-5: the frames the page describes are those a client may receive", () => {
  const section = spec.slice(spec.indexOf("## 8. Frames"), spec.indexOf("## 9."));
  const described = section.match(/(?<=`|\| )(snapshot|turn\.\w+|delta|rewind|state\.patched)(?= [{|])/g) ?? [];
  const inCode = frameSchema.options.map((option) => option.shape.type.value);
  expect([...new Set(described)].sort()).toEqual([...inCode].sort());
});

test("the page is of the version the code speaks, and no two of its rules have one number", () => {
  expect(spec).toContain(`protocol version ${PROTOCOL_VERSION}\n`);
  const rules = spec.match(/(?<=^- \*\*)[a-z]+-\d+(?=\*\*)/gm) ?? [];
  expect(rules.length).toBeGreaterThan(50);
  expect(new Set(rules).size).toBe(rules.length);
  const sections = new Set(rules.map((rule) => rule.replace(/-\d+$/, "")));
  for (const section of sections) {
    const numbers = rules.filter((rule) => rule.startsWith(`${section}-`)).map((rule) => Number(rule.split("-")[1]));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  }
});

test("rules the code cites exist", () => {
  const rules = new Set(spec.match(/(?<=^- \*\*)[a-z]+-\d+(?=\*\*)/gm) ?? []);
  for (const file of ["errors", "events", "frames", "ids", "limits", "marks", "reduce", "requests", "snapshot"]) {
    const source = readFileSync(new URL(`./${file}.ts`, import.meta.url), "utf8");
    const cited = source.match(/(?<=SPEC )[a-z]+-\d+/g) ?? [];
    expect({ file, unknown: cited.filter((rule) => !rules.has(rule)) }).toEqual({ file, unknown: [] });
  }
});
