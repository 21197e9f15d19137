import type { z } from 'zod';
import type { Target } from '../yaml/locate.ts';
import { describeValue, formatPath, type Path, quote, suggest } from './wording.ts';

/** A problem at a path of the document. */
export interface Finding {
  readonly path: Path;
  readonly target: Target;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) value = (value as Record<string | number, unknown> | null | undefined)?.[step];
  return value;
}

/** Whether an option of a union fails because the value has another type: then the user did not mean this option. */
function isOtherKind(issues: readonly Issue[]): boolean {
  return issues.some(
    ({ code, path }) =>
      path.length === 0 && (code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union'),
  );
}

function unknownKeys(path: Path, keys: readonly string[], known: string): Finding[] {
  const where = path.length === 0 ? '' : ` in ${formatPath(path)}`;
  return keys.map((key) => ({
    path: [...path, key],
    target: 'key',
    message: `unknown key ${quote(key)}${where}: ${suggest(key, known.split(' '))}`,
  }));
}

/** zod's issues as problems. The schema's messages say what is expected. */
export function explainIssues(root: unknown, issues: readonly Issue[], base: Path = []): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const path = [...base, ...(issue.path as Path)];
    if (issue.code === 'unrecognized_keys') return unknownKeys(path, issue.keys, issue.message);
    if (issue.code === 'invalid_key') {
      const what = `the name ${quote(String(path.at(-1)))} in ${formatPath(path.slice(0, -1))}`;
      const message = `${what}: expected ${issue.issues[0]?.message ?? issue.message}`;
      return [{ path, target: 'key', message }];
    }
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.filter((option) => !isOtherKind(option as Issue[]));
      if (meant.length === 1) return explainIssues(root, meant[0] as Issue[], path);
    }
    const value = valueAt(root, path);
    const place = formatPath(path) || 'the file';
    const message =
      value === undefined
        ? `${place} is missing: expected ${issue.message}`
        : `${place}: expected ${issue.message}, found ${describeValue(value)}`;
    return [{ path, target: 'value', message }];
  });
}
