import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants, gunzipSync } from 'node:zlib';
import type { ByteSource } from '../../model/files/random-access.ts';
import { type Compression, detectCompression } from './compression.ts';
import type { Tools } from './tool-run.ts';

/** A layer that can be read, uncompressed. */
export interface LayerFile extends ByteSource {
  close(): Promise<void>;
}

/**
 * Opens a file as a source of bytes.
 * @throws the operating system's error
 */
export async function openSource(path: string): Promise<LayerFile> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    size,
    read: async (position, length) => {
      const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - position)));
      for (let filled = 0; filled < buffer.length; ) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
        if (bytesRead === 0) return buffer.subarray(0, filled);
        filled += bytesRead;
      }
      return buffer;
    },
    close: () => handle.close(),
  };
}

/** How a file is compressed. */
export async function compressionOf(path: string): Promise<Compression> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    return detectCompression(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/**
 * How what is in a layer is compressed once more, which it is not as a rule: skopeo takes a compression that it does not
 * know for none, and puts gzip around it.
 */
export async function innerCompressionOf(path: string): Promise<Compression> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
    const start = buffer.subarray(0, bytesRead);
    if (detectCompression(start) !== 'gzip') return 'none';
    return detectCompression(gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch (error) {
    // Whoever unpacks it says what is wrong with it.
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) return 'none';
    throw error;
  } finally {
    await handle.close();
  }
}

type Told = (bytes: number) => void;

/** Takes a file's compression off, into a new file. */
async function decompress(tools: Tools, from: string, to: FileHandle, how: Compression, progress: Told): Promise<void> {
  const counted = async function* () {
    for await (const chunk of createReadStream(from, { highWaterMark: 1024 * 1024 })) {
      yield chunk as Buffer;
      progress((chunk as Buffer).length);
    }
  };
  await tools.run(how, ['-d', '-c', '-q'], { input: counted(), output: to.fd, sees: {} });
}

/**
 * Opens a layer for reading at any position. A compressed one is unpacked to disk first, as it can only be read from
 * front to back.
 * @param spool where the uncompressed bytes go, if need be
 * @param progress told of the file's bytes that are done
 * @throws ToolFailed for a damaged file; the operating system's error
 */
export async function openLayer(tools: Tools, path: string, spool: string, progress: Told): Promise<LayerFile> {
  const how = await compressionOf(path);
  if (how === 'none') {
    const plain = await openSource(path);
    progress(plain.size);
    return plain;
  }
  const target = await open(spool, 'wx');
  try {
    await decompress(tools, path, target, how, progress);
  } finally {
    await target.close();
  }
  return openSource(spool);
}

/** The SHA-256 of a file in 64 hex digits, and its length. */
export async function hashFile(path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { digest: hash.digest('hex'), size };
}
