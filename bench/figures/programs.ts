import { join } from 'node:path'
import { withFolder, withHufud } from '../hufud.ts'
import { compare, type Figure, judged, median, round } from '../measure.ts'
import { hufu, residentMegabytes, startHufud, startProgram, timeOfRun } from '../processes.ts'

const emptyProgram = () => timeOfRun(['-e', '0'])

export async function versionTime(): Promise<Figure> {
  const compared = await compare(15, () => timeOfRun([hufu, '--version']), emptyProgram)
  const units = { subject: 'hufu_version_ms', base: 'node_e_0_ms' }
  return judged('version', 'wall time of `hufu --version` over `node -e 0`', compared, { most: 1.25 }, units)
}

export const statusTime = (): Promise<Figure> =>
  withHufud(1, ({ accounts, password, server }) =>
    withFolder(async home => {
      const url = String(server.listening.address).replace('127.0.0.1', 'localhost')
      const env = { HOME: home, HUFU_PASSWORD: password, LANG: 'C.UTF-8' }
      const { generateSync } = await import('otplib')
      const [account] = accounts
      if (!account) throw new Error('there is no account')
      const code = generateSync({ secret: account.totpSecret })
      const factors = ['--verify', 'password', '--verify', 'totp']
      const login = [hufu, 'login', account.username, '--server', url, '--no-input', ...factors]
      await timeOfRun(login, { ...env, HUFU_CODE: code })
      const compared = await compare(15, () => timeOfRun([hufu, 'status'], env), emptyProgram)
      const units = { subject: 'hufu_status_ms', base: 'node_e_0_ms' }
      return judged('status', 'wall time of `hufu status`, logged in, over `node -e 0`', compared, { most: 2 }, units)
    }),
  )

const settled = 1500

export const serverStart = (): Promise<Figure[]> =>
  withFolder(async folder => {
    const args = ['--database', `sqlite:${join(folder, 'hufud.db')}`, '--port', '0']
    const resident: number[] = []
    const startUp = async () => {
      const server = await startHufud(args)
      await server.stop()
      return server.readyAfter
    }
    const bare = async () => {
      const server = await startProgram('bare-fastify')
      await server.stop()
      return server.readyAfter
    }
    const compared = await compare(11, startUp, bare)
    for (let index = 0; index < 3; index++) {
      const server = await startHufud(args)
      await new Promise(resolve => setTimeout(resolve, settled))
      resident.push(residentMegabytes(server.pid))
      await server.stop()
    }
    const memory = median(resident)
    return [
      judged(
        'server_start',
        'from spawn to ready: hufud over a Fastify program with one route',
        compared,
        { most: 2 },
        { subject: 'hufud_ms', base: 'fastify_ms' },
      ),
      {
        name: 'server_memory',
        what: 'resident memory of an idle hufud after its start, MB',
        target: { most: 110 },
        met: memory <= 110,
        raw: { resident_mb: round(memory, 1), after_ms: settled, runs: resident.length },
      },
    ]
  })
