import { ApiError } from '../../api/errors.ts'
import type { AnswerWith } from './method.ts'

/** An assertion of a bound security key. Each attempt has options, and so a challenge, of its own. */
export const answerWithSecurityKey: AnswerWith = async ({ begin, webauthn }) => {
  const begun = await begin('webauthn')
  if (begun.method !== 'webauthn') {
    throw new ApiError('answer_malformed', { detail: `The server was asked for webauthn and began ${begun.method}.` })
  }
  return { method: 'webauthn', credential: await webauthn.get(begun.options) }
}
