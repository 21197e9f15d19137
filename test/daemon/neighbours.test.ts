import { expect, it } from 'vitest';
import { findNeighbour } from '../../src/daemon/fleet/neighbours.ts';

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.7        0x1         0x2         52:54:00:00:00:01     *        eth0
192.0.2.70       0x1         0x6         52:54:00:00:00:02     *        eth0
192.0.2.8        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.9        0x1         0x2         *                     *        eth0
`;

it.each([
  ['192.0.2.7', '52:54:00:00:00:01'],
  ['192.0.2.70', '52:54:00:00:00:02'],
  // Nobody has answered yet.
  ['192.0.2.8', undefined],
  ['192.0.2.9', undefined],
  ['192.0.2.1', undefined],
  ['IP', undefined],
])("the kernel's table of neighbours: %s", (address, mac) => {
  expect(findNeighbour(TABLE, address)).toBe(mac);
});
