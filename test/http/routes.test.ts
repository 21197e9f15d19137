import { afterEach, describe, expect, it } from 'vitest';
import type { AppOptions } from '../../src/http/app-options.ts';
import type { ScriptResult } from '../../src/model/boot/script.ts';
import { Serving } from './serving.ts';

let serving: Serving;
afterEach(() => serving.stop());

const scripts = (result: ScriptResult): Pick<AppOptions, 'scripts'> => ({
  scripts: {
    forMac: async () => result,
    explain: async (mac) => ({ mac, why: 'because' }),
    bootstrap: () => '#!ipxe\n',
  },
});

async function get(path: string, init: RequestInit = {}): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(serving.url + path, { redirect: 'manual', ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("a script's question about memory", () => {
  const ask = (query: string, agent = 'iPXE/1.21.1') =>
    get(`/ipxe/52-54-00-00-00-01?${query}`, { headers: { 'User-Agent': agent } });
  const answer = (fit: string, mib: number) => `#!ipxe\nset slipway-memory ${mib}\nset slipway-fit ${fit}\n`;
  const heard = () => serving.events.filter(({ event }) => event === 'boot.memory');

  it.each([
    ['needs=664&memsize=&modules=0002.......', 'short', 512],
    ['needs=664&memsize=512&modules=', 'short', 512],
    ['needs=512&memsize=512&modules=', 'enough', 512],
    ['needs=664&memsize=&modules=.......', 'enough', 0],
    ['needs=664', 'enough', 0],
    ['needs=40000&memsize=&modules=ff7f.......', 'enough', 32_767],
  ])('%s is answered: %s', async (query, fit, mib) => {
    serving = await Serving.start();
    expect((await ask(query)).text).toBe(answer(fit, mib));
    expect(serving.events).not.toContainEqual(expect.objectContaining({ event: 'http.script' }));
  });

  it('tells the log what the machine said, and that it is too little', async () => {
    serving = await Serving.start();
    await ask('needs=664&memsize=512');
    await ask('needs=664&memsize=2048');
    await ask('needs=40000&modules=ff7f.......');
    const message = 'the machine has 512 MiB of memory, and its image needs at least 664 MiB';
    const [short, enough, unknown] = heard();
    expect(short).toMatchObject({ mac: '52:54:00:00:00:01', memory: 512 * 1024 * 1024, reason: 'memory', message });
    expect(enough).toMatchObject({ memory: 2048 * 1024 * 1024, level: 'debug' });
    expect(enough?.reason).toBeUndefined();
    expect(unknown?.memory).toBeUndefined();
  });

  it('is no event where a person asks it, and no question without a number', async () => {
    serving = await Serving.start();
    await ask('needs=664&memsize=512', 'curl/8');
    for (const needs of ['', '0', '-1', 'x', '1e9', '9999999999']) {
      expect((await ask(`needs=${needs}&memsize=512`)).text).toBe('#!ipxe\necho 52:54:00:00:00:01\n');
    }
    expect(heard()).toEqual([]);
  });
});

describe('/ipxe', () => {
  it.each(['52:54:00:00:00:01', '52%3A54%3a00:00:00:01', '52-54-00-00-00-01', '5254.0000.0001', '525400000001'])(
    'gives the script for %s',
    async (spelling) => {
      serving = await Serving.start();
      const { status, headers, text } = await get(`/ipxe/${spelling}`);
      expect([status, text]).toEqual([200, '#!ipxe\necho 52:54:00:00:00:01\n']);
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(serving.events).toContainEqual(
        expect.objectContaining({ event: 'http.script', mac: '52:54:00:00:00:01', status: 200, client: '127.0.0.1' }),
      );
    },
  );

  it.each(['zz', '52:54:00', '52:54:00:00:00:01/x', '%', '%ff', '%0a%24%7bx%7d%26%26', '../x'])(
    'answers 400 with a script that says so for %s',
    async (text) => {
      serving = await Serving.start();
      const answer = await serving.raw(`GET /ipxe/${text} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1.1 400 /);
      expect(body).toMatch(/^#!ipxe\necho Slipway: [ -~]*\necho Slipway: [ -~]*\nexit 1\n$/);
      expect(body).not.toMatch(/\$|&&/);
    },
  );

  it('answers 404 with a script that says why for a machine that is ignored', async () => {
    serving = await Serving.start(scripts({ kind: 'ignored', why: `no node has it\n\${evil} && reboot || exit # x` }));
    const { status, text } = await get('/ipxe/525400000001');
    expect(status).toBe(404);
    expect(text).toBe(
      '#!ipxe\necho Slipway: 52:54:00:00:00:01 is not to boot from here: no node has it??{evil} ?? reboot ?? exit ? x\nexit 1\n',
    );
  });

  it('answers 503 with the time to come back for a script that cannot be made just now', async () => {
    serving = await Serving.start(scripts({ kind: 'unavailable', why: 'vmlinuz is missing' }));
    const { status, headers, text } = await get('/ipxe/525400000001');
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
    expect(text).toContain('cannot boot just now: vmlinuz is missing');
  });

  it('answers 500, never 404, when the script fails, and tells the log only', async () => {
    const failing = {
      ...scripts({ kind: 'ignored', why: '' }).scripts,
      forMac: () => Promise.reject(new Error('inner')),
    };
    serving = await Serving.start({ scripts: failing });
    const { status, text } = await get('/ipxe/525400000001');
    expect(status).toBe(500);
    expect(text).not.toContain('inner');
    expect(serving.events).toContainEqual(expect.objectContaining({ event: 'http.error', message: '500: inner' }));
  });

  it.each(['?explain', '?explain=', '?a=b&explain=1'])('explains in JSON for %s', async (query) => {
    serving = await Serving.start(scripts({ kind: 'ignored', why: '' }));
    const { status, headers, text } = await get(`/ipxe/525400000001${query}`);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(JSON.parse(text)).toEqual({ mac: '52:54:00:00:00:01', why: 'because' });
  });

  it.each(['/ipxe', '/ipxe/', '/ipxe?x', '/boot/autoexec.ipxe', '/boot/arm64/autoexec.ipxe', '/autoexec.ipxe'])(
    'gives the bootstrap at %s',
    async (path) => {
      serving = await Serving.start();
      const { status, text } = await get(path);
      expect([status, text]).toEqual([200, '#!ipxe\nchain bootstrap\n']);
    },
  );
});

describe('slashes that firmware makes', () => {
  it.each([
    ['/boot//snponly.efi', 'program'],
    ['//boot/snponly.efi', 'program'],
    ['//boot//./snponly.efi?x=//', 'program'],
    ['/artifacts//a', 'hello'],
    ['///artifacts/./a', 'hello'],
    ['/ipxe//52:54:00:00:00:01', '#!ipxe\necho 52:54:00:00:00:01\n'],
    ['//ipxe/52-54-00-00-00-01/', '#!ipxe\necho 52:54:00:00:00:01\n'],
    ['//autoexec.ipxe', '#!ipxe\nchain bootstrap\n'],
    ['//healthz', 'ok\n'],
    ['http://x//boot//snponly.efi', 'program'],
    ['http://x/nope', 'no such path\n'],
  ])('%s', async (path, body) => {
    serving = await Serving.start({ bootFiles: { open: (name) => serving.store.open(name) } });
    await serving.file('snponly.efi', 'program');
    await serving.file('a', 'hello');
    const answer = await serving.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(body);
  });

  it('lead nowhere that one slash does not', async () => {
    serving = await Serving.start();
    await serving.file('a', 'hello');
    await serving.store.pin('a');
    for (const path of ['//artifacts//.slipway//digests.json', '/artifacts//..//secret', '//artifacts/%2fetc/passwd']) {
      const answer = await serving.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 40[34] /);
    }
  });
});

describe('every route', () => {
  const PATHS = ['/ipxe', '/ipxe/525400000001', '/boot/autoexec.ipxe', '/autoexec.ipxe', '/healthz', '/artifacts/a'];

  it.each(PATHS)('answers HEAD like GET without a body at %s', async (path) => {
    serving = await Serving.start();
    await serving.file('a', 'hello');
    const head = await get(path, { method: 'HEAD' });
    const full = await get(path);
    expect([head.status, head.text]).toEqual([full.status, '']);
    expect(head.headers.get('content-length')).toBe(String(full.text.length));
    expect(head.headers.get('content-type')).toBe(full.headers.get('content-type'));
  });

  it.each([...PATHS, '/blobs/sha256/x', '/boot/x'])('answers 405 with Allow to other methods at %s', async (path) => {
    serving = await Serving.start();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const { status, headers } = await get(path, { method });
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
    }
  });

  it('names no software and sends no empty header', async () => {
    serving = await Serving.start();
    const { headers } = await get('/healthz');
    expect(headers.get('x-powered-by')).toBeNull();
    expect([...headers.values()]).not.toContain('');
  });

  it.each(['/nope', '/IPXE', '/ipxe.txt', '/artifactsx/a', '//v2/', '/<script>'])(
    'answers 404 in plain text, repeating nothing, at %s',
    async (path) => {
      serving = await Serving.start();
      const answer = await serving.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(
        /^HTTP\/1.1 404 [\s\S]*content-type: text\/plain; charset=utf-8[\s\S]*\r\n\r\nno such path\n$/i,
      );
    },
  );
});

describe('/boot', () => {
  it('serves a binary as application/efi, with ranges', async () => {
    serving = await Serving.start({ bootFiles: { open: (name) => serving.store.open(name) } });
    await serving.file('snponly.efi', 'program');
    const { status, headers, text } = await get('/boot/snponly.efi', { headers: { range: 'bytes=3-' } });
    expect([status, text]).toEqual([206, 'gram']);
    expect(headers.get('content-type')).toBe('application/efi');
    expect(headers.get('content-range')).toBe('bytes 3-6/7');
  });

  it('answers 404 for what there is not', async () => {
    serving = await Serving.start();
    expect((await get('/boot/arm64/snponly.efi')).status).toBe(404);
    expect((await get('/boot/x86/autoexec.ipxe')).status).toBe(404);
  });
});
