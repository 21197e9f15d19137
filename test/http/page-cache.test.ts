import { describe, expect, it } from 'vitest';
import { PageCache, REGION } from '../../src/http/send/page-cache.ts';
import type { OpenFile } from '../../src/model/files/open-file.ts';

const file = { fd: 5, size: 2.5 * REGION, stamp: 'v1' } as OpenFile;

function cache() {
  const loads: { fd: number; position: number; count: number; done: () => void }[] = [];
  const clock = { now: 0 };
  const load = (fd: number, position: number, count: number) =>
    new Promise<void>((done) => loads.push({ fd, position, count, done }));
  return { loads, clock, pages: new PageCache({ load }, () => clock.now) };
}

describe('the page cache', () => {
  it('loads the region that holds a position, once for all who want it, and not again soon', async () => {
    const { loads, clock, pages } = cache();
    const first = pages.want(file, REGION + 7);
    const second = pages.want({ ...file, fd: 6 }, 2 * REGION - 1);
    expect(loads).toMatchObject([{ fd: 5, position: REGION, count: REGION }]);
    loads[0]?.done();
    await Promise.all([first, second]);
    expect(pages.want(file, REGION)).toBeUndefined();
    clock.now = 600_000;
    expect(pages.want(file, REGION)).toBeInstanceOf(Promise);
  });

  it('loads no more than the file has', () => {
    const { loads, pages } = cache();
    pages.want(file, 2 * REGION);
    expect(loads).toMatchObject([{ position: 2 * REGION, count: REGION / 2 }]);
  });

  it('tells versions apart', async () => {
    const { loads, pages } = cache();
    const first = pages.want(file, 0);
    loads[0]?.done();
    await first;
    expect(pages.want({ ...file, stamp: 'v2' }, 0)).toBeInstanceOf(Promise);
  });

  it('remembers a bounded number of files', async () => {
    const { loads, pages } = cache();
    const first = pages.want(file, 0);
    loads[0]?.done();
    await first;
    for (let n = 0; n < 100; n++) pages.want({ ...file, stamp: `other ${n}` }, 0);
    expect(pages.want(file, 0)).toBeInstanceOf(Promise);
  });
});
