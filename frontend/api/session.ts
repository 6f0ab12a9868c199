/**
 * The token of this browser. It comes from `#token=…` (the link that the platform prints at its first start) or from the
 * sign-in page. A fragment never reaches a server, and it is taken out of the address bar before anything else runs.
 */
const storageKey = 'hearth.token';
const projectKey = 'hearth.project';

export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface SessionOptions {
  /** Survives the browser. */
  readonly lasting: TokenStorage;
  /** Ends with the tab. */
  readonly passing: TokenStorage;
}

/** The part of a fragment that is a token, and what is left of the fragment without it. */
export function splitTokenFragment(hash: string): { readonly token: string | undefined; readonly rest: string } {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const token = params.get('token')?.trim();
  params.delete('token');
  const rest = params.toString();
  return { token: token === undefined || token === '' ? undefined : token, rest: rest === '' ? '' : `#${rest}` };
}

export class Session {
  readonly #lasting: TokenStorage;
  readonly #passing: TokenStorage;
  readonly #listeners = new Set<() => void>();
  #token: string | undefined;
  #wasRefused = false;
  #project: string | undefined;

  constructor(options: SessionOptions) {
    this.#lasting = options.lasting;
    this.#passing = options.passing;
    this.#token = options.passing.getItem(storageKey) ?? options.lasting.getItem(storageKey) ?? undefined;
    this.#project = options.lasting.getItem(projectKey) ?? undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** The project that the dashboard shows; undefined: that of the token. */
  get project(): string | undefined {
    return this.#project;
  }

  showProject(project: string | undefined): void {
    this.#project = project;
    if (project === undefined) this.#lasting.removeItem(projectKey);
    else this.#lasting.setItem(projectKey, project);
    this.#notify();
  }

  /** The platform did not accept the last token; the sign-in page says so. */
  get wasRefused(): boolean {
    return this.#wasRefused;
  }

  /** Keeps the token of `#token=…`; returns the fragment that should stay in the address bar, or undefined when there was none. */
  adopt(hash: string): string | undefined {
    const { token, rest } = splitTokenFragment(hash);
    if (token === undefined) return undefined;
    this.signIn(token, true);
    return rest;
  }

  signIn(token: string, isLasting: boolean): void {
    this.#store(token, isLasting);
    this.#wasRefused = false;
    this.#notify();
  }

  signOut(wasRefused = false): void {
    if (this.#token === undefined) return;
    this.#token = undefined;
    this.#wasRefused = wasRefused;
    this.#project = undefined;
    this.#lasting.removeItem(projectKey);
    this.#lasting.removeItem(storageKey);
    this.#passing.removeItem(storageKey);
    this.#notify();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #store(token: string, isLasting: boolean): void {
    this.#token = token;
    const [use, other] = isLasting ? [this.#lasting, this.#passing] : [this.#passing, this.#lasting];
    other.removeItem(storageKey);
    use.setItem(storageKey, token);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
