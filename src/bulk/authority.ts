import { isApiError } from '../api/errors.ts'
import type { Journal, RunSecret } from './journal.ts'

/** The secret of a run, which stands for the proof that it was begun with. */
export class RunAuthority {
  private readonly journal: Journal
  private readonly start: () => Promise<RunSecret>
  private secret: RunSecret | undefined
  private renewing: Promise<RunSecret> | undefined

  /**
   * @param known the secret that the journal has
   * @param start begins the run, or goes on with it: the same call gives another secret
   */
  constructor(journal: Journal, known: RunSecret | undefined, start: () => Promise<RunSecret>) {
    this.journal = journal
    this.secret = known
    this.start = start
  }

  /** Has a secret, if need be by beginning the run. @throws what `start` throws */
  async begin(): Promise<void> {
    if (!this.secret) await this.renew(undefined)
  }

  /** Makes a call with the secret, and once more with another when it no longer serves. */
  async use<T>(call: (secret: string) => Promise<T>): Promise<T> {
    const used = this.secret ?? (await this.renew(undefined))
    try {
      return await call(used.run_secret)
    } catch (error) {
      if (!isApiError(error, 'run_secret_invalid')) throw error
      return call((await this.renew(used)).run_secret)
    }
  }

  private renew(used: RunSecret | undefined): Promise<RunSecret> {
    if (this.secret && this.secret !== used) return Promise.resolve(this.secret)
    this.renewing ??= this.fetch().finally(() => {
      this.renewing = undefined
    })
    return this.renewing
  }

  private async fetch(): Promise<RunSecret> {
    const { run_secret, expires_at } = await this.start()
    const secret = { run_secret, expires_at }
    // Before it is used: what it did could not be gone on with otherwise.
    await this.journal.secret(secret)
    this.secret = secret
    return secret
  }
}
