import type { ReactNode } from "react";

/** The whole page, as long as there is but one sentence to show. `urgent`: it has to be read now. */
export function Notice({ urgent = false, children }: { urgent?: boolean; children: ReactNode }) {
  return (
    <main className="notice">
      <h1 className="visually-hidden">Holdfast</h1>
      <p role={urgent ? "alert" : undefined}>{children}</p>
    </main>
  );
}
