import * as v from 'valibot';

/** The signed-in user as `/api/auth/login` and `/api/auth/profile` return it. Unknown fields are dropped. */
export const userSchema = v.object({
  _id: v.pipe(v.string(), v.nonEmpty()),
  name: v.nullish(v.string(), ''),
  email: v.string(),
  role: v.nullish(v.string(), 'user'),
});
export type User = v.InferOutput<typeof userSchema>;

/** 200 of `/api/auth/login`. */
export const signInSchema = v.object({ token: v.pipe(v.string(), v.nonEmpty()), user: userSchema });
export type SignIn = v.InferOutput<typeof signInSchema>;

/** 200 of `/api/auth/reset`. */
export const resetSchema = v.object({ success: v.literal(true) });

/**
 * `/api/health`, both of 200 and of 503. Only `status` is certain: an older server or a proxy may leave the
 * rest out, and the page must still say what it knows. `uptime` is in seconds, `timestamp` ISO-8601.
 */
export const healthSchema = v.object({
  status: v.string(),
  version: v.nullish(v.string()),
  uptime: v.nullish(v.pipe(v.number(), v.minValue(0))),
  timestamp: v.nullish(v.string()),
  database: v.nullish(
    v.union([v.string(), v.object({ status: v.nullish(v.string()), state: v.nullish(v.string()) })]),
  ),
  reason: v.nullish(v.string()),
  message: v.nullish(v.string()),
});
export type HealthBody = v.InferOutput<typeof healthSchema>;

/** Error bodies: `error` is text from this server, but may be an object from older ones. */
export const errorSchema = v.object({
  message: v.optional(v.unknown()),
  error: v.optional(v.unknown()),
  code: v.optional(v.unknown()),
  requestId: v.optional(v.unknown()),
  errors: v.optional(v.unknown()),
});

/** `errors` of an error body: which fields of the request were refused. */
export const fieldErrorsSchema = v.array(v.object({ field: v.string(), message: v.string() }));
