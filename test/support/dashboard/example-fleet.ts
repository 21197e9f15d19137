import { addressOf, macOf, SimulatedFleet, TOKEN } from './simulated-fleet.ts';

/** Racks, and machines in each. */
const [RACKS, IN_RACK] = [4, 24];

const names = Array.from({ length: RACKS * IN_RACK }, (_, index) => {
  const rack = Math.floor(index / IN_RACK) + 1;
  return { name: `r${rack}-n${String((index % IN_RACK) + 1).padStart(2, '0')}`, rack };
});

const SECTIONS = `
images:
  debian:
    kernel: vmlinuz
    initrd: initrd.img
    root: { method: image, source: root.img }
    rollout: { canary: 2, then: 25% }
  compute: { kernel: vmlinuz, initrd: initrd.img, root: { method: image, source: other.img }, args: [hugepages=1024] }
  rescue: { kernel: vmlinuz, initrd: initrd.img, root: { method: image, source: missing.img } }
profiles:
  compute: { image: compute, args: [quiet] }
nodes:
${names
  .map(({ name, rack }, index) => {
    const what = rack === RACKS ? 'profile: compute' : 'image: debian';
    return `  ${name}: { mac: "${macOf(index + 1)}", ${what}, labels: { rack: r${rack} } }`;
  })
  .join('\n')}
`;

/** A fleet as it may look on a morning: most are up, some boot, some are in trouble, one asks that nobody knows. */
export async function startExampleFleet() {
  const fleet = await SimulatedFleet.start(SECTIONS);
  const boot = (n: number, options: Parameters<SimulatedFleet['booted']>[2]) =>
    fleet.booted(macOf(n), addressOf(n), options);
  const minutes = 60_000;
  for (let n = 1; n <= names.length - 4; n++) {
    const slower = 0.8 + ((n * 37) % 11) / 20;
    await boot(n, { ago: (90 + ((n * 7) % 60)) * minutes, slower: { root: slower, unpack: slower, up: slower } });
  }
  const booting = ['dhcp', 'boot-file', 'script', 'initrd', 'network', 'root', 'unpack', 'switch-root'] as const;
  for (const [index, to] of booting.entries()) await boot(30 + 3 * index, { to, ago: 9000 + 1500 * index });
  // A new version: two get it first.
  await fleet.replaceRoot('debian');
  for (const n of [1, 2]) await boot(n, { to: n === 1 ? 'up' : 'root', ago: 40_000 });
  // One that is slow with its root, and is at it.
  await boot(19, { to: 'unpack', ago: 48_000, slower: { root: 2.9, 'boot-file': 3 } });
  const log =
    'dracut: slipway: the server has no such blob\nslipway: fetching 480 MiB: curl: (22) 404\nslipway: giving up after 3 tries\ndracut: FATAL: no root';
  for (const n of [8, 9, 10]) {
    await boot(n, {
      to: 'boot-file',
      ago: 6 * minutes,
      ends: { event: 'tftp.failed', message: 'snponly.efi: no answers any more', reason: 'too-slow', bytes: 41_472 },
    });
  }
  await boot(53, {
    to: 'root',
    ago: 4 * minutes,
    ends: { happening: 'failed', message: 'wrong digest: sha256 is 41c7…, expected 9f0b…', log },
  });
  await boot(71, { to: 'initrd', ago: 11 * minutes });
  const stranger = names.length + 1;
  fleet.observe(
    { event: 'dhcp.silent', mac: macOf(stranger), reason: 'unknown', port: 67, message: 'no node has its address' },
    20_000,
  );
  const order = {
    method: 'PUT',
    body: JSON.stringify({ image: 'compute' }),
    headers: { Authorization: `Bearer ${TOKEN}` },
  };
  await fetch(`${fleet.url}/api/v1/orders/r1-n19`, order);
  return {
    url: fleet.url,
    token: TOKEN,
    slow: 'r1-n19',
    failed: 'r3-n05',
    /** Restarts a machine. */
    begin: (name: string) => {
      const mac = macOf(names.findIndex((each) => each.name === name) + 1);
      fleet.observe({ event: 'dhcp.offer', mac, client: 'pxe' });
    },
    stop: () => fleet.stop(),
  };
}
