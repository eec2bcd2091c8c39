import { describe, expect, it } from 'vitest';
import { resetToken } from './resetLink';

const TOKEN = '0123456789abcdef'.repeat(4);

describe('resetToken', () => {
  it('reads the token of a link as the server makes it', () => {
    expect(resetToken(`#token=${TOKEN}`)).toBe(TOKEN);
  });

  it.each([
    '',
    '#',
    '#token=',
    `#${TOKEN}`,
    `#token=${TOKEN.slice(1)}`,
    `#token=${TOKEN}0`,
    `#token=${TOKEN}.`,
    `#token=${TOKEN.toUpperCase()}`,
    `#token=${TOKEN.replace('0', 'g')}`,
    `#token=${TOKEN}\n`,
    `#other=1&token=${TOKEN}`,
  ])('finds none in %j', (fragment) => {
    expect(resetToken(fragment)).toBeNull();
  });
});
