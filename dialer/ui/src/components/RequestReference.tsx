import { ApiError } from '../api/error';

/** The number under which the server logged a failed request, for whoever is asked for help. */
export function RequestReference({ error }: { error: unknown }) {
  if (!(error instanceof ApiError) || error.requestId === undefined) {
    return null;
  }
  return (
    <p>
      <small>Reference: {error.requestId}</small>
    </p>
  );
}
