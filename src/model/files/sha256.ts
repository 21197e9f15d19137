/** Whether a text is a SHA-256 as it is spelt here: 64 lower-case hex digits. */
export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** The hex digits of a digest as OCI spells it, `sha256:…` (image-spec, descriptor.md); undefined for anything else. */
export function hexOfDigest(digest: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
}
