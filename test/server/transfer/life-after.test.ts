import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { openServices } from '../../../src/server/app.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { databaseEnvironment, isOnPostgres } from '../../support/database.ts'
import { lacksPostgres, startPostgres } from '../../support/postgres-cluster.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { caller, openServerWorld, password, type ServerWorld } from '../../support/server-world.ts'
import { newestUndoSecret } from '../../support/undo-link.ts'
import { hufud } from './moving.ts'

const secretKey = ({ database, folder }: ServerWorld): Record<string, string> =>
  isOnPostgres
    ? { ...databaseEnvironment }
    : { HUFUD_SECRET_KEY_FILE: `${database.slice('sqlite:'.length)}.key`, XDG_DATA_HOME: folder }

test.skipIf(lacksPostgres())(
  'on PostgreSQL people go on: session, password and app, pending step-up, link that undoes',
  async () => {
    const world = await openServerWorld()
    const cluster = await startPostgres()
    const folder = mkdtempSync(join(tmpdir(), 'hufud-life-'))
    try {
      const ann = await world.join('ann')
      await world.bindPhone(ann, '+8613800001111')
      await world.bindPhone(ann, '+8613800002222')
      const secret = await world.bindTotp(ann)
      const { login_id } = await world.services.logins.begin('ann', caller)
      const proof = await world.prove(ann, 'phone.unbind')
      const env = { HOME: folder, ...secretKey(world) }
      const from = world.database
      const exported = await hufud(['export', '--database', from], env)
      expect(exported).toMatchObject({ exitCode: 0 })
      const url = cluster.url('hufud')
      expect(await hufud(['import', '--database', url, '-'], env, { stdin: exported.stdout })).toMatchObject({
        exitCode: 0,
      })

      const { services, close } = await openServices(loadConfig({ database: url }, env), {
        clock: world.clock,
        random: seededRandom('after the move'),
        logger: pino({ level: 'silent' }),
        version: 'test',
        senders: {},
      })
      try {
        // A proof from before opens what it was given for, once.
        const member = {
          ...ann,
          account: (await services.domain.store.read.accounts.find(ann.account.id)) ?? ann.account,
        }
        await services.unbinding.unbind(member, proof, 'phone')
        // A login that was begun there ends here, with the app's code.
        world.clock.advance(31_000)
        expect(
          await services.logins.finishVerification(login_id, { method: 'password', password }, caller),
        ).toMatchObject({
          state: 'second_factor',
        })
        const code = { method: 'totp', code: world.totpCode(secret) } as const
        const outcome = await services.logins.finishVerification(login_id, code, caller)
        expect(outcome.state).toBe('complete')
        // The link from the notice of the second number brings the first one back.
        const link = await newestUndoSecret('the second number', async () => world.sent.toReversed())
        expect(await services.reversals.revert(link, caller)).toMatchObject({ state: 'done', outcome: 'restored' })
      } finally {
        await close()
      }
    } finally {
      await cluster.close()
      await world.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
