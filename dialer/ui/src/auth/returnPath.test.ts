import { describe, expect, it } from 'vitest';
import { returnPath } from './returnPath';

describe('returnPath', () => {
  it('goes back to a path of this application', () => {
    expect(returnPath({ from: '/leads?search=smith' })).toBe('/leads?search=smith');
  });

  it.each([
    null,
    undefined,
    {},
    { from: 7 },
    { from: '' },
    { from: 'leads' },
    { from: '//evil.test/' },
    { from: '/\\evil.test' },
    { from: 'https://evil.test/' },
    { from: '/login' },
  ])('goes to the start for %j', (state) => {
    expect(returnPath(state)).toBe('/');
  });
});
