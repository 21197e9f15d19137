import { Component } from 'preact';
import { imageOf, labelOf, progressOf, stateText } from '../model/describe.ts';
import type { Machine } from '../model/fleet-state.ts';
import { nodeLink } from '../model/routes.ts';
import { Ago } from '../parts/ago.tsx';
import { Glyph } from '../parts/basics.tsx';

/** How machines are drawn: many in little room, some with what they do, or one on each line. */
export type View = 'dots' | 'tiles' | 'list';

interface CellProps {
  readonly machine: Machine;
  readonly view: View;
  readonly column: number;
  /** Whether the tab key comes to it. */
  readonly isStop: boolean;
}

/** One machine of the grid. Drawn anew only where something of it is new: there are thousands. */
export class Cell extends Component<CellProps> {
  override shouldComponentUpdate(next: CellProps): boolean {
    const { machine, view, column, isStop } = this.props;
    return next.machine !== machine || next.view !== view || next.column !== column || next.isStop !== isStop;
  }

  override render({ machine, view, column, isStop }: CellProps) {
    const { name, phase, boot } = machine;
    const progress = progressOf(machine);
    return (
      // biome-ignore lint/a11y/useSemanticElements: see the grid
      // biome-ignore lint/a11y/useFocusableInteractive: its link has the focus
      <div role="gridcell" aria-colindex={column + 1} class="cell">
        <a
          href={nodeLink(name)}
          data-name={name}
          data-phase={phase}
          data-stage={boot?.stage}
          tabIndex={isStop ? 0 : -1}
          class={`machine p-${phase}`}
          aria-label={view === 'dots' ? labelOf(machine) : undefined}
        >
          {view !== 'dots' && <Glyph phase={phase} />}
          {view === 'tiles' && (
            <>
              <span class="name">{name}</span> <span class="state">{stateText(machine)}</span>
            </>
          )}
          {view === 'list' && (
            <>
              <span class="name">{name}</span> <span class="state">{stateText(machine)}</span>{' '}
              <span class="image">{imageOf(machine)}</span> <span class="ago">{boot && <Ago at={boot.last} />}</span>{' '}
              <span class="message">{boot?.diagnosis?.message ?? boot?.message}</span>
            </>
          )}
          {view !== 'dots' && progress !== undefined && (
            <span class="progress">
              <span style={{ width: `${progress * 100}%` }} />
            </span>
          )}
        </a>
      </div>
    );
  }
}
