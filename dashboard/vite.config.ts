import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Puts each file beside itself in compressed form, where that is shorter: the server compresses nothing. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const [fileName, file] of Object.entries(bundle)) {
          const plain = Buffer.from(file.type === 'chunk' ? file.code : file.source);
          const forms = {
            br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
            gz: gzipSync(plain, { level: 9 }),
          };
          for (const [suffix, source] of Object.entries(forms))
            if (source.length < plain.length)
              this.emitFile({ type: 'asset', fileName: `${fileName}.${suffix}`, source });
        }
      },
    },
  };
}

/** Built by scripts/build.sh. All URLs are relative, so that the page works behind a prefix of a proxy. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    emptyOutDir: true,
    reportCompressedSize: false,
  },
  plugins: [compressed()],
});
