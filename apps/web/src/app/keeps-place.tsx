import { Component, createRef, type ReactNode, type RefObject } from "react";

interface KeepsPlaceProps {
  /** Number of the first turn that is shown. */
  first: number;
  viewport: RefObject<HTMLElement | null>;
  className: string;
  children: ReactNode;
}

interface Place {
  element: Element;
  top: number;
}

/**
 * Keeps what the reader looks at where it is when turns come to stand before it. Browsers do that where they can, but not at the very top,
 * and not all do. A class, because only a class is asked just before React changes the page.
 */
export class KeepsPlace extends Component<KeepsPlaceProps> {
  readonly #content = createRef<HTMLDivElement>();

  override getSnapshotBeforeUpdate(before: KeepsPlaceProps): Place | null {
    if (this.props.first >= before.first) return null;
    const element = this.#content.current?.querySelector(":scope > [data-turn]") ?? null;
    return element === null ? null : { element, top: element.getBoundingClientRect().top };
  }

  override componentDidUpdate(_props: KeepsPlaceProps, _state: unknown, place: Place | null): void {
    const viewport = this.props.viewport.current;
    if (place === null || viewport === null || !place.element.isConnected) return;
    viewport.scrollTop += place.element.getBoundingClientRect().top - place.top;
  }

  override render(): ReactNode {
    return (
      <div ref={this.#content} className={this.props.className}>
        {this.props.children}
      </div>
    );
  }
}
