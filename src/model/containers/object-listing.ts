import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

/** An object of a bucket. */
interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified: string;
  readonly etag: string;
}

/** A page of a listing. */
interface ObjectListing {
  readonly objects: readonly ListedObject[];
  /** What asks for the next page; undefined on the last one. */
  readonly next: string | undefined;
}

// Keys may begin and end with blanks, and have the digits of a number.
const xml = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name) => name === 'Contents',
});

const listing = z.object({
  ListBucketResult: z.object({
    IsTruncated: z.enum(['true', 'false']),
    NextContinuationToken: z.string().min(1).max(4096).optional(),
    EncodingType: z.string().optional(),
    Contents: z
      .array(
        z.object({
          Key: z.string().min(1),
          Size: z.string().regex(/^\d{1,15}$/),
          LastModified: z.string().regex(/^[0-9T:.Z+-]{10,40}$/),
          ETag: z
            .string()
            .regex(/^[\x20-\x7e]{0,200}$/)
            .default(''),
        }),
      )
      .max(1000)
      .default([]),
  }),
});
const failure = z.object({ Error: z.object({ Code: z.string().regex(/^[A-Za-z0-9]{1,64}$/) }) });

function parse(text: string): unknown {
  // Neither answer has one, and it could define entities.
  if (text.includes('<!DOCTYPE')) throw new Error('it has a document type');
  return xml.parse(text);
}

/**
 * Reads the answer to ListObjectsV2 (Amazon S3 API Reference, ListObjectsV2), with keys as such or in the `url` encoding.
 * @throws Error for what is no such answer
 */
export function readListing(text: string): ObjectListing {
  const { ListBucketResult: found } = listing.parse(parse(text));
  const keyOf = (key: string) => (found.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key);
  const truncated = found.IsTruncated === 'true';
  if (truncated && found.NextContinuationToken === undefined) throw new Error('a page has no token for the next one');
  return {
    objects: found.Contents.map(({ Key, Size, LastModified, ETag }) => ({
      key: keyOf(Key),
      size: Number(Size),
      modified: LastModified,
      etag: ETag,
    })),
    next: truncated ? found.NextContinuationToken : undefined,
  };
}

/** The code of an error's document, such as `NoSuchBucket`; undefined for anything else. */
export function readErrorCode(text: string): string | undefined {
  try {
    return failure.safeParse(parse(text)).data?.Error.Code;
  } catch {
    return undefined;
  }
}
