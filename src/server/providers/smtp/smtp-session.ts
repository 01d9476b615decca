import type { SMTPConnectionOptions } from 'nodemailer'
import SMTPConnection, { type SMTPConnectionAuth } from 'nodemailer/lib/smtp-connection'

/**
 * Connects, secures the connection and logs in, as the pool does for a mail, and ends it again.
 * @returns the server's extensions, in capitals
 * @throws what nodemailer throws, and the signal's reason
 */
export async function openSession(
  options: SMTPConnectionOptions,
  auth: SMTPConnectionAuth | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let extensions: readonly string[] = []
  const connection = new SMTPConnection({
    ...options,
    // The one place where nodemailer tells of extensions before a mail is sent; nothing goes over the wire for it.
    customAuth: {
      [listing]: ({ extensions: known, resolve }) => {
        extensions = known
        resolve()
      },
    },
  })
  const over = new AbortController()
  const ended = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject)
    connection.once('end', () => reject(new Error('the connection ended')))
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over.signal })
    if (signal.aborted) reject(signal.reason)
  })
  ended.catch(() => {})
  const step = (run: (done: (error?: Error | null) => void) => void): Promise<void> =>
    Promise.race([ended, new Promise<void>((resolve, reject) => run(error => (error ? reject(error) : resolve())))])
  try {
    await step(done => connection.connect(done))
    await step(done => connection.login({ method: listing }, done))
    if (auth) await step(done => connection.login(auth, done))
    connection.quit()
    return extensions
  } catch (error) {
    connection.close()
    throw error
  } finally {
    over.abort()
  }
}

/** No mechanism that a server could offer. */
const listing = 'LIST EXTENSIONS'
