// Fastify with one route and nothing else. Arguments: the bytes of its JSON answer.
import Fastify from 'fastify'

const size = Number(process.argv[2] ?? 100)
const answer = { filler: 'x'.repeat(Math.max(0, size - '{"filler":""}'.length)) }
const app = Fastify()
app.get('/', async () => answer)
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ url })}\n`)
process.once('SIGTERM', () => app.close())
