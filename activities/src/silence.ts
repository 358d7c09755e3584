export interface SilenceWatch {
  /** Something was heard. */
  heard(): void;
  end(): void;
}

/**
 * Calls `onSilent` once when nothing is heard for `firstMs` from now, or for `nextMs` after the last sound. A model server
 * that holds its connection and says nothing would otherwise keep a turn until its deadline.
 */
export function watchSilence(firstMs: number, nextMs: number, onSilent: () => void): SilenceWatch {
  const first = setTimeout(onSilent, firstMs);
  let next: NodeJS.Timeout | undefined;
  return {
    heard: () => {
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
