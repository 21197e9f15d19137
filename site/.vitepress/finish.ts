import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { BASE, BASE_VARIABLE } from './prefix';

/** Styles that pages have at their elements, where a strict policy does not allow them; theme/style.css has them too. */
const STYLES = [' style="position:relative;"', ' style="--vp-vh:0px;"'];

const SCRIPT = /<script(?: id="[\w-]+")?>([\s\S]*?)<\/script>/g;

/** Writes a file whose name has its digest. @returns its path below the site's root */
async function writeAsset(folder: string, name: string, suffix: string, content: string): Promise<string> {
  const digest = createHash('sha256').update(content).digest('base64url').slice(0, 8);
  const path = `assets/${name}.${digest}.${suffix}`;
  await writeFile(join(folder, path), content);
  return path;
}

/**
 * Makes the built site ready for any server and a strict content security policy: scripts and styles of pages become
 * files, all addresses relative, and each file has its compressed forms beside it.
 * @param folder the built site
 * @param highlighting the styles of highlighted code
 */
export async function finish(folder: string, highlighting: string): Promise<void> {
  for (const name of ['404.html', 'hashmap.json']) await rm(join(folder, name), { force: true });
  const style = await writeAsset(folder, 'code', 'css', highlighting);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((each) => each.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  for (const file of files.filter((each) => each.endsWith('.html'))) {
    let page = await readFile(file, 'utf8');
    const scripts = [...page.matchAll(SCRIPT)].map(([, script]) => script);
    const found = `${BASE_VARIABLE}=new URL('..',document.currentScript.src).pathname;`;
    const script = `${found}${scripts.join(';')};window.__VP_SITE_DATA__.base=${BASE_VARIABLE};\n`;
    const path = await writeAsset(folder, 'page', 'js', script);
    for (const attribute of STYLES) page = page.replaceAll(attribute, '');
    page = page
      .replaceAll(SCRIPT, '')
      .replace('<meta name="viewport"', `<script src="${BASE}${path}"></script>$&`)
      .replace('</head>', `<link rel="stylesheet" href="${BASE}${style}"></head>`);
    const depth = file.slice(folder.length + 1).split('/').length - 1;
    const up = depth === 0 ? './' : '../'.repeat(depth);
    page = page.replaceAll(new RegExp(`\\b(href|src)="${BASE}`, 'g'), `$1="${up}`);
    const inline = /<script(?![^>]* src=)[^>]*>|<style|\sstyle="|\son\w+="/.exec(page);
    if (inline) throw new Error(`${file} has ${inline[0]} in it, which no strict policy allows`);
    await writeFile(file, page);
  }
  for (const path of await readdir(folder, { recursive: true })) {
    if (!/\.(?:html|js|css|svg)$/.test(path)) continue;
    const plain = await readFile(join(folder, path));
    const forms = { br: brotliCompressSync(plain), gz: gzipSync(plain, { level: 9 }) };
    for (const [suffix, form] of Object.entries(forms))
      if (form.length < plain.length) await writeFile(join(folder, `${path}.${suffix}`), form);
  }
}
