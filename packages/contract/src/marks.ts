/**
 * A subject and the name of its producer or command, joined to one name. Neither has a `/` (ids-1), so no two pairs make the same
 * name, and no subject can use another's.
 */
export function markOf(subject: string, name: string): string {
  return `${subject}/${name}`;
}

/**
 * SPEC send-7: which of these marks is forgotten when there are too many: the first of the subject that has most. So a subject that
 * makes thousands of names loses only its own. `marks`: in the order in which they should be forgotten.
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
