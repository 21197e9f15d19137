import { Socket } from 'node:net';
import express from 'express';
import { expect, it } from 'vitest';
import { messageClasses } from '../../src/http/server/messages.ts';

it('makes requests and responses whose prototypes express need not change', () => {
  const app = express();
  const { IncomingMessage, ServerResponse } = messageClasses(app);
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  expect(Object.getPrototypeOf(request)).toBe(app.request);
  expect(Object.getPrototypeOf(response)).toBe(app.response);
});

it('leaves them what express adds', () => {
  const app = express();
  const { IncomingMessage, ServerResponse } = messageClasses(app);
  const request = new IncomingMessage(new Socket()) as express.Request;
  const response = new ServerResponse(request) as express.Response;
  request.url = '/boot/snponly.efi?x';
  expect(request.path).toBe('/boot/snponly.efi');
  expect(response.status(404).statusCode).toBe(404);
  expect(response.app).toBe(app);
});
