import { cut, oneLine } from "./plain-text.ts";

const LONGEST = 100;

/** A name that somebody else chose: one line that cannot reorder what stands beside it. */
export function givenName(name: string): string {
  return cut(oneLine(name), LONGEST) || "without a name";
}

export function GivenName({ name }: { name: string }) {
  return <bdi lang="">{givenName(name)}</bdi>;
}
