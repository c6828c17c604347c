package h5

import (
	"net/http"

	"wxswitch/cmd/frontd/internal/chat"
	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// Places are looked at without 认证 (D1): who comes has sent a location to the
// chat, where it is forgotten after ten minutes.

const nearest = 20

// near returns the nearest places to where the follower said it is; known is
// false where it has not, or too long ago.
func (v *visit) near(kind client.LocationKind) (list client.NearList, known bool, err error) {
	kept, err := desk.Ask[client.Kept](v.Switch.GetTalk(v.r.Context(), &client.GetTalkParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject}))
	if err != nil {
		return list, false, err
	}
	at, known := chat.ReadPlace(kept.Value)
	if !known {
		return list, false, nil
	}
	list, err = desk.Ask[client.NearList](v.Switch.FindNearest(v.r.Context(), &client.FindNearestParams{Limit: nearest},
		client.Location{Kind: kind, Latitude: at.Latitude, Longitude: at.Longitude}))
	return list, true, err
}

func (v *visit) branches() { v.places(client.LocationKindBranches, "branches", "附近网点") }

func (v *visit) merchants() { v.places(client.LocationKindMerchants, "merchants", "特惠商户") }

func (v *visit) places(kind client.LocationKind, page, title string) {
	list, known, err := v.near(kind)
	switch {
	case err != nil:
		v.failed(err)
	case !known:
		v.notice(v.w, http.StatusOK, notices.noPlace, "")
	default:
		v.show(http.StatusOK, page, title, list)
	}
}

func (v *visit) branchOf() (client.Branch, error) {
	return desk.Ask[client.Branch](v.Switch.GetBranch(v.r.Context(), v.r.PathValue("id")))
}

func (v *visit) branch() {
	b, err := v.branchOf()
	if err != nil {
		v.failed(err)
		return
	}
	v.show(http.StatusOK, "branch", "网点详情", b)
}

func (v *visit) bookForm() { v.showBook(http.StatusOK, v.form(v.r.URL.Path)) }

func (v *visit) showBook(status int, f form) {
	b, err := v.branchOf()
	if err == nil {
		f.Choices, err = v.choices()
	}
	if err != nil {
		v.failed(err)
		return
	}
	f.Data = b
	v.show(status, "visit", "网点预约", f)
}

// book sends the visit to the branch's bank, and shows what its core returned.
func (v *visit) book() {
	end, err := desk.Ask[client.Visit](v.Switch.BookVisit(v.r.Context(),
		&client.BookVisitParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.key()},
		client.VisitRequest{Branch: v.r.PathValue("id"), Business: v.field("business"), Phone: v.field("phone")}))
	if err != nil {
		v.refusedForm(err, v.form(v.r.URL.Path), v.showBook)
		return
	}
	x := result{Kind: "visit", Outcome: string(end.Outcome), Text: end.Text}
	if end.BankText != "" {
		x.More = append(x.More, "开户行答复："+end.BankText)
	}
	v.ended(x)
}
