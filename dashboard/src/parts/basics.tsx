import type { ComponentChildren } from 'preact';
import { PHASE_TEXT, type Phase } from '../model/phases.ts';

/** The sign of a phase: a colour and a shape. What it means stands beside it. */
export function Glyph({ phase }: { readonly phase: Phase }) {
  return <i class={`glyph p-${phase}`} aria-hidden="true" />;
}

/** A phase with its name, or with other words. */
export function Badge({ phase, children }: { readonly phase: Phase; readonly children?: ComponentChildren }) {
  return (
    <span class="badge">
      <Glyph phase={phase} />
      <span>{children ?? PHASE_TEXT[phase].name}</span>
    </span>
  );
}

/** A part of a page with its heading. */
export function Section(props: {
  readonly title: string;
  readonly beside?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const id = `s-${props.title.toLowerCase().replace(/\W+/g, '-')}`;
  return (
    <section class="section" aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.beside}
      </header>
      {props.children}
    </section>
  );
}

/** What stands where there is nothing. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** A trouble of an answer, for all to hear. */
export function Trouble({ error }: { readonly error: string | undefined }) {
  return error === undefined ? null : (
    <p class="trouble" role="alert">
      {error}
    </p>
  );
}

interface WideProps {
  /** What it is, for those who hear it. */
  readonly label: string;
  readonly children: ComponentChildren;
}

/** What may be wider than the page: it can be scrolled, by keyboard too. */
export function Scroll({ label, children }: WideProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

/** Text as a program has it. */
export function Code({ label, children }: WideProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: as above
    <section class="code" tabIndex={0} aria-label={label}>
      <pre>{children}</pre>
    </section>
  );
}
