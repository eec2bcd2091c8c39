import { tokenExpiry } from './token';

/** The key the older web client used, so that both agree on who is signed in. */
export const TOKEN_KEY = 'token';
/** A timer of the browser counts in 32 bits: longer waits fire at once, so they are taken in steps. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Why there is no session; the login page says it. */
export type SignedOutReason = 'none' | 'expired' | 'rejected' | 'signedOut' | 'passwordChanged';

export type Session =
  { status: 'signedIn'; token: string; expiresAt: number } | { status: 'signedOut'; reason: SignedOutReason };

export type TokenStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

interface SessionStoreOptions {
  storage: TokenStorage;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Holds the token of this browser: in memory and in storage, where the other tabs see it. It ends the session
 * at the token's own end, when the server refuses it, and when another tab signs out. Never logs the token.
 */
export class SessionStore {
  readonly #storage: TokenStorage;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #session: Session;

  constructor({ storage, now }: SessionStoreOptions) {
    this.#storage = storage;
    this.#now = now;
    this.#session = this.#load();
    this.#schedule();
  }

  readonly getSnapshot = (): Session => this.#session;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes a token the server just gave. False if it is already over by this device's clock, or unreadable. */
  signIn(token: string): boolean {
    const session = this.#judge(token);
    if (session.status === 'signedOut') {
      return false;
    }
    this.#write(token);
    this.#set(session);
    return true;
  }

  /**
   * Ends the session. With `token`, only if that is still the one in use: a late refusal of an old token must
   * not sign out somebody who has just signed in again.
   */
  end(reason: SignedOutReason, token?: string): void {
    const current = this.#session;
    if (current.status === 'signedOut' || (token !== undefined && token !== current.token)) {
      return;
    }
    this.drop(reason);
  }

  /** Drops whatever session there is. Unlike with `end`, the reason is told also to those who had none. */
  drop(reason: SignedOutReason): void {
    this.#write(null);
    this.#set({ status: 'signedOut', reason });
  }

  /** Another tab signed in or out (`storage` event; `key` is null when all storage was cleared). */
  readonly storageChanged = (event: Pick<StorageEvent, 'key'>): void => {
    if (event.key !== null && event.key !== TOKEN_KEY) {
      return;
    }
    const token = this.#read();
    if (token === null) {
      if (this.#session.status === 'signedIn') {
        this.#set({ status: 'signedOut', reason: 'signedOut' });
      }
    } else if (this.#session.status === 'signedOut' || this.#session.token !== token) {
      this.#set(this.#judge(token));
    }
  };

  /** Looks at the clock; also called when a sleeping device wakes, as its timers did not run. */
  readonly checkExpiry = (): void => {
    if (this.#session.status === 'signedIn' && this.#session.expiresAt <= this.#now()) {
      this.end('expired');
    } else {
      this.#schedule();
    }
  };

  #load(): Session {
    const token = this.#read();
    if (token === null) {
      return { status: 'signedOut', reason: 'none' };
    }
    const session = this.#judge(token);
    if (session.status === 'signedOut') {
      this.#write(null);
    }
    return session;
  }

  #judge(token: string): Session {
    const expiresAt = tokenExpiry(token);
    if (expiresAt === null) {
      return { status: 'signedOut', reason: 'none' };
    }
    return expiresAt > this.#now()
      ? { status: 'signedIn', token, expiresAt }
      : { status: 'signedOut', reason: 'expired' };
  }

  #set(session: Session): void {
    this.#session = session;
    this.#schedule();
    for (const listener of this.#listeners) {
      listener();
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#session.status === 'signedIn') {
      const wait = Math.max(0, this.#session.expiresAt - this.#now());
      this.#timer = setTimeout(this.checkExpiry, Math.min(wait, LONGEST_TIMER_MS));
    }
  }

  // Storage may be forbidden (private windows, policies); the session then lives in this tab only.
  #read(): string | null {
    try {
      return this.#storage.getItem(TOKEN_KEY);
    } catch {
      return null;
    }
  }

  #write(token: string | null): void {
    try {
      if (token === null) {
        this.#storage.removeItem(TOKEN_KEY);
      } else {
        this.#storage.setItem(TOKEN_KEY, token);
      }
    } catch {
      // As above: memory is enough.
    }
  }
}
