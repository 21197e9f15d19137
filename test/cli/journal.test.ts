import { expect, test } from 'vitest';
import { formatEvent } from '../../src/daemon/log/format.ts';
import { journalOutput } from '../../src/daemon/log/journal.ts';
import { createLogWriter } from '../../src/daemon/log/writer.ts';
import { TOO_LONG } from '../../src/model/sockets/unix-datagram.ts';

const entry = (message: string) =>
  formatEvent('journal', new Date(), { event: 'tftp.done', level: 'warn', message, bytesSent: 5, file: undefined });

test('an event is an entry with fields, and text from the network forges none', () => {
  const fields = 'PRIORITY=4\nSYSLOG_IDENTIFIER=slipway\nSLIPWAY_EVENT=tftp.done\nSLIPWAY_BYTES_SENT=5\n';
  expect(entry('sent')).toBe(`MESSAGE=sent\n${fields}`);
  expect(entry('a\nPRIORITY=0\n\nMESSAGE=b')).toBe(`MESSAGE=a\\u000aPRIORITY=0\\u000a\\u000aMESSAGE=b\n${fields}`);
});

test('entries go one by one; they wait while the journal is full, and one that is too long is left out', () => {
  const sent: string[] = [];
  let full = false;
  const output = journalOutput({
    send: (bytes) => {
      if (full) return -11;
      if (bytes.length > 200) return TOO_LONG;
      sent.push(Buffer.from(bytes).toString());
      full = sent.length === 1;
      return 0;
    },
  });
  const log = createLogWriter(output, () => entry('dropped'), { patienceMs: 0 });
  log.print(entry('one'));
  log.print(entry('x'.repeat(200)));
  log.print(entry('two'));
  log.flush();
  expect(sent).toEqual([entry('one')]);
  full = false;
  log.flush();
  expect(sent).toEqual([entry('one'), entry('two')]);
});
