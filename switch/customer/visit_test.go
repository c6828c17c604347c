package customer

import (
	"errors"
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// visits is a world with the sample's branches.
func visits(t *testing.T) *world {
	w := newWorld(t)
	w.service.Places = sample(t)
	return w
}

func (w *world) book(f Follower, phone string) (VisitAnswer, error) {
	return w.service.Book(w.Context(), w.call(f), VisitRequest{Branch: "klb-2", Business: "vip", Phone: phone})
}

func TestBookShowsWhatTheCoreReturned(t *testing.T) {
	w := visits(t)
	end := switching.End{Outcome: switching.Approved, Code: "00"}
	end.Reply.Set(codec.FieldAppointment, "A017")
	end.Reply.Set(codec.FieldText, "请于明日10点到网点办理")
	w.desk.ends = append(w.desk.ends, end)
	call := w.call(follower("a"))
	for range 2 { // a repeat sends nothing
		a, err := w.service.Book(w.Context(), call, VisitRequest{Branch: "klb-2", Business: "personal", Phone: "１３８ 1234 5678"})
		w.want(a.Answer, err, switching.Approved, "")
		if a.Number != "A017" || a.BankText != "请于明日10点到网点办理" || a.Text != textBooked || a.Entry == 0 {
			t.Errorf("%+v", a)
		}
	}
	e := w.desk.last
	if e.Bank != "klb" || e.Fields.Get(codec.FieldBranch) != "KL002" || e.Fields.Get(codec.FieldBusiness) != "personal" ||
		e.Fields.Get(codec.FieldPhone) != "13812345678" || !e.Account.IsZero() || w.desk.sent != 1 {
		t.Errorf("%d sent: %v at %s", w.desk.sent, e.Fields, e.Bank)
	}
	w.state(follower("a"), Unknown)
}

// TestABookingIsToldAgainWithoutItsBranch: which a table of places that was read since
// does not have, or under another number.
func TestABookingIsToldAgainWithoutItsBranch(t *testing.T) {
	w := visits(t)
	call, r := w.call(follower("a")), VisitRequest{Branch: "klb-2", Business: "vip", Phone: "13812345678"}
	first, err := w.service.Book(w.Context(), call, r)
	w.want(first.Answer, err, switching.Approved, "")
	number := &PlaceTable{byID: map[string]*Branch{"klb-2": {ID: "klb-2", Bank: "klb", Number: "KL902"}}}
	for _, table := range []*PlaceTable{number, {}} {
		w.service.Places.Swap(table)
		again, err := w.service.Book(w.Context(), call, r)
		if w.want(again.Answer, err, switching.Approved, ""); again != first {
			t.Errorf("%+v, first %+v", again, first)
		}
	}
	other := r
	other.Phone = "13812345679"
	if _, err := w.service.Book(w.Context(), call, other); !errors.Is(err, switching.ErrKeyReused) {
		t.Error(err)
	}
	fresh, err := w.service.Book(w.Context(), w.call(follower("a")), r)
	w.want(fresh.Answer, err, switching.Refused, ReasonNoBranch)
}

func TestBookChecksTheForm(t *testing.T) {
	w := visits(t)
	good := VisitRequest{Branch: "klb-2", Business: "corporate", Phone: "13812345678"}
	for name, c := range map[string]struct {
		change func(*VisitRequest)
		want   switching.Reason
	}{
		"branch":   {func(r *VisitRequest) { r.Branch = "klb-9" }, ReasonNoBranch},
		"merchant": {func(r *VisitRequest) { r.Branch = "nang-1" }, ReasonNoBranch},
		"SQL":      {func(r *VisitRequest) { r.Branch = "klb-2' OR '1'='1" }, ReasonNoBranch},
		"business": {func(r *VisitRequest) { r.Business = "" }, ReasonBusiness},
		"unknown":  {func(r *VisitRequest) { r.Business = "<b>vip</b>" }, ReasonBusiness},
		"phone":    {func(r *VisitRequest) { r.Phone = "0990-1234567" }, ReasonPhone},
		"no phone": {func(r *VisitRequest) { r.Phone = "" }, ReasonPhone},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			c.change(&r)
			a, err := w.service.Book(w.Context(), w.call(follower("a")), r)
			if err != nil || a.Reason != c.want || !a.Refused() || a.Text != Text(c.want) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	call := w.call(follower("a"))
	call.Key = ""
	if _, err := w.service.Book(w.Context(), call, good); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if w.desk.sent != 0 {
		t.Errorf("%d sent", w.desk.sent)
	}
}

func TestVisitsADayPerFollower(t *testing.T) {
	w := visits(t)
	w.now = time.Date(2026, 11, 24, 23, 59, 58, 0, codec.Shanghai)
	f := follower("a")
	phones := []string{"13800000001", "13800000002", "13800000003", "13800000004", "13800000005"}
	w.desk.will(switching.Approved, switching.Declined, switching.TimedOut) // all of them count
	for i, o := range []switching.Outcome{switching.Approved, switching.Declined, switching.TimedOut} {
		a, err := w.book(f, phones[i])
		w.want(a.Answer, err, o, "")
	}
	a, err := w.book(f, phones[3])
	w.want(a.Answer, err, switching.Refused, ReasonVisits)
	w.now = w.now.Add(time.Second) // the day's last second
	a, err = w.book(f, phones[3])
	w.want(a.Answer, err, switching.Refused, ReasonVisits)
	w.now = w.now.Add(time.Second) // the next day's first, in Shanghai
	for range 3 {
		a, err = w.book(f, phones[4])
		w.want(a.Answer, err, switching.Approved, "")
	}
	w.now = time.Date(2026, 11, 25, 8, 0, 0, 0, codec.Shanghai) // the UTC day turns: nothing does here
	a, err = w.book(f, phones[3])
	w.want(a.Answer, err, switching.Refused, ReasonVisits)
}

func TestVisitsADayPerPhone(t *testing.T) {
	w := visits(t)
	for _, name := range []string{"a", "b", "c"} {
		a, err := w.book(follower(name), "13812345678")
		w.want(a.Answer, err, switching.Approved, "")
	}
	a, err := w.book(follower("d"), "+86 138-1234-5678") // however it is written
	w.want(a.Answer, err, switching.Refused, ReasonVisits)
	a, err = w.book(follower("d"), "13812345679")
	w.want(a.Answer, err, switching.Approved, "")
}

func TestAVisitThatWasNotSentGivesItsPlaceBack(t *testing.T) {
	w := visits(t)
	f := follower("a")
	for range 5 {
		w.desk.ends = append(w.desk.ends, switching.End{Outcome: switching.Refused, Reason: "deadline"})
		a, err := w.book(f, "13812345678")
		w.want(a.Answer, err, switching.Refused, "deadline")
	}
	if n := w.count(`SELECT COUNT(*) FROM visit`); n != 0 {
		t.Errorf("%d places are taken", n)
	}
	a, err := w.book(f, "13812345678")
	w.want(a.Answer, err, switching.Approved, "")
}

func TestAVisitInDoubtIsTakenBack(t *testing.T) {
	w := visits(t)
	w.desk.will(switching.TimedOut)
	a, err := w.book(follower("a"), "13812345678")
	w.want(a.Answer, err, switching.TimedOut, "")
	if list := w.desk.advices(); len(list) != 1 || list[0] != "reversal of appointment at klb" {
		t.Error(list)
	}
	w.desk.late(w.desk.last, codec.Approved, "00") // revives nothing, and frees no place
	if n := w.count(`SELECT COUNT(*) FROM visit`); n != 1 {
		t.Errorf("%d places are taken", n)
	}
}

func TestWhoMayNotBook(t *testing.T) {
	w := visits(t)
	f := follower("a")
	a, err := w.service.Unfollow(w.Context(), w.call(f), time.Time{})
	w.want(a, err, switching.Approved, "")
	v, err := w.book(f, "13812345678")
	w.want(v.Answer, err, switching.Refused, ReasonUnfollowed)
	a, err = w.service.Follow(w.Context(), w.call(f), time.Time{})
	w.want(a, err, switching.Approved, "")
	w.must(w.exec(`UPDATE customer SET frozen = 1 WHERE subject = 'a'`))
	v, err = w.book(f, "13812345678")
	w.want(v.Answer, err, switching.Refused, ReasonFrozen)
	if w.desk.sent != 0 {
		t.Errorf("%d sent", w.desk.sent)
	}
}

func TestNoPhoneInClear(t *testing.T) {
	w := visits(t)
	a, err := w.book(follower("a"), "13812345678")
	w.want(a.Answer, err, switching.Approved, "")
	if n := w.count(`SELECT COUNT(*) FROM visit WHERE instr(phone_ix, '13812345678') > 0`); n != 0 {
		t.Error("the phone number is in the database")
	}
}
