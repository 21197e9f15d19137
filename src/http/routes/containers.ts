import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { ContainersAnswer } from '../../model/containers/answer.ts';
import { wantedChanges } from '../../model/containers/stored-files.ts';
import type { AppOptions } from '../app-options.ts';
import { arrivalOf, isPost, isRead, limited, machineLine, recordOf, sendText } from './respond.ts';

/** Requests of one address: a router may have many machines behind it, and output comes in pieces. */
const PER_ADDRESS = { burst: 2000, perSecond: 200 };
/** The longest piece of output. */
const MAX_PIECE = '64kb';
/** The longest list of changes of a volume: ten thousand files with long names. */
const MAX_CHANGES = '16mb';

const stepName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
const place = z.object({ step: stepName, offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });

/** The form of a report on a step. */
const report = z.object({
  step: z.union([stepName, z.literal('')]),
  happening: z.enum(['begun', 'done', 'failed']),
  status: z.coerce.number().int().min(0).max(255).optional(),
  reason: z.enum(['exit', 'timeout', 'memory', 'signal', 'image', 'start']).optional(),
  message: z.string().transform(machineLine),
});

const BAD_FORM = { status: 400, text: 'expected a form with step, happening and message' };
const BAD_CHANGES = { status: 400, text: 'expected JSON with put and delete, of relative paths' };
const BAD_PLACE = { status: 400, text: 'expected ?step=NAME&offset=N' };

/** Sends an answer; what is refused is an event. */
function reply(options: AppOptions, request: Request, response: Response, answer: ContainersAnswer): void {
  const { status, text = '', json } = answer;
  if (status >= 400) {
    recordOf(options, request, { event: 'containers.refused', level: 'info', message: `${status}: ${text}`, status });
    if (status === 503) response.setHeader('Retry-After', '5');
    sendText(response, status, `${text}\n`);
    return;
  }
  sendText(response, status, text, json ? { 'Content-Type': 'application/json' } : {});
}

/**
 * `/containers/MAC`: what a machine runs, for people. Below it, by the token of its kernel line: the document itself,
 * `next` for the one after it, `kexec` for what starts at the end, `log` for output, `step` for reports, and `volumes/NAME` for URLs of its store.
 */
export function containersRoute(options: AppOptions): RequestHandler {
  const { containers } = options;
  const router = Router({ caseSensitive: true });
  router.use(limited(options, PER_ADDRESS));
  const read = (answer: (request: Request) => Promise<ContainersAnswer>): RequestHandler => {
    return async (request, response) => {
      if (isRead(request as Request, response))
        reply(options, request as Request, response, await answer(request as Request));
    };
  };
  const write = (answer: (request: Request) => Promise<ContainersAnswer> | ContainersAnswer): RequestHandler => {
    return async (request, response) => {
      if (isPost(request, response)) reply(options, request as Request, response, await answer(request as Request));
    };
  };
  const names = ({ params }: Request) => [String(params.mac), String(params.token)] as const;
  const query = (request: Request) => Object.fromEntries(new URL(request.url, 'http://localhost').searchParams);

  router.all(
    '/:mac',
    read((request) => containers.shown(String(request.params.mac))),
  );
  router.all(
    '/:mac/:token',
    read((request) => containers.document(...names(request), request.socket.remoteAddress ?? '')),
  );
  router.all(
    '/:mac/:token/next',
    read((request) => {
      const { after = '' } = query(request);
      return containers.next(...names(request), /^[0-9a-f]{64}$/.test(after) ? after : '');
    }),
  );
  router.all(
    '/:mac/:token/kexec',
    // It begins a boot.
    write((request) => {
      return containers.kexec(...names(request), request.socket.remoteAddress ?? '', arrivalOf(request));
    }),
  );
  router.all(
    '/:mac/:token/log',
    express.raw({ type: () => true, limit: MAX_PIECE }),
    write((request) => {
      const given = place.safeParse(query(request));
      const data = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      if (!given.success) return BAD_PLACE;
      return containers.output(...names(request), given.data.step, given.data.offset, data.toString('base64'));
    }),
  );
  router.all(
    '/:mac/:token/step',
    express.text({ type: () => true, limit: '4kb' }),
    write((request) => {
      const form = report.safeParse(Object.fromEntries(new URLSearchParams(String(request.body))));
      return form.success ? containers.step(...names(request), form.data) : BAD_FORM;
    }),
  );
  const body = express.json({ limit: MAX_CHANGES, type: () => true });
  router.all('/:mac/:token/volumes/:volume', body, (request, response, next) => {
    const volume = String(request.params.volume);
    const ofMachine = names(request as Request);
    if (request.method !== 'POST') return read(() => containers.stored(...ofMachine, volume))(request, response, next);
    const wanted = wantedChanges.safeParse(request.body);
    return write(() => (wanted.success ? containers.change(...ofMachine, volume, wanted.data) : BAD_CHANGES))(
      request,
      response,
      next,
    );
  });
  return router;
}
