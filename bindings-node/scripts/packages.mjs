// Lays out the packages as they are published, each in a folder of its own, ready for `npm pack` and `npm publish`:
// `doorward`, and `doorward-PLATFORM` for each addon that is there.
//
//   node scripts/packages.mjs [--addons FOLDER] [--out FOLDER] [--complete]
//
// Addons are `doorward.PLATFORM.node`, by default those beside package.json; `--complete` fails if one of them is missing.
// That the platforms are optional dependencies is written here and not in package.json, since a lock file could only name what
// is published.

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { PLATFORMS, fields } from './platforms.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const { values: asked } = parseArgs({
  options: {
    addons: { type: 'string', default: here },
    out: { type: 'string', default: join(here, 'npm') },
    complete: { type: 'boolean', default: false },
  },
});

const own = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const { scripts, devDependencies, private: unpublished, ...manifest } = own;
const { name, version, license, engines } = manifest;
const shared = { license, engines, ...repository(process.env) };

/** Where the packages come from, which the index compares with what it knows of the workflow that publishes. */
function repository({ GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path }) {
  if (path === undefined) return {};
  return { repository: { type: 'git', url: `git+${server}/${path}.git`, directory: 'bindings-node' } };
}

const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT'];

/** Writes a package; `files` are pairs of the folder that has it and the file, or the folder, itself. */
function lay(manifest, page, files) {
  const described = { ...manifest, files: [...files.map(([, file]) => file), ...LICENCES] };
  const place = join(asked.out, manifest.name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), `${JSON.stringify(described, undefined, 2)}\n`);
  writeFileSync(join(place, 'README.md'), page);
  for (const licence of LICENCES) copyFileSync(join(here, '..', licence), join(place, licence));
  for (const [from, file] of files) cpSync(join(from, file), join(place, file), { recursive: true });
  console.log(place);
}

const addons = new Map(PLATFORMS.map((platform) => [platform, `doorward.${platform}.node`]));
const missing = PLATFORMS.filter((platform) => !existsSync(join(asked.addons, addons.get(platform))));
if (asked.complete && missing.length > 0) throw new Error(`there is no addon for ${missing.join(', ')} in ${asked.addons}`);

for (const [platform, addon] of addons) {
  if (missing.includes(platform)) continue;
  const description = `The native part of ${name} for ${platform}`;
  const addition = { name: `${name}-${platform}`, version, description, ...shared, ...fields(platform), main: addon };
  lay(addition, `# ${addition.name}\n\n${description}, which installs it by itself.\n`, [[asked.addons, addon]]);
}
const optionalDependencies = Object.fromEntries(PLATFORMS.map((platform) => [`${name}-${platform}`, version]));
const page = readFileSync(join(here, 'README.md'), 'utf8');
lay({ ...manifest, ...shared, optionalDependencies }, page, manifest.files.map((file) => [here, file]));
