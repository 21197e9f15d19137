// An S3-compatible server in a process of its own. Arguments: the folder of its objects, the port, and then the address,
// and a key pair.
import { createRequire } from 'node:module';

interface Context {
  body: unknown;
}
interface Server {
  readonly middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<{ readonly port: number }>;
}
// It has no types.
const require = createRequire(import.meta.url);
const S3rver: new (options: object) => Server = require('@20minutes/s3rver');
interface Account {
  createKeyPair(access: string, secret: string): void;
}
const { DUMMY_ACCOUNT }: { DUMMY_ACCOUNT: Account } = require('@20minutes/s3rver/lib/models/account.js');

const [directory, port, address = '127.0.0.1', access, secret] = process.argv.slice(2);
if (access !== undefined && secret !== undefined) DUMMY_ACCOUNT.createKeyPair(access, secret);
const configureBuckets = [{ name: 'lab', configs: [] }];
const where = { address, port: Number(port), directory, vhostBuckets: false };
const server = new S3rver({ ...where, silent: true, configureBuckets });
// It escapes names in XML twice.
server.middleware.unshift(async (context, next) => {
  await next();
  if (typeof context.body === 'string')
    context.body = context.body.replace(/&amp;(amp|lt|gt|quot|#x27|#x60);/g, '&$1;');
});
console.log(`listening on ${(await server.run()).port}`);
