import { logIn } from '../auth/login.ts'
import type { Context } from '../cli/context.ts'
import { timeOf, wallTime } from '../lib/clock.ts'

/** `hufu login [USERNAME]`: one factor, or two where a second is bound; the session is kept in the profile. */
export async function run(context: Context, { username }: { username: string | undefined }): Promise<void> {
  const { terminal, input, profile, api } = context
  const session = await logIn(await input.username(username), context)
  await profile.save(session)
  const until = { server: api.origin, time: wallTime(timeOf(session.expiresAt)) }
  terminal.say(terminal.t('login.done', { username: session.username, ...until }))
  terminal.result({
    username: session.username,
    server: api.origin,
    session_id: session.sessionId,
    expires_at: session.expiresAt,
  })
}
