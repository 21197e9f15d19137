/** A release, as CHANGELOG.md has it. */
export interface Release {
  readonly version: string;
  /** YYYY-MM-DD */
  readonly date: string;
  /** What changed: Markdown, of a line in bold for each kind, and of lists. */
  readonly text: string;
}

/** The releases of the changelog, the newest first. What is not released yet is not among them. */
export function releases(changelog: string): readonly Release[] {
  return changelog.split(/^## /m).flatMap((section) => {
    const [, version, date, text] = /^(\d\S*) — (\d{4}-\d\d-\d\d)\n([\s\S]*)$/.exec(section) ?? [];
    return version && date && text ? [{ version, date, text: text.trim() }] : [];
  });
}

/** Words in lines of at most 76 characters. @param first what the first line begins with; the others are indented */
function fill(text: string, first: string): string {
  const lines = [first];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line.length + 1 + word.length <= 76) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`    ${word}`);
  }
  return lines.join('\n');
}

/** A kind of change, or a change, as debian/changelog has it. */
function entry(paragraph: string): string {
  const [, kind] = /^\*\*(.*)\*\*$/.exec(paragraph) ?? [];
  if (kind !== undefined) return `\n  [ ${kind} ]`;
  return fill(paragraph.replace(/^- /, ''), '  *');
}

/** The releases as Debian's changelog has them (deb-changelog(5)). @param maintainer a name and an address */
export function debianChangelog(changelog: string, maintainer: string): string {
  return releases(changelog)
    .map(({ version, date, text }) => {
      const entries = text.split(/\n\n|\n(?=- )/).map(entry);
      const day = new Date(date).toUTCString().replace('GMT', '+0000');
      return `slipway (${version}-1) unstable; urgency=medium\n\n${entries.join('\n').replace(/^\n/, '')}\n\n -- ${maintainer}  ${day}\n`;
    })
    .join('\n');
}
