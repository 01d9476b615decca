declare const HUFU_VERSION: string

const [first, ...others] = process.argv.slice(2)
if (others.length === 0 && (first === '--version' || first === '-V')) {
  process.stdout.write(`${HUFU_VERSION}\n`)
} else {
  import('../src/server/main.ts').then(async ({ main, systemContext }) => {
    process.exitCode = await main(process.argv.slice(2), systemContext())
  })
}

export {}
