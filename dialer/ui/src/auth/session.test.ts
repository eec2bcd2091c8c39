import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tokenEndingAfter } from '../test/server';
import { SessionStore, TOKEN_KEY, type TokenStorage } from './session';

const NOW = Date.UTC(2026, 0, 5, 9);
const HOUR = 3600;

function open(storage: TokenStorage = window.localStorage) {
  return new SessionStore({ storage, now: () => Date.now() });
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.clearAllTimers();
});

describe('SessionStore', () => {
  it('starts signed out and without a reason', () => {
    expect(open().getSnapshot()).toEqual({ status: 'signedOut', reason: 'none' });
  });

  it('keeps the token across page loads', () => {
    const token = tokenEndingAfter(HOUR, NOW);
    expect(open().signIn(token)).toBe(true);
    expect(open().getSnapshot()).toEqual({ status: 'signedIn', token, expiresAt: NOW + HOUR * 1000 });
  });

  it('refuses a token that is over or no token, and stores neither', () => {
    const session = open();
    expect(session.signIn(tokenEndingAfter(0, NOW))).toBe(false);
    expect(session.signIn('nonsense')).toBe(false);
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
    expect(session.getSnapshot().status).toBe('signedOut');
  });

  it('drops a stored token that ended while the page was closed, and says so', () => {
    window.localStorage.setItem(TOKEN_KEY, tokenEndingAfter(-1, NOW));
    expect(open().getSnapshot()).toEqual({ status: 'signedOut', reason: 'expired' });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
  });

  it('ends exactly at the end of the token', () => {
    const session = open();
    const listener = vi.fn();
    session.signIn(tokenEndingAfter(HOUR, NOW));
    session.subscribe(listener);
    vi.advanceTimersByTime(HOUR * 1000 - 1);
    expect(listener).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(listener).toHaveBeenCalledOnce();
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'expired' });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
  });

  it('does not end early when the wait exceeds what a timer can count', () => {
    const session = open();
    const days = 24 * HOUR;
    session.signIn(tokenEndingAfter(40 * days, NOW));
    vi.advanceTimersByTime(39 * days * 1000);
    expect(session.getSnapshot().status).toBe('signedIn');
    vi.advanceTimersByTime(days * 1000);
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'expired' });
  });

  it('notices after a sleep, in which no timer ran, that it is over', () => {
    const session = open();
    session.signIn(tokenEndingAfter(HOUR, NOW));
    vi.setSystemTime(NOW + 2 * HOUR * 1000);
    expect(session.getSnapshot().status).toBe('signedIn');
    session.checkExpiry();
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'expired' });
  });

  it('is not ended by the late refusal of an earlier token', () => {
    const session = open();
    const first = tokenEndingAfter(HOUR, NOW, '01');
    const second = tokenEndingAfter(HOUR, NOW, '02');
    session.signIn(first);
    session.signIn(second);
    session.end('rejected', first);
    expect(session.getSnapshot()).toMatchObject({ status: 'signedIn', token: second });
    session.end('rejected', second);
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'rejected' });
  });

  it('keeps the first reason when it is ended twice', () => {
    const session = open();
    session.signIn(tokenEndingAfter(HOUR, NOW));
    session.end('signedOut');
    session.end('rejected');
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'signedOut' });
  });

  it('tells the reason of a drop also where there was no session', () => {
    const session = open();
    const listener = vi.fn();
    session.subscribe(listener);
    session.drop('passwordChanged');
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'passwordChanged' });
    session.signIn(tokenEndingAfter(HOUR, NOW));
    session.drop('passwordChanged');
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'passwordChanged' });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
    expect(listener).toHaveBeenCalledTimes(3);
  });

  it('follows other tabs', () => {
    const session = open();
    const token = tokenEndingAfter(HOUR, NOW);
    window.localStorage.setItem(TOKEN_KEY, token);
    session.storageChanged({ key: 'something else' });
    expect(session.getSnapshot().status).toBe('signedOut');
    session.storageChanged({ key: TOKEN_KEY });
    expect(session.getSnapshot()).toMatchObject({ status: 'signedIn', token });
    window.localStorage.clear();
    session.storageChanged({ key: null });
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'signedOut' });
  });

  it('works in memory where storage is forbidden', () => {
    const forbid = (): never => {
      throw new DOMException('denied', 'SecurityError');
    };
    const session = open({ getItem: forbid, setItem: forbid, removeItem: forbid });
    expect(session.signIn(tokenEndingAfter(HOUR, NOW))).toBe(true);
    expect(session.getSnapshot().status).toBe('signedIn');
    session.end('signedOut');
    expect(session.getSnapshot().status).toBe('signedOut');
  });

  it('no longer calls a listener that has left', () => {
    const session = open();
    const listener = vi.fn();
    session.subscribe(listener)();
    session.signIn(tokenEndingAfter(HOUR, NOW));
    expect(listener).not.toHaveBeenCalled();
  });
});
