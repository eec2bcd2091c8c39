/** What the server takes, in characters; it also refuses the most common passwords, which only it knows. */
const SHORTEST = 8;
const LONGEST = 128;

/** What is wrong with a new password, in the server's words, before it is sent. */
export function passwordProblem(password: string): string | undefined {
  if (password === '') {
    return 'Enter a new password.';
  }
  // Characters and not UTF-16 units, as the server counts.
  const length = Array.from(password).length;
  if (length < SHORTEST) {
    return `Password must have at least ${SHORTEST} characters.`;
  }
  return length > LONGEST ? `Password must have at most ${LONGEST} characters.` : undefined;
}

/** What is wrong with its repetition: a typing error would lock its owner out, as the link serves once. */
export function repetitionProblem(password: string, again: string): string | undefined {
  if (again === '') {
    return 'Enter the new password once more.';
  }
  return again === password ? undefined : 'The two passwords are not the same.';
}
