/**
 * A subject and something it named, as one name: a producer, whose events it numbers, or a command. Neither has a `/` (ids-1), so
 * there is one way to read it, and nobody can take a place that is another's.
 */
export function markOf(subject: string, name: string): string {
  return `${subject}/${name}`;
}

/**
 * SPEC send-7: which of these marks is to be forgotten for another's sake: the first of the subject that has most. Whoever makes
 * thousands of names crowds out their own, and nobody else's. `marks`: those to be forgotten first come first.
 */
export function crowdedOut(marks: Iterable<string>): string | undefined {
  const firsts = new Map<string, { mark: string; count: number }>();
  for (const mark of marks) {
    const subject = mark.slice(0, mark.indexOf("/"));
    const first = firsts.get(subject);
    if (first === undefined) firsts.set(subject, { mark, count: 1 });
    else first.count++;
  }
  let most: { mark: string; count: number } | undefined;
  for (const first of firsts.values()) if (most === undefined || first.count > most.count) most = first;
  return most?.mark;
}
