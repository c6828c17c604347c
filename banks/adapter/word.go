package adapter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/db"
)

// ErrWords is the error of Tell when as many words wait as may.
var ErrWords = errors.New("adapter: too many messages wait to be told")

// word is one message of the bank's own.
type word struct {
	id       int64
	message  *codec.Message
	attempts int
	broken   error // why it cannot be read; nil for one that can
}

// Tell stores what the bank says by itself (a movement, the end of an account):
// type, account and what else it says, by field. It is on disk when Tell
// returns, and is then told until the switch acknowledges it, under one STAN, F7
// and RRN, so that the switch knows a repeat; words of one account in the order
// in which they were stored.
func (a *Adapter) Tell(ctx context.Context, m *codec.Message) error {
	err := a.ledger.db.Write(ctx, func(ctx context.Context, tx db.Tx) error {
		return a.TellIn(ctx, tx, m)
	})
	if err != nil {
		return err
	}
	select {
	case a.kick <- struct{}{}:
	default:
	}
	return nil
}

// TellIn is Tell within a transaction of Config.DB, for a core that keeps its
// own books there: what happened and that it must be told are then one. It is
// told within 250 ms of the commit.
func (a *Adapter) TellIn(ctx context.Context, tx db.Tx, m *codec.Message) error {
	if m.Type.Class() != codec.Inbound {
		return fmt.Errorf("adapter: a bank does not say %s", m.Type)
	}
	var last, waiting int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT MAX(id) FROM adapter_word), 0),
		(SELECT COUNT(*) FROM adapter_word WHERE state = 'waiting')`).Scan(&last, &waiting)
	if err != nil {
		return err
	}
	if waiting >= int64(a.cfg.Words) {
		return ErrWords
	}
	now := a.cfg.Now()
	w := word{id: last + 1, message: &codec.Message{Type: m.Type, Fields: m.Fields}}
	stan, sent, rrn := codec.NewSTAN(w.id%999_999+1), codec.NewStamp(now), codec.NewRRN(w.id%1_000_000_000_000)
	a.number(w.message, string(stan), string(sent), string(rrn))
	if _, err := a.cfg.Dialect.Pack(w.message); err != nil {
		return fmt.Errorf("adapter: cannot be written: %w", err)
	}
	sealed, err := a.ledger.keys.Seal(m.AppendClear(nil), wordContext(w.id))
	if err != nil {
		return err
	}
	account := a.ledger.keys.Index("adapter account", m.AccountNumber().Reveal())
	_, err = tx.ExecContext(ctx, `INSERT INTO adapter_word (id, type, account, stan, sent, rrn, fields, state, code, attempts, next, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', '', 0, $8, $8)`,
		w.id, string(m.Type), account, string(stan), string(sent), string(rrn), sealed, now.UnixMilli())
	return err
}

func wordContext(id int64) []byte { return fmt.Appendf(nil, "adapter word %d", id) }

// number gives the word its numbers, and the bank's own fields.
func (a *Adapter) number(m *codec.Message, stan, sent, rrn string) {
	for f, v := range a.cfg.Identity.All {
		if !m.Has(f) {
			m.Set(f, v)
		}
	}
	m.Set(codec.FieldSTAN, stan)
	m.Set(codec.FieldSent, sent)
	m.Set(codec.FieldRRN, rrn)
}

const (
	wordsAtOnce = 64
	wordPoll    = 250 * time.Millisecond
)

