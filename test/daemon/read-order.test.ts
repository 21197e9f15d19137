import { expect, it } from 'vitest';
import { readOrder } from '../../src/daemon/fleet/next/read-order.ts';
import { configOf } from '../config/read.ts';

const config = configOf(`
images: { ci: { kernel: k, root: { method: containers } }, debian: { kernel: k } }
nodes: { n1: { mac: 52:54:00:00:00:01, image: debian } }
`);
const order = (image: string) =>
  readOrder({ repeat: 'once', containers: { end: { action: 'kexec', image } } }, 'n1', config);

it('takes an order that ends with kexec into an image that boots a system, and no other', () => {
  expect(order('debian')).toMatchObject({ image: 'ci' });
  for (const image of ['ci', 'local', 'debain'])
    expect(order(image)).toEqual({
      problem: `containers.end.image: there is no image "${image}" that boots a system`,
    });
});
