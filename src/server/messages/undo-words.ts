import { wordsOf } from './words.ts'

/** What people read on the page of a link that undoes a change. Both languages have the same keys. */
export const undoEn = {
  item_phone: 'phone number',
  item_email: 'email address',
  confirm_title: 'Was this you?',
  account: 'Account',
  time: 'Time',
  source: 'From',
  confirm_restore:
    'If it was not you, press the button. It sets the {{item}} of this account back to {{value}} and logs everybody out.',
  confirm_remove:
    'If it was not you, press the button. It removes the {{item}} from this account, as none was bound before, and logs everybody out.',
  confirm_leave:
    'If it was you, close this page: nothing is changed until you press. The link works until {{until}} UTC.',
  button: 'It was not me: undo it',
  done_title: 'Undone',
  done_ended_title: 'Everybody was logged out',
  restored: 'The {{item}} of {{username}} is {{bound}} again.',
  removed: 'The {{item}} was removed from {{username}}.',
  bound_elsewhere:
    'The {{item}} was removed from {{username}}. The earlier one could not be put back: it is bound to another account by now.',
  last_factor:
    'The {{item}} {{bound}} was kept: without it nobody could log in to {{username}} any more. Log in and replace it, or ask whoever runs this service.',
  unchanged: 'The {{item}} of {{username}} was as before the change already.',
  ended:
    'All sessions were ended, yours too, and whatever somebody had begun was stopped. Whoever did this may still know your password, so do this at once:',
  step_login: 'Log in',
  step_login_by_code: 'Log in by a code',
  step_password: 'Set a new password',
  step_status: 'See what is bound',
  next_others:
    'Unbind what you do not know. Of every other change of a phone number or an email address you were told by a notice of its own.',
  next_locked_out: 'If the login asks for an app or a key that is not yours, ask whoever runs this service.',
  closed_title: 'This link does nothing any more',
  unknown: 'It is not complete, or its time is over. Nothing was changed.',
  reverted:
    'It was used at {{time}} UTC to undo a change of the {{item}}, and all sessions were ended then. It works once.',
  superseded:
    'At {{time}} UTC the {{item}} was set back to what it was even before, by the link of an earlier notice. Nothing is left to undo here.',
  closed_next:
    'On the command line, "hufu log" shows what has happened to your account, and "hufu status" what is bound now. If it was not you, run "hufu passwd" at once: it ends all other sessions.',
  refused_title: 'Nothing was changed',
  refused: 'The button was pressed on a page of somebody else. Open the link of the notice and press it there.',
  throttled_title: 'Too many requests',
  throttled: 'From where you are, links were opened too often. Nothing was changed. Try again in {{seconds}} seconds.',
} as const

type UndoWord = keyof typeof undoEn

export const undoZhCN: Readonly<Record<UndoWord, string>> = {
  item_phone: '密保手机',
  item_email: '账户邮箱',
  confirm_title: '这是您本人的操作吗？',
  account: '账户',
  time: '时间',
  source: '来源',
  confirm_restore: '如果不是，请点击下面的按钮：{{item}}将恢复为 {{value}}，所有会话都会退出。',
  confirm_remove: '如果不是，请点击下面的按钮：此前未绑定{{item}}，因此将解除该绑定，所有会话都会退出。',
  confirm_leave: '如果是您本人操作，关闭本页即可；不点击按钮，不会有任何变更。此链接在 {{until}} UTC 前有效。',
  button: '不是我操作的，立即撤销',
  done_title: '已撤销',
  done_ended_title: '所有会话均已退出',
  restored: '账户 {{username}} 的{{item}}已恢复为 {{bound}}。',
  removed: '已从账户 {{username}} 移除{{item}}。',
  bound_elsewhere: '已从账户 {{username}} 移除{{item}}。原先绑定的现已属于另一个账户，因此未能恢复。',
  last_factor:
    '{{item}} {{bound}} 予以保留：没有它，就再也无法登录账户 {{username}}。请登录后更换，或联系本服务的管理员。',
  unchanged: '账户 {{username}} 的{{item}}本来就与变更前一致。',
  ended: '所有会话均已退出（包括您自己的），尚未完成的操作也已全部中止。对方可能仍知道您的密码，请立即：',
  step_login: '登录',
  step_login_by_code: '用验证码登录',
  step_password: '设置新密码',
  step_status: '查看各项绑定',
  next_others: '请解绑您不认识的项目。手机或邮箱的其他变更，均已另行通知您。',
  next_locked_out: '如果登录时要求使用不属于您的动态口令或安全密钥，请联系本服务的管理员。',
  closed_title: '此链接已失效',
  unknown: '链接不完整，或已过期。未做任何变更。',
  reverted: '此链接已于 {{time}} UTC 用于撤销{{item}}的变更，当时所有会话均已退出。链接仅可使用一次。',
  superseded: '{{item}}已于 {{time}} UTC 通过更早通知中的链接恢复到更早的状态，此处无需再撤销。',
  closed_next:
    '请在命令行运行 hufu log 查看账户发生过什么，运行 hufu status 查看当前的绑定。如有并非本人的操作，请立即运行 hufu passwd（会同时退出所有其他会话）。',
  refused_title: '未做任何变更',
  refused: '该请求来自其他网站的页面。请打开通知中的链接，在那里点击按钮。',
  throttled_title: '请求过于频繁',
  throttled: '您所在的网络打开链接过于频繁。未做任何变更，请在 {{seconds}} 秒后重试。',
}

/** A sentence of the page. */
export const undoWord = wordsOf(undoEn, undoZhCN)
