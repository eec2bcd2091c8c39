/**
 * What makes `npm ci` fail on somebody else's machine, found by reading package.json and package-lock.json.
 *
 * npm may write a lockfile that names only the native packages of the machine it ran on (npm/cli#4828): the
 * build then works there and nowhere else. The package that needs them still lists them all, so the gap shows.
 */

import { satisfies } from 'semver';

export interface LockEntry {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

export interface Lockfile {
  lockfileVersion: number;
  packages: Record<string, LockEntry>;
}

export interface Manifest {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** What npm runs by itself while it installs a checkout. */
const INSTALL_HOOKS = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
  'dependencies',
];

/** Where developers and the build machines are. */
const PLATFORMS = [
  { os: 'linux', cpu: 'x64', libc: 'glibc' },
  { os: 'linux', cpu: 'x64', libc: 'musl' },
  { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { os: 'linux', cpu: 'arm64', libc: 'musl' },
  { os: 'darwin', cpu: 'x64', libc: undefined },
  { os: 'darwin', cpu: 'arm64', libc: undefined },
];

/** Every problem, in words; empty if the lockfile installs everywhere. */
export function lockfileProblems(lock: Lockfile, manifest: Manifest): string[] {
  const entries = Object.entries(lock.packages);
  return [
    ...hookProblems(manifest),
    ...rootProblems(lock, manifest),
    ...entries.flatMap(([path, entry]) => [
      ...originProblems(path, entry),
      ...missingProblems(lock, path, entry),
      ...platformProblems(lock, path, entry),
    ]),
  ];
}

function hookProblems(manifest: Manifest): string[] {
  return INSTALL_HOOKS.filter((hook) => manifest.scripts?.[hook] !== undefined).map(
    (hook) => `package.json has the install hook "${hook}": remove it`,
  );
}

/** `npm ci` refuses a lockfile that does not follow package.json. */
function rootProblems(lock: Lockfile, manifest: Manifest): string[] {
  const root = lock.packages[''];
  const same = (['dependencies', 'devDependencies'] as const).every(
    (kind) => JSON.stringify(sorted(root?.[kind])) === JSON.stringify(sorted(manifest[kind])),
  );
  return [
    ...(lock.lockfileVersion === 3
      ? []
      : ['package-lock.json is not of version 3: write it with npm 10 or later']),
    ...(same ? [] : ['package-lock.json is older than package.json: run `npm install`']),
  ];
}

function sorted(record: Record<string, string> | undefined): [string, string][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => a.localeCompare(b));
}

function originProblems(path: string, entry: LockEntry): string[] {
  if (path === '') {
    return [];
  }
  const problems: string[] = [];
  // Absent means: from whichever registry npm is configured for.
  if (entry.resolved !== undefined) {
    problems.push(`${path} comes from a place of its own: remove "resolved"`);
  }
  if (entry.integrity === undefined) {
    problems.push(`${path} has no integrity hash`);
  }
  if (entry.hasInstallScript === true) {
    problems.push(`${path} runs a script when it is installed`);
  }
  return problems;
}

/** Each dependency that the entry names must have a fitting entry where Node would look for it. */
function missingProblems(lock: Lockfile, path: string, entry: LockEntry): string[] {
  const peers = Object.entries(entry.peerDependencies ?? {}).filter(
    ([name]) => entry.peerDependenciesMeta?.[name]?.optional !== true,
  );
  const needed = [
    ...Object.entries(entry.dependencies ?? {}),
    ...Object.entries(entry.devDependencies ?? {}),
    ...Object.entries(entry.optionalDependencies ?? {}),
    ...peers,
  ];
  const owner = path || 'package.json';
  return needed.flatMap(([name, range]) => {
    const found = find(lock, path, name);
    if (found === undefined) {
      return [`${owner} needs ${name}, which the lockfile lacks: npm would not install it`];
    }
    return satisfies(found.version ?? '', range)
      ? []
      : [`${owner} needs ${name} ${range}, the lockfile has ${found.version ?? 'no version'}`];
  });
}

/** A package with native parts must have one for each of our platforms. */
function platformProblems(lock: Lockfile, path: string, entry: LockEntry): string[] {
  const natives = nativeParts(lock, path, entry);
  if (natives.length === 0) {
    return [];
  }
  return PLATFORMS.filter((platform) => !natives.some(([name, native]) => fits(name, native, platform))).map(
    ({ os, cpu, libc }) => `${path} has no native package for ${[os, cpu, libc].filter(Boolean).join(' ')}`,
  );
}

/** The optional packages of `entry` that are made for one processor. */
export function nativeParts(lock: Lockfile, path: string, entry: LockEntry): [string, LockEntry][] {
  return Object.keys(entry.optionalDependencies ?? {}).flatMap((name) => {
    const found = find(lock, path, name);
    return found?.cpu === undefined ? [] : [[name, found] satisfies [string, LockEntry]];
  });
}

function fits(name: string, native: LockEntry, platform: (typeof PLATFORMS)[number]): boolean {
  if (native.os?.includes(platform.os) !== true || native.cpu?.includes(platform.cpu) !== true) {
    return false;
  }
  // Some packages tell the C library only by their name, and some need none.
  const libc =
    native.libc ?? (name.endsWith('-musl') ? ['musl'] : name.endsWith('-gnu') ? ['glibc'] : undefined);
  return platform.libc === undefined || libc === undefined || libc.includes(platform.libc);
}

/** The entry that `require(name)` in `path` would find: the nearest node_modules upwards. */
export function find(lock: Lockfile, path: string, name: string): LockEntry | undefined {
  for (let folder = path; ; folder = parent(folder)) {
    const found = lock.packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`];
    if (found !== undefined || folder === '') {
      return found;
    }
  }
}

function parent(path: string): string {
  const cut = path.lastIndexOf('/node_modules/');
  return cut < 0 ? '' : path.slice(0, cut);
}
