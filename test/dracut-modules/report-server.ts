import type { ServerResponse } from 'node:http';
import { startFlakyServer } from './server.ts';

/** A report as it arrived: its fields, and the answer that it is given. */
export interface Arrived {
  readonly path: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly response: ServerResponse;
}

/** A server for reports. */
export interface ReportServer {
  /** What slipway.report= would name. */
  readonly url: string;
  readonly arrived: readonly Arrived[];
  /** Waits until as many reports have arrived. */
  until(count: number): Promise<readonly Arrived[]>;
  stop(): Promise<void>;
}

/** Starts one. What it does with the nth report, from 0, is to answer 204 unless another answer is given. */
export async function startReportServer(
  answer: (response: ServerResponse, n: number) => void = (response) => response.writeHead(204).end(),
): Promise<ReportServer> {
  const arrived: Arrived[] = [];
  let look = () => {};
  const server = await startFlakyServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const fields = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    arrived.push({ path: request.url, fields, response });
    answer(response, arrived.length - 1);
    look();
  });
  return {
    url: server.url.replace(/file$/, `report/${'0a'.repeat(16)}`),
    arrived,
    until: async (count) => {
      while (arrived.length < count) {
        await new Promise<void>((resolve) => {
          look = resolve;
        });
      }
      return arrived;
    },
    stop: server.stop,
  };
}
