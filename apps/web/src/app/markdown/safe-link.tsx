import type { ReactNode } from "react";

const SAFE: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/**
 * The address a link may lead to; undefined for any other. A model may be told by anybody what to write, so scripts, data and addresses
 * within this page lead nowhere.
 */
export function safeAddress(address: string): string | undefined {
  try {
    const url = new URL(address);
    return SAFE.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

interface SafeLinkProps {
  address: string;
  children: ReactNode;
}

/**
 * A link that somebody else wrote: it opens in a tab of its own, which gets no hold of this one. It stays the same element when its
 * address comes only after its text.
 */
export function SafeLink({ address, children }: SafeLinkProps) {
  const href = safeAddress(address);
  return (
    <a
      className={href === undefined ? "no-link" : "link"}
      href={href}
      title={href}
      target="_blank"
      rel="noopener noreferrer nofollow"
    >
      {children}
    </a>
  );
}
