import { issueLink, type LinkPurpose } from '../../src/server/domain/enrolment-links.ts'
import type { Services } from '../../src/server/domain/services.ts'
import { usernameKey } from '../../src/server/domain/usernames.ts'

/** A one-time link for somebody, as an admin's `enrol`, `link` and `bootstrap` make them; its secret. */
export function linkFor({ domain }: Pick<Services, 'domain'>, username: string, purpose: LinkPurpose): Promise<string> {
  return domain.store.transaction(async queries => {
    const account = await queries.accounts.findByUsernameKey(usernameKey(username))
    if (!account) throw new Error(`nobody is called ${username}`)
    return (await issueLink(domain, queries, account, purpose)).secret
  })
}
