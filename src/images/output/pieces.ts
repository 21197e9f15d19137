/** A run of bytes to be written somewhere: at hand, or a whole file. */
export type Piece = Uint8Array | { readonly file: string; readonly size: number };

/** Bytes in all. */
export function piecesSize(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.size), 0);
}
