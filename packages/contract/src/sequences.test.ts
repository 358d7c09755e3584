import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { Client } from "../test/sequence-client.ts";

const page = readFileSync(new URL("../SEQUENCES.md", import.meta.url), "utf8");
const sequences = page
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [title = "", ...rest] = section.split("\n");
    const [prose = "", block = ""] = rest.join("\n").split(/^```(?:wire\n)?/m);
    const lines = block.replaceAll(/\n +/g, "").split("\n").filter(Boolean);
    return { title, rules: [...new Set(prose.match(/\b[a-z]+-\d+\b/g))].join(", "), lines };
  });

/** Runs the lines in order. What a line says of the frames above it is checked when the line after it is known. */
function run(lines: string[]): void {
  const clients = new Map<string, Client>();
  lines.forEach((line, i) => {
    const [, name = "", rest = ""] = /^(?:(\w+) (?=→|←|view |gap |ignored$))?(.*)$/.exec(line) ?? [];
    const isNew = !clients.has(name);
    const client = clients.get(name) ?? new Client();
    clients.set(name, client);
    const next = lines[i + 1]?.replace(name === "" ? "" : `${name} `, "") ?? "";
    if (isNew && rest.startsWith("→ CONNECT")) client.lost();
    runLine(client, rest, next);
  });
  for (const client of clients.values()) client.done();
}

function runLine(client: Client, line: string, next: string): void {
  const [, sign = "", id, text = ""] =
    /^(→|←|view|LOST|ignored|gap)(?: (\d+|CONNECT(?:_ERROR)?)(?= ))?(?: (.*))?$/.exec(line) ?? [];
  const array = (): unknown[] => z.array(z.unknown()).parse(JSON.parse(text));
  switch (`${sign} ${id ?? ""}`.trim()) {
    case "view":
      expect(client.current?.held).toMatchObject(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
      return;
    case "ignored":
    case "gap":
      expect(client.current?.outcomes.at(-1)).toBe(line);
      return;
    case "LOST":
      return client.lost();
    case "→ CONNECT":
      return client.connect(JSON.parse(text));
    case "← CONNECT_ERROR":
      return client.refused(JSON.parse(text));
    case "←":
      client.told(array());
      // Every frame is taken, but the last where the next line says otherwise.
      if (text.startsWith('["frames"')) {
        const outcomes = client.current?.outcomes ?? [];
        const last = /^(ignored|gap )/.test(next) ? next : "applied";
        expect(outcomes).toEqual([...outcomes.slice(1).map(() => "applied"), last]);
      }
      return;
  }
  if (id === undefined || !/^\d+$/.test(id)) expect.fail(`what is this? ${line}`);
  if (sign === "→") client.ask(id, array());
  else client.answered(id, array());
}

function fails(lines: string[]): boolean {
  try {
    run(lines);
    return false;
  } catch {
    return true;
  }
}

test("the page has ten sequences", () => {
  expect(sequences.map(({ title }) => title.split(".")[0])).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}`));
  for (const { title, lines } of sequences) {
    expect({ title, views: lines.some((line) => /\bview \{/.test(line)) }).toEqual({ title, views: true });
  }
});

test.each(sequences)("$rules: $title", ({ lines }) => {
  run(lines);
});

test("a page that is wrong is found out", () => {
  const lines = sequences[0]?.lines ?? [];
  const mistakes: [string, string][] = [
    ['"seq":1,"kind"', '"seq":0,"kind"'],
    ['"durable":1', '"durable":2'],
    ['"prev":"f1"', '"prev":"f0"'],
    ['"index":2,"at":1', '"index":3,"at":1'],
    ['"version":2,"turn":1', '"version":3,"turn":1'],
    ['"at":1,"text":" see', '"at":2,"text":" see'],
    ['"questions":1}', '"questions":2}'],
    ['"finish":"stop","step"', '"finish":"done","step"'],
    ['"usage":{', '"cost":{'],
    ["→ 1 [", "→ 0 ["],
    ["← 1 [", "← 2 ["],
    ['"frames","chat",[{"type":"delta","id":"f2"', '"frames","talk",[{"type":"delta","id":"f2"'],
  ];
  for (const [right, wrong] of mistakes) {
    const changed = lines.map((line) => line.replace(right, wrong));
    expect({ wrong, isAnother: changed.join() !== lines.join() }).toEqual({ wrong, isAnother: true });
    expect({ wrong, isFound: fails(changed) }).toEqual({ wrong, isFound: true });
  }
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]?.startsWith("view")) continue;
    expect({ without: lines[i], isFound: fails(lines.toSpliced(i, 1)) }).toEqual({ without: lines[i], isFound: true });
  }
});
