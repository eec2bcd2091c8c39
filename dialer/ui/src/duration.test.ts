import { expect, it } from 'vitest';
import { formatDuration } from './duration';

it.each([
  [-3, '0 s'],
  [0, '0 s'],
  [0.9, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [61, '1 min 1 s'],
  [3_600, '1 h'],
  [3_605, '1 h'],
  [3_660, '1 h 1 min'],
  [86_399, '23 h 59 min'],
  [90_000, '1 d 1 h'],
  [8_640_000, '100 d'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});
