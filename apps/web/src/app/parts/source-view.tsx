import type { Part } from "@holdfast/contract";
import { SafeLink, safeAddress } from "../markdown/safe-link.tsx";
import { cut, oneLine } from "../plain-text.ts";

const LONGEST = 200;

/** Where something was found. */
export function SourceView({ source }: { source: Extract<Part, { type: "source" }> }) {
  const { url = "", title = "" } = source;
  const address = safeAddress(url);
  const words = cut(oneLine(title), LONGEST) || (address === undefined ? cut(oneLine(url), LONGEST) : siteOf(address));
  return (
    <li>
      <SafeLink address={url}>
        <bdi lang="">{words === "" ? "a source without a name" : words}</bdi>
      </SafeLink>
      {address === undefined || title === "" ? null : <span className="muted"> {siteOf(address)}</span>}
    </li>
  );
}

const siteOf = (address: string): string => new URL(address).host || address;
