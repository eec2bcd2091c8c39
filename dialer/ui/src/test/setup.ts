import '@testing-library/jest-dom/vitest';
import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  // The lockfile's test runs without a page.
  if (typeof window !== 'undefined') {
    window.localStorage.clear();
  }
});
