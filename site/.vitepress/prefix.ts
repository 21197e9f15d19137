import type { Plugin } from 'vite';

/** Where the daemon has the site. */
export const BASE = '/docs/';

/** The variable that holds where a browser has found it, also below the prefix of a proxy. */
export const BASE_VARIABLE = 'globalThis.SLIPWAY_DOCS';

// For the pages as they are rendered while the site is built.
Object.assign(globalThis, { SLIPWAY_DOCS: BASE });

/** Has the scripts find the site's other files where the page was found, in place of below {@link BASE}. */
export function foundAtRunTime(): Plugin {
  return {
    name: 'found-at-run-time',
    config: () => ({
      define: { 'import.meta.env.BASE_URL': BASE_VARIABLE },
      experimental: { renderBuiltUrl: () => ({ relative: true }) },
    }),
    renderChunk(code, { name }) {
      if (!name.startsWith('@localSearchIndex')) return null;
      // The search's results are links.
      return code.replaceAll(/\bexport\s*\{\s*(\w+) as default\s*\}/g, (_all, index) => {
        return `const found=${index}.replaceAll('"${BASE}','"'+${BASE_VARIABLE});export{found as default}`;
      });
    },
  };
}
