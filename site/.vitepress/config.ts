import { transformerStyleToClass } from '@shikijs/transformers';
import { defineConfig } from 'vitepress';
import { finish } from './finish';
import { BASE, foundAtRunTime } from './prefix';
import { SIDEBAR } from './sidebar';

const highlighting = transformerStyleToClass({ classPrefix: 'code-' });

/** The documentation as a site of files. Dead links between pages end the build. */
export default defineConfig({
  title: 'Slipway',
  description: 'Boots bare metal from container images',
  srcDir: './pages',
  outDir: './dist',
  base: BASE,
  rewrites: { 'README.md': 'index.md' },
  // Without a style in the page while it changes.
  appearance: { disableTransition: false },
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    codeTransformers: [highlighting],
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: SIDEBAR.map(({ text, pages }) => ({
      text,
      items: pages.map(([title, name]) => ({ text: title, link: `/${name}` })),
    })),
  },
  vite: { plugins: [foundAtRunTime()] },
  buildEnd: ({ outDir }) => finish(outDir, highlighting.getCSS()),
});
