import { describe, expect, it } from 'vitest';
import { passwordProblem, repetitionProblem } from './newPassword';

describe('passwordProblem', () => {
  it.each([
    ['', 'Enter a new password.'],
    ['1234567', 'Password must have at least 8 characters.'],
    ['x'.repeat(129), 'Password must have at most 128 characters.'],
    // Two UTF-16 units each: the server counts one.
    ['🐊'.repeat(7), 'Password must have at least 8 characters.'],
    ['12345678', undefined],
    [' '.repeat(8), undefined],
    ['🐊'.repeat(128), undefined],
  ])('of %j is %j', (password, problem) => {
    expect(passwordProblem(password)).toBe(problem);
  });
});

describe('repetitionProblem', () => {
  it('is that it is missing or differs, be it by a space', () => {
    expect(repetitionProblem('battery staple', '')).toBe('Enter the new password once more.');
    expect(repetitionProblem('battery staple', 'battery staple ')).toBe(
      'The two passwords are not the same.',
    );
    expect(repetitionProblem('battery staple', 'battery staple')).toBeUndefined();
  });
});
