import type { RequestHandler } from 'express';
import type { ScriptResult } from '../../model/boot/script.ts';
import { factsOfQuery } from '../../model/machine/facts.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import type { AppOptions } from '../app-options.ts';
import { ipxeMessage } from './ipxe-text.ts';
import { answerMemory } from './memory.ts';
import { arrivalOf, decodedPath, isBoot, isRead, recordOf, sendJson, sendText } from './respond.ts';

/** Seconds after which a client may ask again for a script that was not available. */
const RETRY_AFTER = 5;

/** The longest name of an image that is read. */
const MAX_NAME = 100;
const WHAT = { script: 'script sent', menu: 'menu sent', question: 'asked what the machine is' } as const;

/**
 * `/ipxe`: the bootstrap script; `/ipxe/<mac>`: one machine's script; with `?explain` the origin of each value,
 * with `?needs` whether the machine has so much memory.
 */
export function ipxeRoute(options: AppOptions): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const text = decodedPath(request);
    if (text === '') return sendText(response, 200, await options.scripts.bootstrap(arrivalOf(request)));
    const mac = text === undefined ? undefined : parseMac(text);
    if (!mac) {
      recordOf(options, request, { event: 'http.script', level: 'info', message: '400: no MAC address', status: 400 });
      const seen = `this is no MAC address: ${(text ?? request.path).slice(0, 60)}`;
      return sendText(response, 400, ipxeMessage(seen, 'expected /ipxe/52-54-00-00-00-01'));
    }
    const query = new URLSearchParams(request.url.includes('?') ? request.url.replace(/^[^?]*/, '') : '');
    const told = factsOfQuery(query);
    const arrival = arrivalOf(request);
    if (query.has('explain')) return sendJson(response, 200, await options.scripts.explain(mac, { told, arrival }), 2);
    const fit = answerMemory(options, request, mac, query);
    if (fit !== undefined) return sendText(response, 200, fit);
    const boots = isBoot(request);
    const image = query.get('image')?.slice(0, MAX_NAME);
    const client = request.socket.remoteAddress;
    const result = await options.scripts.forMac(mac, { boots, told, image, arrival, client });
    const { status, body } = answer(mac, result, told !== undefined);
    const why = 'why' in result ? result.why : WHAT[result.kind];
    const level = result.kind === 'unavailable' ? 'warn' : 'info';
    recordOf(options, request, {
      event: 'http.script',
      level,
      message: `${mac}: ${why}`,
      mac,
      status,
      kind: result.kind,
    });
    if (status === 503) response.setHeader('Retry-After', String(RETRY_AFTER));
    sendText(response, status, body);
  };
}

function answer(mac: Mac, result: ScriptResult, told: boolean): { status: number; body: string } {
  if ('text' in result) return { status: 200, body: result.text };
  if (result.kind === 'ignored') {
    const body = ipxeMessage(`${mac} is not to boot from here: ${result.why}`);
    // The script that has asked would ask for ever: with this one iPXE goes on with the next boot device.
    return { status: told ? 200 : 404, body };
  }
  return { status: 503, body: ipxeMessage(`${mac} cannot boot just now: ${result.why}`) };
}
