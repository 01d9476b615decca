/** What an operator meets first when a mail server is set up, by what is said of the failure (smtp-failure.ts). */
const remedies: readonly (readonly [said: RegExp, remedy: string])[] = [
  [
    /CERT|UNABLE_TO_/,
    'The certificate must be valid for email.smtp.host, and lead to an authority of the system or in email.smtp.ca_file.',
  ],
  [
    /WRONG_VERSION_NUMBER/,
    'This port begins in plain text. Set email.smtp.security: starttls, or the port that speaks TLS at once (465).',
  ],
  [/ to STARTTLS$/, 'This port has no STARTTLS. Set email.smtp.security: tls and port: 465, or ask whoever runs it.'],
  [
    / to AUTH\b/,
    'Look at email.smtp.username and its secret; some providers want a password that is made for programs.',
  ],
]

/** What to do about a mail server's failure; `undefined` where nothing better is known than for any provider. */
export const smtpRemedy = (said: string): string | undefined => remedies.find(([pattern]) => pattern.test(said))?.[1]
