import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ERRORS, wireErrorSchema } from "./errors.ts";
import { inputEventSchema, observeEventSchema } from "./events.ts";
import { frameSchema } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { partSchema, toolStateSchema } from "./parts.ts";
import {
  announcementSchema,
  authSchema,
  closeRequestSchema,
  closingSchema,
  commandRequestSchema,
  historyRequestSchema,
  openRequestSchema,
  PROTOCOL_VERSION,
  renewRequestSchema,
  sendRequestSchema,
  statusSchema,
  welcomeSchema,
} from "./requests.ts";
import { snapshotSchema } from "./snapshot.ts";
import { TURN_ERROR_CODES } from "./turn-errors.ts";
import {
  finishSchema,
  inputSchema,
  originSchema,
  questionSchema,
  runningTurnSchema,
  stepSchema,
  turnErrorSchema,
  turnOutcomeSchema,
  turnSchema,
  usageSchema,
} from "./turn.ts";

const spec = readFileSync(new URL("../SPEC.md", import.meta.url), "utf8");
const rules: string[] = spec.match(/(?<=^- \*\*)[a-z]+-\d+(?=\*\*)/gm) ?? [];

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
  expect(spec).toContain(`at most \`limit\` (1–${LIMITS.historyTurns}; ${LIMITS.historyTurns} `);
});

test("err-2: the table of errors is the code's, with what may be repeated", () => {
  const documented = table("code")
    .flatMap(spread)
    .map(([code, retry]) => [code, retry === "yes"]);
  const inCode = Object.entries(ERRORS).map(([code, { retry }]) => [code, retry]);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(inCode));
  expect(documented).toHaveLength(inCode.length);
});

/** Members of a shape as the page writes it, `{ a, b?, c: string }`, in any order. */
function members(shape: string): string[] {
  return shape
    .split(",")
    .map((member) => member.replace(/:.*/s, "").trim())
    .sort();
}

function membersOf(schema: z.ZodObject, besides: string[] = []): string[] {
  return Object.entries(schema.shape)
    .filter(([name]) => !besides.includes(name))
    .map(([name, value]) => (value.safeParse(undefined).success ? `${name}?` : name))
    .sort();
}

/** Shapes of the page by the word before them; those that have none by "". */
function shapes(): Map<string, string[][]> {
  const found = new Map<string, string[][]>();
  for (const [, name = "", shape = ""] of spec.matchAll(/`([\w.]*) ?\{ ([^`]+) \}`/g)) {
    found.set(name, [...(found.get(name) ?? []), members(shape)]);
  }
  return found;
}

test("frame-1 … frame-6, notice-1: the frames the page describes are those a client may receive, member for member", () => {
  const described = shapes();
  for (const option of frameSchema.options) {
    const type = option.shape.type.value;
    const besides = type === "snapshot" ? ["type"] : ["type", "id", "prev"];
    expect({ type, shapes: described.get(type) }).toEqual({ type, shapes: [membersOf(option, besides)] });
  }
  const types: string[] = frameSchema.options.map((option) => option.shape.type.value);
  expect([...described.keys()].filter((name) => name.includes(".") && !types.includes(name))).toEqual([]);
});

test("requests, and messages of the edge, are as the page writes them", () => {
  const described = shapes();
  const named = {
    open: openRequestSchema,
    send: sendRequestSchema,
    command: commandRequestSchema,
    history: historyRequestSchema,
    close: closeRequestSchema,
    renew: renewRequestSchema,
    welcome: welcomeSchema,
    status: statusSchema,
    closing: closingSchema,
    announcement: announcementSchema,
    usage: usageSchema,
    error: turnErrorSchema,
  };
  for (const [name, schema] of Object.entries(named)) {
    expect({ name, shapes: described.get(name) }).toEqual({ name, shapes: [membersOf(schema)] });
  }
  const unnamed = {
    auth: authSchema,
    input: inputEventSchema,
    observe: observeEventSchema,
    inputOfTurn: inputSchema,
    snapshot: snapshotSchema,
    turn: turnSchema,
    running: runningTurnSchema,
    step: stepSchema,
    question: questionSchema,
    wireError: wireErrorSchema,
  };
  for (const [name, schema] of Object.entries(unnamed)) {
    expect({ name, shapes: described.get("") }).toEqual({ name, shapes: expect.arrayContaining([membersOf(schema)]) });
  }
});

test("part-2: the table of parts is the code's", () => {
  const documented = table("type").map(([type = "", shape = ""]) => [
    type.replaceAll("`", ""),
    members(shape.replaceAll("`", "")),
  ]);
  const inCode = partSchema.options.map((option) => [option.shape.type.value, membersOf(option, ["type"])]);
  expect(documented).toEqual(inCode);
});

test("part-3, frame-3, turn-2, turn-6: every value the code has is on the page", () => {
  const rule = (name: string): string => spec.slice(spec.indexOf(`**${name}**`)).split(/\n- \*\*/)[0] ?? "";
  const lists: [string, readonly string[]][] = [
    ["part-3", toolStateSchema.options],
    ["frame-3", finishSchema.options],
    ["turn-2", turnOutcomeSchema.options],
    ["turn-6", originSchema.options],
  ];
  for (const [name, values] of lists) {
    expect({ name, missing: values.filter((value) => !rule(name).includes(`\`${value}\``)) }).toEqual({
      name,
      missing: [],
    });
  }
});

test("turn-5: the table of codes by which a turn fails is the code's", () => {
  expect(table("error.code").map(([code]) => code)).toEqual([...TURN_ERROR_CODES]);
});

test("the page is of the version the code speaks, and no two of its rules have one number", () => {
  expect(spec).toContain(`protocol version ${PROTOCOL_VERSION}\n`);
  expect(rules.length).toBeGreaterThan(75);
  expect(new Set(rules).size).toBe(rules.length);
  for (const section of sections()) {
    const numbers = rules.filter((rule) => rule.startsWith(`${section}-`)).map((rule) => Number(rule.split("-")[1]));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  }
});

test("rules that this package, its tests and its page cite exist", () => {
  const cites = new RegExp(`\\b(?:${sections().join("|")})-\\d+\\b`, "g");
  const folder = new URL("./", import.meta.url);
  const helpers = readdirSync(new URL("../test/", folder)).map((name) => `../test/${name}`);
  const pages = ["../SPEC.md", "../SEQUENCES.md", ...helpers, ...readdirSync(folder)];
  for (const page of pages) {
    const cited = readFileSync(new URL(page, folder), "utf8").match(cites) ?? [];
    expect({ page, unknown: cited.filter((rule) => !rules.includes(rule)) }).toEqual({ page, unknown: [] });
  }
});

function sections(): string[] {
  return [...new Set(rules.map((rule) => rule.replace(/-\d+$/, "")))];
}
