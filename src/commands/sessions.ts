import { InputRequiredError } from '../auth/errors.ts'
import type { Context } from '../cli/context.ts'
import { listSessions, revokeSession, revokeSessions } from '../contract/sessions.ts'
import { timeOf, wallTime } from '../lib/clock.ts'

/** `hufu sessions [list]`: where the account is logged in. */
export async function list({ terminal, api }: Context): Promise<void> {
  const { t } = terminal
  const { sessions } = await api.call(listSessions, {})
  await terminal.table(
    [t('sessions.id'), t('sessions.last_used'), t('sessions.source'), t('sessions.client')],
    sessions.map(({ id, client, current, enrolment, source, last_used_at }) => {
      const words = enrolment === null ? client : t('sessions.enrolment', { item: t(`item.${enrolment}`), client })
      return [
        { text: id, style: 'command' },
        { text: wallTime(timeOf(last_used_at)) },
        { text: source },
        { text: current ? t('sessions.current', { client }) : words, ...(current ? { style: 'good' as const } : {}) },
      ]
    }),
  )
  terminal.result({ sessions })
}

/** `hufu sessions revoke ID`, `hufu sessions revoke --others`. */
export async function revoke(
  { terminal, api, profile }: Context,
  { sessionId, others }: { sessionId: string | undefined; others: boolean },
): Promise<void> {
  if (sessionId === undefined && !others) throw new InputRequiredError('session', ['ID', '--others'])
  const { revoked } =
    sessionId === undefined
      ? await api.call(revokeSessions, { query: { which: 'others' } })
      : await api.call(revokeSession, { params: { session_id: sessionId } })
  if (sessionId !== undefined && sessionId === profile.sessionId) await profile.clear()
  terminal.say(terminal.t('sessions.revoked', { count: revoked }))
  terminal.result({ revoked })
}
