export interface SilenceWatch {
  /** The model works, and says nothing yet. */
  alive(): void;
  /** It said something. */
  spoke(): void;
  end(): void;
}

/**
 * Calls `onSilent` once when nothing is heard for as long as a model may be silent: `firstMs` before its first text, `nextMs` after
 * it. A model server that holds its connection and says nothing would otherwise keep a turn until its deadline.
 */
export function watchSilence(firstMs: number, nextMs: number, onSilent: () => void): SilenceWatch {
  const first = setTimeout(onSilent, firstMs);
  let next: NodeJS.Timeout | undefined;
  return {
    alive: () => void (next ?? first).refresh(),
    spoke: () => {
      if (next !== undefined) return void next.refresh();
      clearTimeout(first);
      next = setTimeout(onSilent, nextMs);
    },
    end: () => {
      clearTimeout(first);
      clearTimeout(next);
    },
  };
}