// Speak tells what waits until ctx is done. Run does it; it is for those who
// call Accept or ServeConn themselves. A word that is not answered holds up
// those of its own account only.
func (a *Adapter) Speak(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	under := map[int64]struct{}{}          // words being told
	ended := make(chan int64, wordsAtOnce) // those no more; room for all; never closed
	for ctx.Err() == nil {
		for range len(ended) { // before the read, which then sees how they ended
			delete(under, <-ended)
		}
		list, err := a.due(ctx)
		if err != nil && ctx.Err() == nil {
			a.cfg.Log.Error().Err(err).Msg("read what waits to be told")
		}
		for _, w := range list {
			if _, is := under[w.id]; is || len(under) == wordsAtOnce {
				continue
			}
			under[w.id] = struct{}{}
			wg.Go(func() {
				if a.tell(ctx, w) != nil { // still due: without a pause it would be told as fast as it is answered
					rest(ctx, a.cfg.RetryMin)
				}
				ended <- w.id
			})
		}
		timer := time.NewTimer(wordPoll)
		select {
		case id := <-ended:
			delete(under, id)
		case <-a.kick:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// due returns the oldest word of each account, if it is due and a link can carry
// it. One put off farther than any is was so under a clock that was set back since.
func (a *Adapter) due(ctx context.Context) ([]word, error) {
	if a.another(nil) == nil {
		return nil, nil
	}
	now := a.cfg.Now()
	return query(ctx, a.ledger.db, `SELECT id, type, stan, sent, rrn, fields, attempts FROM adapter_word
		WHERE id IN (SELECT MIN(id) FROM adapter_word WHERE state = 'waiting' GROUP BY account) AND (next <= $1 OR next > $3)
		ORDER BY id LIMIT $2`, a.scanWord, now.UnixMilli(), wordsAtOnce, now.Add(a.cfg.RetryMax).UnixMilli())
}

func (a *Adapter) scanWord(rows *sql.Rows) (w word, err error) {
	var kind, stan, sent, rrn string
	var sealed []byte
	if err = rows.Scan(&w.id, &kind, &stan, &sent, &rrn, &sealed, &w.attempts); err != nil {
		return w, err
	}
	w.message = codec.NewRequest(codec.Type(kind))
	clear, err := a.ledger.keys.Open(sealed, wordContext(w.id))
	if err == nil {
		w.message.Fields, err = codec.ParseClear(clear)
	}
	w.broken = err // it is put off, and holds up those of its own account only
	w.message.Repeat = w.attempts > 0
	a.number(w.message, stan, sent, rrn)
	return w, nil
}

// tell says one word and waits for its acknowledgement. A crash after it was
// said leaves it waiting: it is said again, under the same numbers. The error is
// the ledger's.
func (a *Adapter) tell(ctx context.Context, w word) error {
	code := ""
	if w.broken != nil {
		a.cfg.Log.Error().Err(w.broken).Int64("word", w.id).Msg("what waits to be told cannot be read")
	} else if reply := a.ask(ctx, w.message); reply != nil {
		code = reply.Get(codec.FieldCode)
	}
	state, attempts, next := "waiting", w.attempts, a.cfg.Now()
	meaning := a.cfg.Dialect.Meaning(w.message.Type, code)
	switch meaning {
	case codec.Approved, codec.Declined: // heard, whatever became of it
		state = "told"
	case codec.InDoubt, codec.Unmapped:
		attempts++
		next = next.Add(a.cfg.pause(attempts))
	}
	if meaning != codec.Approved && w.broken == nil && ctx.Err() == nil {
		a.noisy.Warn().Int64("word", w.id).Str("type", string(w.message.Type)).Str("rrn", w.message.Get(codec.FieldRRN)).
			Str("code", code).Stringer("meaning", meaning).Int("attempts", attempts).Msg("the switch did not take what was told")
	}
	err := a.ledger.db.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx db.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE adapter_word SET state = $1, code = $2, attempts = $3, next = $4 WHERE id = $5`,
			state, code, attempts, next.UnixMilli(), w.id)
		return err
	})
	if err != nil {
		a.cfg.Log.Error().Err(err).Int64("word", w.id).Msg("note what was told")
	}
	return err
}

// pause is what comes after so many attempts, without overflow.
func (c *Config) pause(attempts int) time.Duration {
	if doublings := min(attempts-1, 20); c.RetryMin <= c.RetryMax>>doublings {
		return c.RetryMin << doublings
	}
	return c.RetryMax
}

// ask sends the message over any link, and returns its reply, nil for none.
func (a *Adapter) ask(ctx context.Context, m *codec.Message) *codec.Message {
	raw, err := a.cfg.Dialect.Pack(m)
	if err != nil {
		a.cfg.Log.Error().Err(err).Str("type", string(m.Type)).Msg("message cannot be written")
		return nil
	}
	head, err := a.cfg.Dialect.Peek(raw)
	l := a.another(nil)
	if err != nil || l == nil {
		return nil
	}
	c := a.waiting.add(head.Pair)
	defer a.waiting.remove(head.Pair)
	if l.write(raw) != nil {
		return nil
	}
	l.observe(m, true, "")
	timer := time.NewTimer(a.cfg.Told)
	defer timer.Stop()
	select {
	case reply := <-c:
		return reply
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// answered hands the reply to a word to whoever waits for it.
func (l *link) answered(raw []byte, head codec.Head) {
	m, err := l.a.cfg.Dialect.Unpack(raw)
	if err != nil {
		l.drop(droppedMalformed, err)
		return
	}
	l.observe(m, false, "")
	if !l.a.waiting.give(head.Pair, m) {
		l.drop(droppedUnasked, nil) // late: the repeat is answered alike
	}
}

// waiting are those who wait for the reply to a word.
type waiting struct {
	mu sync.Mutex // guards at
	at map[codec.Pair]chan *codec.Message
}

func (w *waiting) add(p codec.Pair) chan *codec.Message {
	c := make(chan *codec.Message, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[p] = c
	return c
}

func (w *waiting) remove(p codec.Pair) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.at, p)
}

func (w *waiting) give(p codec.Pair, m *codec.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.at[p]
	if c == nil {
		return false
	}
	delete(w.at, p)
	c <- m
	return true
}
