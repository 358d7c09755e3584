import { useEffect, useId, useRef, type ReactNode } from "react";

interface SidePanelProps {
  title: string;
  side: "start" | "end";
  /** Wide page: the panel stands beside the conversation. Otherwise it is a dialog over it. */
  docked: boolean;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** A panel beside the conversation or, where there is no room, a modal dialog (which keeps and gives back the focus). */
export function SidePanel({ title, side, docked, open, onClose, children }: SidePanelProps) {
  const heading = useId();
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open, docked]);

  const content = (
    <>
      <div className="panel-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" className="quiet" onClick={onClose} aria-label={`Close ${title}`}>
          ✕
        </button>
      </div>
      {children}
    </>
  );
  if (docked) {
    return open ? (
      <aside className={`panel panel-${side}`} aria-labelledby={heading}>
        {content}
      </aside>
    ) : null;
  }
  return (
    <dialog ref={dialog} className={`panel sheet panel-${side}`} aria-labelledby={heading} onClose={onClose}>
      {open ? content : null}
    </dialog>
  );
}
