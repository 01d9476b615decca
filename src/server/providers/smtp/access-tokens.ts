import type { SMTPPoolOptions } from 'nodemailer'
import type { SMTPConnectionAuth } from 'nodemailer/lib/smtp-connection'
import XOAuth2 from 'nodemailer/lib/xoauth2'
import type { SmtpAuth } from '../../config/config.ts'

/** How connections log in. */
export interface SmtpLogin {
  /** For the pool. */
  readonly pool: SMTPPoolOptions['auth']
  /** For a single connection; `undefined` where nobody logs in. */
  readonly connection: SMTPConnectionAuth | undefined
  /** Tells that the server refused it: an access token is forgotten, which may have been revoked before its time. */
  refused(): void
}

/**
 * @param timeout milliseconds for the token endpoint's answer
 */
export function smtpLogin(auth: SmtpAuth | undefined, timeout: number): SmtpLogin {
  if (auth === undefined) return { pool: undefined, connection: undefined, refused() {} }
  const { username: user } = auth
  if (auth.method === 'password') {
    const { password: pass } = auth
    return { pool: { user, pass }, connection: { user, pass }, refused() {} }
  }
  // One for all connections, which would fetch a token each by themselves.
  const tokens = new XOAuth2({
    user,
    clientId: auth.clientId,
    clientSecret: auth.clientSecret,
    refreshToken: auth.refreshToken,
    accessUrl: auth.tokenUrl,
    requestTimeout: timeout,
  })
  return {
    pool: {
      type: 'OAuth2',
      user,
      provisionCallback: (_user, renew, done) =>
        tokens.getToken(renew, (error, token) => (error ? done(error) : done(null, token))),
    },
    connection: { user, method: 'XOAUTH2', oauth2: tokens },
    refused: () => tokens.updateToken('', 0),
  }
}
