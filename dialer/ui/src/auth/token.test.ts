import { describe, expect, it } from 'vitest';
import { tokenWith } from '../test/server';
import { tokenExpiry } from './token';

describe('tokenExpiry', () => {
  it('gives the end in milliseconds', () => {
    expect(tokenExpiry(tokenWith({ exp: 1_700_000_000 }))).toBe(1_700_000_000_000);
  });

  it('reads base64url, where - and _ stand for + and /', () => {
    // This claim encodes to both characters; plain atob refuses them.
    const token = tokenWith({ note: '>>>???~~~', exp: 5 });
    expect(token.split('.')[1]).toMatch(/[-_]/);
    expect(tokenExpiry(token)).toBe(5000);
  });

  it.each([
    ['an empty text', ''],
    ['no dots', 'abc'],
    ['two parts', 'a.b'],
    ['four parts', `${tokenWith({ exp: 5 })}.more`],
    ['an empty payload', 'a..c'],
    ['no base64', 'a.%%%.c'],
    ['no JSON', `a.${btoa('not json')}.c`],
    ['JSON that is no object', `a.${btoa('null')}.c`],
    ['no end', tokenWith({ iat: 5 })],
    ['an end that is text', tokenWith({ exp: '5' })],
    ['an end that is null', tokenWith({ exp: null })],
  ])('refuses %s', (_name, token) => {
    expect(tokenExpiry(token)).toBeNull();
  });
});
