// Asked by hufu alone (src/cli/keyring): it is no command.
import('../src/cli/keyring/answer.ts').then(async ({ answerKeyring }) => {
  await answerKeyring(process.stdin, process.stdout)
})

export {}
