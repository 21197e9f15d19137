import { expect, test } from 'vitest';
import type { NetworkService } from '../../src/daemon/services/service.ts';
import { startServices } from '../../src/daemon/services/services.ts';

test('all services are told to stop at once, the last first: they share one grace', async () => {
  const told: string[] = [];
  let end = () => {};
  const downloads = new Promise<void>((resolve) => {
    end = resolve;
  });
  const service = (name: string) => (): NetworkService => {
    const stop = async () => {
      told.push(name);
      await downloads;
    };
    return { name, plans: () => [{ key: name, start: async () => ({ listening: ['here'], stop }) }] };
  };
  const names = ['http', 'tftp', 'dhcp'];
  const services = await startServices(names.map(service), () => ({}) as never, { record: () => {} } as never);
  const stopped = services.stop();
  expect(told).toEqual(['dhcp', 'tftp', 'http']);
  end();
  await stopped;
});
