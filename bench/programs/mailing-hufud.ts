// A hufud whose mail leaves by a bare pool of nodemailer. Arguments: the file of its database, the SMTP server's port.
import { createTransport } from 'nodemailer'
import pino from 'pino'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { startServer } from '../../src/server/app.ts'
import { loadConfig } from '../../src/server/config/load-config.ts'

const [, , database = '', port = ''] = process.argv
const transport = createTransport({
  pool: true,
  maxConnections: 32,
  host: '127.0.0.1',
  port: Number(port),
  secure: false,
})
const email = {
  reach: () => 'available' as const,
  async send({ to, subject, text }: { to: string; subject: string; text: string }) {
    await transport.sendMail({ from: 'hufu <hufu@example.com>', to, subject, text })
    return { provider: 'smtp' as const, providerMessageId: null }
  },
  close: async () => transport.close(),
}
const config = {
  ...loadConfig({ database: `sqlite:${database}` }, { HUFUD_LISTEN: '127.0.0.1:0' }),
  trustedProxies: ['127.0.0.1'],
}
const logger = pino(
  { level: 'info', base: null },
  pino.destination({ dest: '/dev/null', sync: false, minLength: 4096 }),
)
const edge = { clock: systemClock, random: systemRandom, logger, version: '0', senders: { email } }
const server = await startServer(config, edge)
process.stdout.write(`${JSON.stringify({ address: server.address })}\n`)
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)))
