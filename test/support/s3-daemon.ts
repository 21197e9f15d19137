// An S3-compatible server in a process of its own. Arguments: the folder of its objects, and the port.
import { createRequire } from 'node:module';

interface Context {
  body: unknown;
}
interface Server {
  readonly middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<{ readonly port: number }>;
}
// It has no types.
const S3rver: new (options: object) => Server = createRequire(import.meta.url)('@20minutes/s3rver');

const [directory, port] = process.argv.slice(2);
const configureBuckets = [{ name: 'lab', configs: [] }];
const where = { address: '127.0.0.1', port: Number(port), directory, vhostBuckets: false };
const server = new S3rver({ ...where, silent: true, configureBuckets });
// It escapes names in XML twice.
server.middleware.unshift(async (context, next) => {
  await next();
  if (typeof context.body === 'string')
    context.body = context.body.replace(/&amp;(amp|lt|gt|quot|#x27|#x60);/g, '&$1;');
});
console.log(`listening on ${(await server.run()).port}`);
