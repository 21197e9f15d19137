import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { labelOf } from '../model/describe.ts';
import type { Machine } from '../model/fleet-state.ts';
import { showRow, useWindowRows } from '../parts/window-rows.ts';
import { Cell, type View } from './cell.tsx';

/** The least width of a cell, the height of a row and the gap between cells, pixels; see style/fleet.css. */
const SIZES: Readonly<Record<View, { readonly width: number; readonly height: number; readonly gap: number }>> = {
  dots: { width: 24, height: 27, gap: 3 },
  tiles: { width: 158, height: 56, gap: 8 },
  list: { width: Number.POSITIVE_INFINITY, height: 37, gap: 0 },
};

/** Pixels at the top of the window that the bars of the page cover. */
const COVERED = 120;

/** How far each key goes. */
function moveOf(key: string, columns: number, page: number): number | undefined {
  const moves: Readonly<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: columns * page,
    PageUp: -columns * page,
    Home: Number.NEGATIVE_INFINITY,
    End: Number.POSITIVE_INFINITY,
  };
  return moves[key];
}

/**
 * Machines as dots, tiles or lines, of which only those in the window are drawn. One stop of the tab key: arrows go from
 * machine to machine.
 */
export function Grid({ machines, view }: { readonly machines: readonly Machine[]; readonly view: View }) {
  const list = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string>();
  const [pointed, setPointed] = useState<string>();
  const wanted = useRef<string>();
  const { width: least, height, gap } = SIZES[view];
  const [columns, setColumns] = useState(1);
  const rows = Math.ceil(machines.length / columns);
  const { first, end, width } = useWindowRows(list, rows, height);
  const fitting = Math.max(1, Math.floor((width + gap) / (least + gap)) || 1);
  useLayoutEffect(() => setColumns(fitting), [fitting]);

  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const cell = list.current?.querySelector<HTMLElement>(`[data-name="${CSS.escape(wanted.current)}"]`);
    if (!cell) return;
    wanted.current = undefined;
    cell.focus({ preventScroll: true });
  });

  const at = Math.max(
    0,
    machines.findIndex(({ name }) => name === active),
  );
  const onKeyDown = (event: KeyboardEvent) => {
    const move = moveOf(event.key, columns, Math.floor(window.innerHeight / height / 1.5));
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey || !list.current) return;
    event.preventDefault();
    const next = Math.min(machines.length - 1, Math.max(0, at + move));
    wanted.current = machines[next]?.name;
    showRow(list.current, Math.floor(next / columns), height, COVERED);
    setActive(wanted.current);
  };
  const nameAt = ({ target }: Event) => (target as Element).closest<HTMLElement>('[data-name]')?.dataset.name;
  const shown = pointed === undefined ? undefined : machines.find(({ name }) => name === pointed);
  // The one that the tab key comes to must be drawn.
  const isActiveDrawn = at >= first * columns && at < end * columns;
  const stop = isActiveDrawn ? at : first * columns;

  return (
    <>
      {view === 'dots' && (
        <p class="inspector" aria-hidden="true">
          {shown ? labelOf(shown) : 'Point at a machine to see what it is doing.'}
        </p>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: a table cannot be drawn in part only */}
      <div
        ref={list}
        class={`grid ${view}`}
        role="grid"
        aria-label="Machines"
        aria-rowcount={rows}
        aria-colcount={columns}
        style={{ height: `${rows * height}px`, '--columns': String(columns) }}
        onKeyDown={onKeyDown}
        onFocusIn={(event) => {
          const name = nameAt(event);
          setPointed(name);
          setActive(name);
        }}
        onPointerOver={(event) => setPointed(nameAt(event) ?? pointed)}
      >
        {Array.from({ length: end - first }, (_, index) => first + index).map((row) => (
          // biome-ignore lint/a11y/useSemanticElements: as above
          // biome-ignore lint/a11y/useFocusableInteractive: its cells have the focus
          <div key={row} class="row" role="row" aria-rowindex={row + 1} style={{ top: `${row * height}px` }}>
            {machines.slice(row * columns, (row + 1) * columns).map((machine, column) => (
              <Cell
                key={machine.name}
                machine={machine}
                view={view}
                column={column}
                isStop={row * columns + column === stop}
              />
            ))}
          </div>
        ))}
      </div>
    </>
  );
}
