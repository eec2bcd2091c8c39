// Writes a .br and a .gz beside every file of a build that gets smaller by it, so that the server compresses
// nothing while it serves. Usage: node scripts/compress.mjs <folder>
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg', '.json', '.txt', '.webmanifest']);
const brotli = promisify(brotliCompress);
const gz = promisify(gzip);

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node scripts/compress.mjs <folder of the build>');
  process.exit(2);
}

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSIBLE.has(extname(entry.name))) continue;
  const file = join(entry.parentPath, entry.name);
  const plain = await readFile(file);
  const variants = {
    '.br': await brotli(plain, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
    }),
    '.gz': await gz(plain, { level: 9 }),
  };
  for (const [suffix, bytes] of Object.entries(variants)) {
    if (bytes.length < plain.length) await writeFile(file + suffix, bytes);
  }
  console.log(`${file}  ${plain.length} B, br ${variants['.br'].length}, gz ${variants['.gz'].length}`);
}
