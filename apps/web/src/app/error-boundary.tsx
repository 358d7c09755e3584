import { Component, type ReactNode } from "react";

interface ErrorBoundaryState {
  failure: string | undefined;
}

/** A defect of the page is told in words, instead of leaving it blank. */
export class ErrorBoundary extends Component<{ children: ReactNode }, ErrorBoundaryState> {
  override state: ErrorBoundaryState = { failure: undefined };

  static getDerivedStateFromError(error: unknown): ErrorBoundaryState {
    return { failure: String(error) };
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (failure === undefined) return this.props.children;
    return (
      <main className="notice">
        <h1>Something went wrong on this page</h1>
        <p role="alert">Your conversations are safe with the service. Reload the page to go on.</p>
        <p>
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
        <details>
          <summary>Details for whoever runs this service</summary>
          <p dir="auto">{failure}</p>
        </details>
      </main>
    );
  }
}
