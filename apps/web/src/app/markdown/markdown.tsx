import type { Links } from "marked";
import { memo, useState, type ReactNode } from "react";
import { GrowingMarkdown, type Block, type ListItem } from "./blocks.ts";
import { CodeBlock } from "./code-block.tsx";
import { GrowingText } from "./growing-text.tsx";
import { Inline } from "./inline.tsx";

interface MarkdownProps {
  text: string;
  /** Nothing is added any more. */
  isWhole: boolean;
}

/**
 * A text in Markdown (CommonMark with GitHub's tables, tasks and strikethrough), as a model writes it. It is read into elements of
 * React's and never becomes HTML. Where it grows, the blocks that do not change keep their elements.
 */
export const Markdown = memo(function Markdown({ text, isWhole }: MarkdownProps) {
  const [reader] = useState(() => new GrowingMarkdown());
  const { blocks, links } = reader.read(text, isWhole);
  return (
    <div className="markdown">
      <Blocks blocks={blocks} links={links} />
    </div>
  );
});

function Blocks({ blocks, links }: { blocks: readonly Block[]; links: Links }) {
  return blocks.map((block, place) => <MarkdownBlock key={place} block={block} links={links} />);
}

interface BlockProps {
  block: Block;
  links: Links;
}

function isSameBlock(before: BlockProps, after: BlockProps): boolean {
  if (before.links !== after.links) return false;
  return (
    before.block === after.block || (before.block.kind === after.block.kind && before.block.raw === after.block.raw)
  );
}

const MarkdownBlock = memo(function MarkdownBlock({ block, links }: BlockProps): ReactNode {
  switch (block.kind) {
    case "paragraph":
      return (
        <p>
          <Inline text={block.text} links={links} />
        </p>
      );
    case "line":
      return <Inline text={block.text} links={links} />;
    case "heading": {
      // The page's own heading is the first.
      const Heading = HEADINGS[block.depth - 1] ?? "h6";
      return (
        <Heading>
          <Inline text={block.text} links={links} />
        </Heading>
      );
    }
    case "code":
      return <CodeBlock code={block.text} language={block.language} />;
    case "quote":
      return (
        <blockquote dir="auto">
          <Blocks blocks={block.blocks} links={links} />
        </blockquote>
      );
    case "list":
      return <List list={block} links={links} />;
    case "table":
      return <Table table={block} links={links} />;
    case "rule":
      return <hr />;
    case "literal":
      return (
        <p className="literal">
          <GrowingText text={block.text} />
        </p>
      );
  }
}, isSameBlock);

const HEADINGS = ["h2", "h3", "h4", "h5", "h6"] as const;

function List({ list, links }: { list: Extract<Block, { kind: "list" }>; links: Links }) {
  const items = list.items.map((item, place) => <Item key={place} item={item} isLoose={list.isLoose} links={links} />);
  if (list.start === undefined) return <ul dir="auto">{items}</ul>;
  return (
    <ol dir="auto" start={list.start}>
      {items}
    </ol>
  );
}

interface ItemProps {
  item: ListItem;
  isLoose: boolean;
  links: Links;
}

const Item = memo(
  function Item({ item, links }: ItemProps) {
    return (
      <li className={item.isDone === undefined ? undefined : "task"}>
        {item.isDone === undefined ? null : (
          <>
            <span aria-hidden="true">{item.isDone ? "☑ " : "☐ "}</span>
            <span className="visually-hidden">{item.isDone ? "Done: " : "To do: "}</span>
          </>
        )}
        <Blocks blocks={item.blocks} links={links} />
      </li>
    );
  },
  (before, after) =>
    before.item.raw === after.item.raw && before.isLoose === after.isLoose && before.links === after.links,
);

function Table({ table, links }: { table: Extract<Block, { kind: "table" }>; links: Links }) {
  return (
    // What scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <figure className="table" tabIndex={0} aria-label="Table">
      <table dir="auto">
        <thead>
          <tr>
            {table.head.map((text, column) => (
              <th key={column} scope="col" data-align={table.align[column]}>
                <Inline text={text} links={links} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((cells, place) => (
            <Row key={place} cells={cells} align={table.align} links={links} />
          ))}
        </tbody>
      </table>
    </figure>
  );
}

interface RowProps {
  cells: readonly string[];
  align: Extract<Block, { kind: "table" }>["align"];
  links: Links;
}

const Row = memo(
  function Row({ cells, align, links }: RowProps) {
    return (
      <tr>
        {cells.map((text, column) => (
          <td key={column} data-align={align[column]}>
            <Inline text={text} links={links} />
          </td>
        ))}
      </tr>
    );
  },
  (before, after) =>
    before.links === after.links &&
    before.cells.length === after.cells.length &&
    before.cells.every((text, column) => text === after.cells[column]),
);
