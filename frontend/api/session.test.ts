import { describe, expect, it } from 'vitest';
import { Session, splitTokenFragment, type TokenStorage } from './session.ts';

class MemoryStorage implements TokenStorage {
  readonly values = new Map<string, string>();
  getItem = (key: string) => this.values.get(key) ?? null;
  setItem = (key: string, value: string) => void this.values.set(key, value);
  removeItem = (key: string) => void this.values.delete(key);
}

function setUp() {
  const lasting = new MemoryStorage();
  const passing = new MemoryStorage();
  return { lasting, passing, session: new Session({ lasting, passing }) };
}

describe('splitTokenFragment', () => {
  it.each([
    ['#token=abc', 'abc', ''],
    ['#token=a%2Bb&tab=logs', 'a+b', '#tab=logs'],
    ['#tab=logs', undefined, '#tab=logs'],
    ['#token=', undefined, ''],
    ['', undefined, ''],
  ])('%j', (hash, token, rest) => expect(splitTokenFragment(hash)).toEqual({ token, rest }));
});

describe('Session', () => {
  it('takes the token of a link, keeps it for the browser, and says what stays of the address', () => {
    const { lasting, passing, session } = setUp();
    expect(session.adopt('#token=t1&x=1')).toBe('#x=1');
    expect(new Session({ lasting, passing }).token).toBe('t1');
    expect(passing.values.size).toBe(0);
    expect(session.adopt('#x=1')).toBeUndefined();
  });

  it('keeps a token for the tab only when asked to', () => {
    const { lasting, passing, session } = setUp();
    session.signIn('t1', true);
    session.signIn('t2', false);
    expect(lasting.values.size).toBe(0);
    expect(new Session({ lasting, passing }).token).toBe('t2');
  });

  it('forgets everything at sign-out, and remembers whether it was refused', () => {
    const { lasting, session } = setUp();
    let changes = 0;
    session.subscribe(() => changes++);
    session.signIn('t1', true);
    session.signOut(true);
    session.signOut();
    expect(session.token).toBeUndefined();
    expect(session.wasRefused).toBe(true);
    expect(lasting.values.size).toBe(0);
    expect(changes).toBe(2);
    session.signIn('t2', true);
    expect(session.wasRefused).toBe(false);
  });
});
