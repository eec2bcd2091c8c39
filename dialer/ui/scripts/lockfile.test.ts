// @vitest-environment node
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockfileProblems, nativeParts, type LockEntry, type Lockfile, type Manifest } from './lockfile';

const root = join(import.meta.dirname, '..');
const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
const lock = read('package-lock.json') as Lockfile;
const manifest = read('package.json') as Manifest;

/** A copy of the lockfile with one change. */
function changed(change: (packages: Record<string, LockEntry>) => void): Lockfile {
  const copy = structuredClone(lock);
  change(copy.packages);
  return copy;
}

/** A copy of the lockfile without one package. */
function without(path: string): Lockfile {
  const { [path]: removed, ...packages } = lock.packages;
  if (removed === undefined) throw new Error(`the lockfile has no ${path}`);
  return { ...lock, packages };
}

function entry(packages: Record<string, LockEntry>, path: string): LockEntry {
  const found = packages[path];
  if (found === undefined) throw new Error(`the lockfile has no ${path}`);
  return found;
}

const paths = Object.keys(lock.packages).filter((path) => path !== '');
const natives = Object.entries(lock.packages).flatMap(([path, found]) =>
  nativeParts(lock, path, found).map(([name]) => `node_modules/${name}`),
);

describe('the committed lockfile', () => {
  it('installs everywhere', () => {
    expect(lockfileProblems(lock, manifest)).toEqual([]);
  });

  it('holds native packages, so that the checks below check something', () => {
    expect(natives.length).toBeGreaterThan(10);
  });

  it('lists of each installed package all the optional packages which that package names itself', () => {
    const installed = paths.filter((path) => existsSync(join(root, path, 'package.json')));
    expect(installed.length).toBeGreaterThan(100);
    for (const path of installed) {
      const own = read(join(path, 'package.json')) as LockEntry;
      expect([path, lock.packages[path]?.optionalDependencies ?? {}]).toEqual([
        path,
        own.optionalDependencies ?? {},
      ]);
    }
  });
});

describe('lockfileProblems', () => {
  it.each(natives)('notices that %s is missing', (path) => {
    const name = path.replace('node_modules/', '');
    expect(lockfileProblems(without(path), manifest).join('\n')).toContain(
      `needs ${name}, which the lockfile lacks`,
    );
  });

  it('notices whichever entry is missing', () => {
    expect(paths.filter((path) => lockfileProblems(without(path), manifest).length === 0)).toEqual([]);
  }, 60_000);

  it('notices a platform that is gone together with its mention', () => {
    const copy = changed((packages) => {
      delete entry(packages, 'node_modules/rolldown').optionalDependencies?.[
        '@rolldown/binding-linux-arm64-musl'
      ];
    });
    expect(lockfileProblems(copy, manifest)).toEqual([
      'node_modules/rolldown has no native package for linux arm64 musl',
    ]);
  });

  it('notices a native package of another version than its owner wants', () => {
    const copy = changed((packages) => {
      entry(packages, 'node_modules/@rolldown/binding-darwin-arm64').version = '0.0.1';
    });
    expect(lockfileProblems(copy, manifest).join()).toContain('the lockfile has 0.0.1');
  });

  it.each([
    ['https://mirror.test/vite/-/vite-1.0.0.tgz'],
    ['git+ssh://git@github.test/vite.git#1'],
    ['file:../vite.tgz'],
  ])('refuses the origin %s', (resolved) => {
    const copy = changed((packages) => {
      entry(packages, 'node_modules/vite').resolved = resolved;
    });
    expect(lockfileProblems(copy, manifest)).toHaveLength(1);
  });

  it('notices a package without a hash and one that runs a script', () => {
    const copy = changed((packages) => {
      delete entry(packages, 'node_modules/vite').integrity;
      entry(packages, 'node_modules/react').hasInstallScript = true;
    });
    expect(lockfileProblems(copy, manifest)).toHaveLength(2);
  });

  it.each(['preinstall', 'install', 'postinstall', 'prepare'])('notices the hook %s', (hook) => {
    const hooked = { ...manifest, scripts: { ...manifest.scripts, [hook]: 'true' } };
    expect(lockfileProblems(lock, hooked)).toEqual([
      `package.json has the install hook "${hook}": remove it`,
    ]);
  });

  it('notices a package.json that went ahead', () => {
    const ahead = { ...manifest, dependencies: { ...manifest.dependencies, left: '^1.0.0' } };
    expect(lockfileProblems(lock, ahead).join()).toContain('older than package.json');
  });
});
