import { formatProblem, type Problem } from '../model/settings/config.ts';

/** A configuration that cannot be used. The message lists its problems, one per line. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}
