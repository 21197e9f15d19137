import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

/** Rows drawn above and below what is seen. */
const SPARE = 4;

/** What of a long list lies in the window, and how wide the list is. */
export interface WindowRows {
  readonly first: number;
  /** Behind the last one. */
  readonly end: number;
  /** Pixels. */
  readonly width: number;
}

/**
 * The rows of a list that lie in the window, which scrolls as a whole. All rows have the same height.
 * @param height of a row, pixels
 */
export function useWindowRows(element: RefObject<HTMLElement>, rows: number, height: number): WindowRows {
  const [seen, setSeen] = useState({ first: 0, count: 30, width: 0 });
  useLayoutEffect(() => {
    let scheduled = false;
    const look = () => {
      scheduled = false;
      const box = element.current?.getBoundingClientRect();
      if (!box) return;
      const first = Math.max(0, Math.floor(-box.top / height) - SPARE);
      const count = Math.ceil(window.innerHeight / height) + 2 * SPARE;
      setSeen((before) =>
        before.first === first && before.count === count && before.width === box.width
          ? before
          : { first, count, width: box.width },
      );
    };
    const soon = () => {
      if (!scheduled) requestAnimationFrame(look);
      scheduled = true;
    };
    look();
    const observer = new ResizeObserver(soon);
    // The whole page: what stands above the list may grow.
    if (element.current) observer.observe(element.current);
    observer.observe(document.body);
    window.addEventListener('scroll', soon, { passive: true });
    window.addEventListener('resize', soon);
    return () => {
      observer.disconnect();
      window.removeEventListener('scroll', soon);
      window.removeEventListener('resize', soon);
    };
  }, [element, height]);
  const first = Math.min(seen.first, Math.max(0, rows - seen.count));
  return { first, end: Math.min(rows, first + seen.count), width: seen.width };
}

/** Has a row come into the window, below what stays at its top. */
export function showRow(list: HTMLElement, row: number, height: number, below: number): void {
  const top = list.getBoundingClientRect().top + row * height;
  if (top < below) window.scrollBy(0, top - below);
  else if (top + height > window.innerHeight) window.scrollBy(0, top + height - window.innerHeight + 8);
}
