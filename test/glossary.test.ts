import { readFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The first column of the glossary's table with this heading. */
async function unused(heading: string): Promise<string[]> {
  const page = await readFile(`${ROOT}/docs/glossary.md`, "utf8");
  const [table = ""] = page.slice(page.indexOf(`| ${heading} | but |`)).split("\n\n");
  const words = [...table.matchAll(/^\| ([^|]+) \|/gm)].slice(1).flatMap(([, cell = ""]) => cell.split(", "));
  expect(words.length).toBeGreaterThan(5);
  return words;
}

/** Every word of a text, those of names in camelCase and snake_case too. */
function wordsOf(text: string): Set<string> {
  const apart = text.replaceAll(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ");
  return new Set(apart.toLowerCase().match(/[a-z]+/g));
}

function typesOf(text: string): string[] {
  return [...text.matchAll(/\b(?:class|interface|type) ([A-Z]\w*)/g)].map(([, name = ""]) => name);
}

test("words and names of types that the glossary rules out are neither in the code nor on other pages", async () => {
  const [words, endings] = [await unused("not"), await unused("no type called")];
  const { stdout } = await promisify(execFile)(
    "git",
    ["ls-files", "*.ts", "*.tsx", "*.lua", "*.mjs", "*.md", ":!docs/glossary.md"],
    { cwd: ROOT },
  );
  const found: string[] = [];
  for (const file of stdout.trim().split("\n")) {
    const text = await readFile(`${ROOT}/${file}`, "utf8").catch(() => "");
    const said = wordsOf(text);
    for (const word of words) if (said.has(word)) found.push(`${file}: ${word}`);
    for (const type of typesOf(text))
      if (endings.some((ending) => type.endsWith(ending))) found.push(`${file}: ${type}`);
  }
  expect(found).toEqual([]);
});
