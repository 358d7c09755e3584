import { LIMITS } from "./limits.ts";

/**
 * A session's full name. `owner` is the subject the session belongs to; `name` is what the client called it.
 * All three come from trusted code (claims, validated requests), so nothing downstream re-checks them.
 */
export interface SessionKey {
  readonly tenant: string;
  readonly owner: string;
  readonly name: string;
}

/**
 * SPEC ids-1: the characters a tenant, owner, session name or producer may have. No `/`, `{` or `}`: they delimit. Not
 * `__proto__`: names are keys of JSON objects, where JavaScript gives it a meaning of its own.
 */
export const NAME_PATTERN = new RegExp(`^(?!__proto__$)[A-Za-z0-9._~@:+=|-]{1,${LIMITS.nameLength}}$`);

/** A subject and a name of its own: see `markOf`. */
export const MARK_PATTERN = new RegExp(
  `^[A-Za-z0-9._~@:+=|-]{1,${LIMITS.nameLength}}/[A-Za-z0-9._~@:+=|-]{1,${LIMITS.nameLength}}$`,
);

export function sessionPath(key: SessionKey): string {
  return `${key.tenant}/${key.owner}/${key.name}`;
}

/** The Temporal workflow id of a session. */
export function workflowIdOf(key: SessionKey): string {
  return `session/${sessionPath(key)}`;
}

/**
 * SPEC ids-2: `"name"` is the caller's own session, `"owner/name"` another subject's, which only an explicit claim opens.
 * Returns undefined where the text is neither.
 */
export function parseSessionRef(ref: string, caller: { tenant: string; subject: string }): SessionKey | undefined {
  const parts = ref.split("/");
  const [owner, name] = parts.length === 1 ? [caller.subject, parts[0]] : parts.length === 2 ? parts : [];
  if (owner === undefined || name === undefined) return undefined;
  if (!NAME_PATTERN.test(owner) || !NAME_PATTERN.test(name)) return undefined;
  return { tenant: caller.tenant, owner, name };
}
