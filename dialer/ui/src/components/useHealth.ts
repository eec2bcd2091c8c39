import { useQuery } from '@tanstack/react-query';
import { fetchHealth } from '../api/health';

/** The server checks its database at most once a second, whoever asks; this often is enough for a person. */
const REFRESH_MS = 10_000;

export function useHealth() {
  return useQuery({
    queryKey: ['health'],
    queryFn: ({ signal }) => fetchHealth(signal),
    refetchInterval: REFRESH_MS,
    retry: 1,
    retryDelay: 500,
  });
}
