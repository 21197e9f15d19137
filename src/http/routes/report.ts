import express, { type Request, type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { STAGES } from '../../model/fleet/boot.ts';
import type { ReportOutcome } from '../../model/fleet/status.ts';
import type { AppOptions } from '../app-options.ts';
import { isPost, limited, machineLine, sendText } from './respond.ts';

/** The largest report. */
const MAX_BODY = '16kb';
/** Reports of one address: a router may have many machines behind it. */
const PER_ADDRESS = { burst: 500, perSecond: 50 };
const MAX_LOG = 8192;

const STATUS: Readonly<Record<ReportOutcome, readonly [number, string]>> = {
  accepted: [204, ''],
  unknown: [404, 'no boot has this token'],
  'too-many': [429, 'this boot has sent all of its reports'],
};

/** Text of a machine: line breaks and tabs stay in a log. */
const lines = (text: string) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]+/g, ' ').slice(-MAX_LOG);

const amount = z.coerce.number().min(0).max(Number.MAX_SAFE_INTEGER).optional();

/** The fields of a report; a form has texts alone. */
const form = z.object({
  stage: z.enum(STAGES),
  happening: z.enum(['begun', 'progress', 'done', 'failed']),
  message: z.string().transform(machineLine),
  log: z.string().transform(lines).optional(),
  bytes: amount,
  length: amount,
  seconds: amount,
  uptime: amount,
});

/** `phone_home` of cloud-init posts a form of its own: the system is up. */
const PHONE_HOME = { stage: 'up', happening: 'done', message: 'up: cloud-init phoned home' } as const;

/**
 * `POST /report/TOKEN`: a machine reports on its boot, by the token of its kernel line, with a form
 * (`stage`, `happening`, `message` and more). `POST /report/TOKEN/phone-home` takes any form.
 */
export function reportRoute({ fleet, monotonic }: AppOptions): RequestHandler {
  const router = Router({ caseSensitive: true });
  router.use((request, response, next) => {
    if (isPost(request, response)) next();
  });
  router.use(limited({ monotonic }, PER_ADDRESS, 'reports'));
  router.use(express.text({ type: () => true, limit: MAX_BODY }));
  const answer = (read: (request: Request) => z.infer<typeof form> | undefined): RequestHandler<{ token: string }> => {
    return async (request, response) => {
      const step = read(request as Request);
      if (!step) return sendText(response, 400, 'expected a form with stage, happening and message\n');
      const client = request.socket.remoteAddress ?? '';
      const [status, text] = STATUS[await fleet.report(request.params.token, step, client)];
      sendText(response, status, text && `${text}\n`);
    };
  };
  router.post(
    '/:token/phone-home',
    answer(() => PHONE_HOME),
  );
  router.post(
    '/:token',
    answer(({ body }) => form.safeParse(Object.fromEntries(new URLSearchParams(String(body)))).data),
  );
  return router;
}
