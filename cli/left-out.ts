import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { manifestFile } from '../shared/manifest.ts';

/** Whose rule leaves a file out. `default` is the list below. */
export type LeftOutBy = 'default' | '.gitignore' | '.hearthignore';

/** Never part of a bundle, whatever a file of rules says: the platform installs dependencies itself, and histories hold what was deleted. */
const never: ReadonlySet<string> = new Set(['node_modules', '.git', '.hg', '.svn', '.jj', manifestFile]);

/** Left out unless .hearthignore takes it back (`!name`). Patterns as in .gitignore. */
const defaults = `
# Environments and credentials
.env*
.aws/
.azure/
.gcloud/
.config/
.docker/
.gnupg/
.kube/
.ssh/
.terraform/
.git-credentials
.netrc
.pgpass
.pypirc
# Editors and systems
.DS_Store
.idea/
.vs/
.vscode/
.zed/
*.swp
*~
Thumbs.db
# About the repository
.gitattributes
.gitignore
.github/
.gitlab-ci.yml
.gitmodules
.hearthignore
# Made again where it is needed
.mypy_cache/
.pytest_cache/
.ruff_cache/
.tox/
.venv/
__pycache__/
venv/
`;

/** What is often secret and sometimes not, such as public certificates. */
const secretLooking = `
*.jks
*.kdbx
*.key
*.keystore
*.p12
*.pem
*.pfx
*.tfstate
.htpasswd
.npmrc
client_secret*.json
credentials
credentials.csv
credentials.json
id_dsa
id_ecdsa
id_ed25519
id_rsa
secrets.json
secrets.toml
secrets.yaml
secrets.yml
service-account*.json
service_account*.json
`;

interface Rules {
  /** The folder that the paths of the rules begin at. */
  readonly base: string;
  readonly matcher: Ignore;
}

const matcherOf = (text: string, ignorecase: boolean): Ignore => ignore({ ignorecase }).add(text);
const defaultMatcher = matcherOf(defaults, true);
const secretMatcher = matcherOf(secretLooking, true);

/** Whether a file is called as files with secrets are. */
export const looksSecret = (path: string): boolean => secretMatcher.ignores(path);

/** Says of the files of a function's folder which stay at home. */
export class LeftOutRules {
  readonly #root: string;
  readonly #hearth: Rules | undefined;
  /** Outer folders first. */
  #git: readonly Rules[];

  constructor(root: string) {
    this.#root = root;
    this.#hearth = rulesIn(root, '.hearthignore');
    const outer = gitFoldersAbove(root).flatMap((folder) => rulesIn(folder, '.gitignore') ?? []);
    // Who deploys a folder that git ignores, such as one that a build made, means what is in it.
    this.#git = isIgnored(outer, root, true) ? [] : outer;
  }

  /** To be called with each folder before what is in it, the root too. */
  enter(folder: string): void {
    const rules = rulesIn(folder, '.gitignore');
    if (rules !== undefined) this.#git = [...this.#git, rules];
  }

  /** Undefined: it is part of the bundle. */
  leftOutBy(path: string, name: string, isFolder: boolean): LeftOutBy | undefined {
    if (never.has(name)) return 'default';
    const own = this.#hearth === undefined ? undefined : this.#hearth.matcher.test(within(this.#root, path, isFolder));
    if (own?.ignored === true) return '.hearthignore';
    if (own?.unignored === true) return undefined;
    if (defaultMatcher.ignores(within(this.#root, path, isFolder))) return 'default';
    return isIgnored(this.#git, path, isFolder) ? '.gitignore' : undefined;
  }
}

function rulesIn(folder: string, file: string): Rules | undefined {
  const path = join(folder, file);
  return existsSync(path) ? { base: folder, matcher: matcherOf(readFileSync(path, 'utf8'), false) } : undefined;
}

/** The folders above one from the root of its repository on; none where it is in no repository, or is the root itself. */
function gitFoldersAbove(folder: string): readonly string[] {
  const folders: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    if (at !== folder) folders.unshift(at);
    if (existsSync(join(at, '.git'))) return folders;
    if (dirname(at) === at) return [];
  }
}

/** The innermost file of rules that says anything about a path decides, as in git. */
function isIgnored(rules: readonly Rules[], path: string, isFolder: boolean): boolean {
  for (const { base, matcher } of rules.toReversed()) {
    if (relative(base, path).split(sep)[0] === '..') continue;
    const { ignored, unignored } = matcher.test(within(base, path, isFolder));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** With a slash at the end of folders, as the patterns of .gitignore tell them from files. */
const within = (base: string, path: string, isFolder: boolean): string =>
  `${relative(base, path).split(sep).join('/')}${isFolder ? '/' : ''}`;
