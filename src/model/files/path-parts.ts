/** The parts of a path without empty ones and `.`: firmware doubles slashes, and ends names with one. */
export function pathParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
