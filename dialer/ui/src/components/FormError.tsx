import { ApiError, describeError } from '../api/error';
import { formatDuration } from '../duration';
import { Notice } from './Notice';
import { RequestReference } from './RequestReference';

/** Why what was sent came to nothing, above the form that sent it. */
export function FormError({ error }: { error: Error }) {
  const wait = error instanceof ApiError ? waitOf(error) : undefined;
  return (
    <Notice tone="error">
      <p>{describeError(error)}</p>
      {wait !== undefined && <p>Wait {formatDuration(wait)} before you try again.</p>}
      {error instanceof ApiError && error.kind === 'server' && <RequestReference error={error} />}
    </Notice>
  );
}

/** How long to wait, unless the server's own words have a number: then they say it already. */
function waitOf({ message, retryAfterSeconds }: ApiError): number | undefined {
  return /\d/.test(message) ? undefined : retryAfterSeconds;
}
