package customer

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Words returns what a customer reads of how a transaction of the type ended at
// the bank; empty for an enquiry that was approved. The deregistration has three
// ends and no other (A9, but A6), and nothing a bank says of a code shows which
// accounts exist (A3).
func Words(t codec.Type, e switching.End, bank Bank) string {
	text, _ := wordsOf(t, e, bank)
	return text
}

// wordsOf is Words; known is false where the text is a safe one, for a code or
// reason that nobody has mapped.
func wordsOf(t codec.Type, e switching.End, bank Bank) (text string, known bool) {
	switch e.Outcome {
	case switching.Approved:
		return done[t], true
	case switching.TimedOut:
		text, known = inDoubt[t]
		return cmp.Or(text, textNoReply), known && e.Reason != switching.ReasonUnmappedCode
	case switching.Declined:
		return declinedWords(t, e.Code, bank)
	case switching.Refused:
		return refusedWords(t, e.Reason)
	}
	return textBusy, false
}

func refusedWords(t codec.Type, r switching.Reason) (text string, known bool) {
	text, known = texts[r]
	if t == codec.Deregister {
		text = textDeregisterFailed
		if r == ReasonNotAuthenticated {
			text = textNothingToEnd
		}
	}
	return cmp.Or(text, textBusy), known
}

func declinedWords(t codec.Type, code string, bank Bank) (text string, known bool) {
	switch t {
	case codec.Deregister:
		return textDeregisterFailed, true
	case codec.SMSCode:
		return textCodeOnItsWay, true
	}
	for _, catalogue := range []map[string]string{bank.Words, codesOf[t], codes} {
		if text := catalogue[code]; text != "" {
			return text, true
		}
	}
	return cmp.Or(declined[t], "开户行未予受理，请与开户行联系"), false
}

// words is Words for one of the member banks, and counts what has no words of its
// own.
func (s *Service) words(t codec.Type, e switching.End, bank string) string {
	text, known := wordsOf(t, e, s.bank(bank))
	if !known {
		cause := e.Code
		if e.Outcome == switching.Refused {
			cause = string(e.Reason)
		}
		s.unmapped.WithLabelValues(string(t), bank, cause).Inc()
	}
	return text
}

// bankIn returns the bank with the id; one that is not configured has its id for
// a name.
func bankIn(banks []Bank, id string) Bank {
	for _, b := range banks {
		if b.ID == id {
			return b
		}
	}
	return Bank{ID: id, Name: id}
}

func newUnmapped(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wxswitch_customer_unmapped_total",
		Help: "Answers for which customers got a general text, by type, bank and the code or reason that has none of its own.",
	}, []string{"type", "bank", "cause"})
	if r != nil {
		r.MustRegister(c)
	}
	return c
}

// NoticeText returns what a follower reads of a notice, empty for a kind that has
// no words. Its data: account (last four digits), bank (id), direction (in, out), amount and
// balance (fen), summary, at (a codec.Moment), event (codec.FieldEvent); what is
// missing is left out.
func NoticeText(n switching.Notice, banks []Bank) string {
	account := accountWords(n.Data["account"], bankIn(banks, n.Data["bank"]).Name)
	switch n.Kind {
	case switching.NoticeMovement:
		return movementText(n, account)
	case switching.NoticeDeregistered:
		return "您的客户注销已办理成功，微信银行服务已终止。"
	case switching.NoticeRestored:
		return "注销失败，请与开户行联系。您的微信银行服务仍可继续使用。"
	case switching.NoticeDetached:
		return account + "已解挂。"
	case switching.NoticeAttached:
		return account + "解挂未成功，仍为加挂状态，请与开户行联系。"
	case switching.NoticeSuperseded:
		return "您的证件已通过另一微信号完成客户认证，本微信号的微信银行服务已终止。如非本人操作，请立即与开户行联系。"
	case switching.NoticeAccountEnded:
		return account + eventWords(n.Data["event"]) + "，已自动解挂。如有疑问，请与开户行联系。"
	case switching.NoticeCustomerEnded:
		return account + eventWords(n.Data["event"]) + "，微信银行服务已终止；如需继续使用，请重新进行客户认证。如有疑问，请与开户行联系。"
	}
	return ""
}

// accountWords is 您尾号7890的账户（乌鲁木齐银行）.
func accountWords(suffix, bank string) string {
	text := "您的账户"
	if suffix != "" {
		text = "您尾号" + suffix + "的账户"
	}
	if bank != "" {
		text += "（" + bank + "）"
	}
	return text
}

func eventWords(event string) string {
	switch event {
	case "deregistered":
		return "已在开户行办理微信银行注销"
	case "closed":
		return "已在开户行销户"
	case "card-lost":
		return "已在开户行挂失"
	case "card-replaced":
		return "已在开户行换卡"
	}
	return "在开户行的状态已变更"
}

func movementText(n switching.Notice, account string) string {
	var b strings.Builder
	b.WriteString(account)
	if at := movedAt(n); !at.IsZero() {
		b.WriteString("于" + at.In(codec.Shanghai).Format("2006年01月02日15:04"))
	}
	direction := map[string]string{codec.In: "收入", codec.Out: "支出"}[n.Data["direction"]]
	if amount, ok := money(n.Data["amount"]); ok && direction != "" {
		b.WriteString(direction + amount)
	} else {
		b.WriteString("发生资金变动")
	}
	if balance, ok := money(n.Data["balance"]); ok {
		b.WriteString("，余额" + balance)
	}
	if summary := strings.TrimSpace(n.Data["summary"]); summary != "" {
		b.WriteString("，摘要：" + summary)
	}
	return b.String() + "。"
}

func movedAt(n switching.Notice) time.Time {
	if t, ok := codec.Moment(n.Data["at"]).Time(); ok {
		return t
	}
	return n.At
}

// money writes fen as ¥1,234.56.
func money(fen string) (string, bool) {
	n, err := strconv.ParseInt(fen, 10, 64)
	if err != nil {
		return "", false
	}
	yuan, sign := strings.CutPrefix(codec.Amount(n).String(), "-")
	whole, rest, _ := strings.Cut(yuan, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	text := fmt.Sprintf("¥%s.%s", whole, rest)
	if sign {
		text = "-" + text
	}
	return text, true
}
